package compute

import (
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/catalog"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/vpc"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// attributeInput is one attribute of an instance: which, and what it is to be.
type attributeInput struct {
	Instance  string
	Attribute string
	Value     string          // of those with one value
	Groups    []string        // of groupSet
	Devices   map[string]bool // of blockDeviceMapping: DeleteOnTermination by device name
}

// attributes are an instance's attributes that can be described and changed: the parameter that changes it, what kind
// of value it has, and how it is changed and shown.
type attributeSpec struct {
	parameter string
	truth     bool // a truth value
	stopped   bool // can be changed only while the instance is stopped
	apply     func(*call.Scope, *state.Instance, attributeInput) error
	show      func(*state.Instance) string
}

func flag(field func(*state.Instance) *bool) (func(*call.Scope, *state.Instance, attributeInput) error, func(*state.Instance) string) {
	return func(_ *call.Scope, i *state.Instance, in attributeInput) error {
			*field(i) = in.Value == "true"
			return nil
		}, func(i *state.Instance) string {
			if *field(i) {
				return "true"
			}
			return "false"
		}
}

// attributeSpecs returns the table, by the attribute's name.
func attributeSpecs() map[string]attributeSpec {
	specs := map[string]attributeSpec{
		"instanceType": {parameter: "InstanceType", stopped: true, apply: setType, show: func(i *state.Instance) string { return i.Type }},
		"userData": {
			parameter: "UserData", stopped: true, show: func(i *state.Instance) string { return i.UserData },
			apply: func(_ *call.Scope, i *state.Instance, in attributeInput) error { i.UserData = in.Value; return nil },
		},
		"instanceInitiatedShutdownBehavior": {parameter: "InstanceInitiatedShutdownBehavior", apply: setShutdown, show: func(i *state.Instance) string {
			if i.TerminateOnHalt {
				return "terminate"
			}
			return "stop"
		}},
		"groupSet":           {parameter: "GroupId", apply: setGroups},
		"blockDeviceMapping": {parameter: "BlockDeviceMapping", apply: setDevices},
	}
	for name, f := range map[string]struct {
		parameter string
		stopped   bool
		field     func(*state.Instance) *bool
	}{
		"disableApiTermination": {"DisableApiTermination", false, func(i *state.Instance) *bool { return &i.ProtectTerminate }},
		"disableApiStop":        {"DisableApiStop", false, func(i *state.Instance) *bool { return &i.ProtectStop }},
		"ebsOptimized":          {"EbsOptimized", true, func(i *state.Instance) *bool { return &i.EBSOptimized }},
	} {
		spec := attributeSpec{parameter: f.parameter, truth: true, stopped: f.stopped}
		spec.apply, spec.show = flag(f.field)
		specs[name] = spec
	}
	set, _ := flag(func(i *state.Instance) *bool { return &i.NoSourceDestCheck })
	specs["sourceDestCheck"] = attributeSpec{
		parameter: "SourceDestCheck", truth: true,
		apply: func(s *call.Scope, i *state.Instance, in attributeInput) error {
			in.Value = map[string]string{"true": "false"}[in.Value] + map[string]string{"false": "true"}[in.Value]
			return set(s, i, in)
		},
		show: func(i *state.Instance) string {
			return map[bool]string{true: "false", false: "true"}[i.NoSourceDestCheck]
		},
	}
	return specs
}

func attributeActions(a *call.API) []awswire.Action {
	touches := call.Only(func(in attributeInput) string { return in.Instance })
	return []awswire.Action{
		call.Op[attributeInput]{Name: "ModifyInstanceAttribute", Decode: decodeModifyAttribute, Handle: modifyAttribute, Touches: touches}.Write(a),
		call.Op[attributeInput]{
			Name: "DescribeInstanceAttribute", Handle: describeAttribute,
			Decode: func(p *awswire.Params) attributeInput {
				return attributeInput{Instance: p.Required("InstanceId"), Attribute: p.Required("Attribute")}
			},
		}.Read(a),
		call.Op[metadataInput]{
			Name: "ModifyInstanceMetadataOptions", Decode: decodeModifyMetadata, Handle: modifyMetadata,
			Touches: call.Only(func(in metadataInput) string { return in.Instance }),
		}.Write(a),
	}
}

func decodeModifyAttribute(p *awswire.Params) attributeInput {
	in := attributeInput{Instance: p.Required("InstanceId")}
	for name, spec := range attributeSpecs() {
		if !p.Has(spec.parameter) {
			continue
		}
		if in.Attribute != "" {
			p.Refuse("InvalidParameterCombination", "Fields for multiple attributes specified. Only one attribute can be modified at a time.")
		}
		in.Attribute = name
		switch name {
		case "groupSet":
			in.Groups = p.Strings("GroupId")
		case "blockDeviceMapping":
			in.Devices = map[string]bool{}
			for _, item := range p.List("BlockDeviceMapping") {
				in.Devices[item.Required("DeviceName")] = item.Sub("Ebs").Bool("DeleteOnTermination", true)
			}
		default:
			in.Value = p.Sub(spec.parameter).String("Value")
			checkTruth(p, spec, in.Value)
		}
	}
	if in.Attribute == "" { // the older way: Attribute=instanceType, Value=m5.large
		in.Attribute, in.Value = p.String("Attribute"), p.String("Value")
		spec, known := attributeSpecs()[in.Attribute]
		switch {
		case in.Attribute == "":
			p.Refuse("InvalidParameterCombination", "No attributes specified.")
		case !known || spec.parameter == "GroupId" || spec.parameter == "BlockDeviceMapping":
			p.Invalid("Value (%s) for parameter attribute is invalid.", in.Attribute)
		default:
			checkTruth(p, spec, in.Value)
		}
	}
	return in
}

func checkTruth(p *awswire.Params, spec attributeSpec, value string) {
	if spec.truth && value != "true" && value != "false" {
		p.Invalid("Value (%s) for parameter %s is invalid. It must be true or false.", value, spec.parameter)
	}
}

func modifyAttribute(s *call.Scope, in attributeInput) (any, error) {
	i, err := call.Find(s.Instances, call.KindInstance, in.Instance)
	if err != nil {
		return nil, err
	}
	spec := attributeSpecs()[in.Attribute]
	if i.State == state.InstanceTerminated || i.State == state.InstanceShuttingDown {
		return nil, wrongState(i, "modified")
	}
	if spec.stopped && i.State != state.InstanceStopped {
		return nil, awswire.Errorf("IncorrectInstanceState", 400, "The instance '%s' is not in the 'stopped' state.", i.ID)
	}
	if err := spec.apply(s, i, in); err != nil {
		return nil, err
	}
	return call.Done()
}

func setType(_ *call.Scope, i *state.Instance, in attributeInput) error {
	if _, ok := catalog.FindInstanceType(in.Value); !ok {
		return call.Invalid("Invalid value '%s' for InstanceType.", in.Value)
	}
	i.Type = in.Value
	return nil
}

func setShutdown(_ *call.Scope, i *state.Instance, in attributeInput) error {
	if in.Value != "stop" && in.Value != "terminate" {
		return call.Invalid("Value (%s) for parameter instanceInitiatedShutdownBehavior is invalid. It must be stop or terminate.", in.Value)
	}
	i.TerminateOnHalt = in.Value == "terminate"
	return nil
}

func setGroups(s *call.Scope, i *state.Instance, in attributeInput) error {
	groups, err := vpc.CheckGroups(s, i.VPC, in.Groups)
	if err != nil {
		return err
	}
	s.NetworkInterfaces[i.Interface].Groups = slices.Clone(groups)
	return nil
}

func setDevices(s *call.Scope, i *state.Instance, in attributeInput) error {
	for name, remove := range in.Devices {
		at := slices.IndexFunc(i.Devices, func(d state.InstanceDevice) bool { return d.Name == name })
		if at < 0 {
			return awswire.Errorf("InvalidInstanceAttributeValue", 400, "No device is currently mapped at %s", name)
		}
		s.Volumes[i.Devices[at].Volume].Attachment.DeleteOnTermination = remove
	}
	return nil
}

func describeAttribute(s *call.Scope, in attributeInput) (any, error) {
	i, err := call.Find(s.Instances, call.KindInstance, in.Instance)
	if err != nil {
		return nil, err
	}
	x := renderInstance(s, i)
	spec, known := attributeSpecs()[in.Attribute]
	switch {
	case in.Attribute == "groupSet":
		return struct {
			ID     string                    `xml:"instanceId"`
			Groups call.Items[vpc.GroupName] `xml:"groupSet"`
		}{i.ID, x.Groups}, nil
	case in.Attribute == "blockDeviceMapping":
		return struct {
			ID      string                        `xml:"instanceId"`
			Devices call.Items[xmlInstanceDevice] `xml:"blockDeviceMapping"`
		}{i.ID, x.Devices}, nil
	case in.Attribute == "rootDeviceName":
		return attributeResult{i.ID, in.Attribute, i.RootDevice}, nil
	case !known:
		return nil, call.Invalid("Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return attributeResult{i.ID, in.Attribute, spec.show(i)}, nil
}
