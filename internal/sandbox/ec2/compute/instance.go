package compute

import (
	"cmp"
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/catalog"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/vpc"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlReservation struct {
	ID        string                  `xml:"reservationId"`
	Owner     string                  `xml:"ownerId"`
	Groups    struct{}                `xml:"groupSet"`
	Instances call.Items[xmlInstance] `xml:"instancesSet"`
}

type xmlInstance struct {
	ID              string                           `xml:"instanceId"`
	Image           string                           `xml:"imageId"`
	State           xmlState                         `xml:"instanceState"`
	PrivateDNS      string                           `xml:"privateDnsName"`
	PublicDNS       string                           `xml:"dnsName"`
	Reason          string                           `xml:"reason"`
	KeyName         string                           `xml:"keyName,omitempty"`
	LaunchIndex     int                              `xml:"amiLaunchIndex"`
	ProductCodes    struct{}                         `xml:"productCodes"`
	Type            string                           `xml:"instanceType"`
	Launched        awswire.Time                     `xml:"launchTime"`
	Zone            string                           `xml:"placement>availabilityZone"`
	Tenancy         string                           `xml:"placement>tenancy"`
	Monitoring      string                           `xml:"monitoring>state"`
	Subnet          string                           `xml:"subnetId,omitempty"`
	VPC             string                           `xml:"vpcId,omitempty"`
	PrivateIP       string                           `xml:"privateIpAddress,omitempty"`
	PublicIP        string                           `xml:"ipAddress,omitempty"`
	SourceDestCheck bool                             `xml:"sourceDestCheck"`
	Groups          call.Items[vpc.GroupName]        `xml:"groupSet"`
	StateReason     *xmlStateReason                  `xml:"stateReason"`
	Architecture    string                           `xml:"architecture"`
	RootDeviceType  string                           `xml:"rootDeviceType"`
	RootDevice      string                           `xml:"rootDeviceName"`
	Devices         call.Items[xmlInstanceDevice]    `xml:"blockDeviceMapping"`
	Virtualization  string                           `xml:"virtualizationType"`
	ClientToken     string                           `xml:"clientToken"`
	Tags            call.Items[call.Tag]             `xml:"tagSet"`
	Hypervisor      string                           `xml:"hypervisor"`
	Interfaces      call.Items[xmlInstanceInterface] `xml:"networkInterfaceSet"`
	Profile         *xmlProfile                      `xml:"iamInstanceProfile"`
	EBSOptimized    bool                             `xml:"ebsOptimized"`
	ENA             bool                             `xml:"enaSupport"`
	Cores           int                              `xml:"cpuOptions>coreCount"`
	Threads         int                              `xml:"cpuOptions>threadsPerCore"`
	Metadata        xmlMetadata                      `xml:"metadataOptions"`
	Platform        string                           `xml:"platformDetails"`
	Usage           string                           `xml:"usageOperation"`
}

type xmlState struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

// stateCodes are the numbers that go with the states of an instance.
var stateCodes = map[string]int{ //nolint:gochecknoglobals // a constant table
	state.InstancePending: 0, state.InstanceRunning: 16, state.InstanceShuttingDown: 32, state.InstanceTerminated: 48,
	state.InstanceStopping: 64, state.InstanceStopped: 80,
}

func stateOf(name string) xmlState { return xmlState{stateCodes[name], name} }

type xmlStateReason struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

type xmlInstanceDevice struct {
	Name                string       `xml:"deviceName"`
	Volume              string       `xml:"ebs>volumeId"`
	Status              string       `xml:"ebs>status"`
	Time                awswire.Time `xml:"ebs>attachTime"`
	DeleteOnTermination bool         `xml:"ebs>deleteOnTermination"`
}

type xmlInstanceInterface struct {
	ID              string                    `xml:"networkInterfaceId"`
	Subnet          string                    `xml:"subnetId"`
	VPC             string                    `xml:"vpcId"`
	Description     string                    `xml:"description"`
	Owner           string                    `xml:"ownerId"`
	Status          string                    `xml:"status"`
	MAC             string                    `xml:"macAddress"`
	PrivateIP       string                    `xml:"privateIpAddress"`
	PrivateDNS      string                    `xml:"privateDnsName"`
	SourceDestCheck bool                      `xml:"sourceDestCheck"`
	Groups          call.Items[vpc.GroupName] `xml:"groupSet"`
	Attachment      *vpc.InterfaceAttachment  `xml:"attachment"`
	Association     *vpc.PublicAddress        `xml:"association"`
	Addresses       call.Items[vpc.Address]   `xml:"privateIpAddressesSet"`
	Type            string                    `xml:"interfaceType"`
}

type xmlProfile struct {
	ARN string `xml:"arn"`
	ID  string `xml:"id"`
}

type xmlMetadata struct {
	State    string `xml:"state"`
	Tokens   string `xml:"httpTokens"`
	HopLimit int    `xml:"httpPutResponseHopLimit"`
	Endpoint string `xml:"httpEndpoint"`
	IPv6     string `xml:"httpProtocolIpv6"`
	Tags     string `xml:"instanceMetadataTags"`
}

func renderMetadata(m state.MetadataOptions) xmlMetadata {
	x := xmlMetadata{State: "applied", Tokens: "required", HopLimit: m.HopLimit, Endpoint: "enabled", IPv6: "disabled", Tags: "disabled"}
	if m.TokensOptional {
		x.Tokens = "optional"
	}
	if m.Disabled {
		x.Endpoint = "disabled"
	}
	if m.InstanceTags {
		x.Tags = "enabled"
	}
	return x
}

func renderInstance(s *call.Scope, i *state.Instance) xmlInstance {
	x := xmlInstance{
		ID: i.ID, Image: i.Image, State: stateOf(i.State), Reason: i.Reason, KeyName: i.KeyName, LaunchIndex: i.LaunchIndex, Type: i.Type,
		Launched: awswire.At(i.Launched), Zone: i.Zone, Tenancy: "default", Monitoring: "disabled", SourceDestCheck: !i.NoSourceDestCheck,
		Architecture: "x86_64", RootDeviceType: "ebs", RootDevice: i.RootDevice, Virtualization: "hvm", ClientToken: i.ClientToken,
		Tags: s.TagSet(i.ID), Hypervisor: "xen", EBSOptimized: i.EBSOptimized, Metadata: renderMetadata(i.Metadata),
		Platform: "Linux/UNIX", Usage: "RunInstances",
	}
	if i.Monitoring {
		x.Monitoring = "enabled"
	}
	if i.ReasonCode != "" {
		x.StateReason = &xmlStateReason{i.ReasonCode, i.Reason}
	}
	if t, ok := catalog.FindInstanceType(i.Type); ok {
		x.Cores, x.Threads, x.ENA = max(1, t.VCPUs/2), min(2, t.VCPUs), t.Nitro
	}
	if i.Profile != "" {
		x.Profile = &xmlProfile{ARN: i.Profile}
		if p := profileOf(s, i.Profile); p != nil {
			x.Profile.ID = p.ID
		}
	}
	for _, d := range i.Devices {
		if v := s.Volumes[d.Volume]; v != nil && v.Attachment != nil {
			x.Devices.Item = append(x.Devices.Item, xmlInstanceDevice{
				d.Name, v.ID, v.Attachment.State, awswire.At(v.Attachment.Time), v.Attachment.DeleteOnTermination,
			})
		}
	}
	if n := s.NetworkInterfaces[i.Interface]; n != nil {
		renderPrimary(s, &x, n)
	}
	return x
}

// renderPrimary shows an instance's interface; a terminated one has none, and no network.
func renderPrimary(s *call.Scope, x *xmlInstance, n *state.NetworkInterface) {
	x.Subnet, x.VPC, x.PrivateIP, x.PublicIP, x.PublicDNS = n.Subnet, n.VPC, n.PrivateIP, n.PublicIP, n.PublicIP
	x.PrivateDNS = network.PrivateDNS(s.Region.Name, n.PrivateIP)
	x.Groups = vpc.GroupNames(s, n.Groups)
	x.Interfaces.Item = []xmlInstanceInterface{{
		ID: n.ID, Subnet: n.Subnet, VPC: n.VPC, Description: n.Description, Owner: state.Account, Status: "in-use", MAC: n.MAC,
		PrivateIP: n.PrivateIP, PrivateDNS: x.PrivateDNS, SourceDestCheck: x.SourceDestCheck, Groups: x.Groups,
		Attachment: vpc.AttachmentOf(n), Association: vpc.PublicAddressOf(n), Addresses: vpc.AddressesOf(s, n), Type: "interface",
	}}
}

func profileOf(s *call.Scope, arn string) *state.Profile {
	for _, p := range s.Data.IAM.Profiles {
		if p.ARN() == arn {
			return p
		}
	}
	return nil
}

func instanceID(i *state.Instance) string { return i.ID }

// ofInterface makes a filter field of an instance's interface, if it has one.
func ofInterface(f func(*state.NetworkInterface) []string) func(call.Row[state.Instance]) []string {
	return func(r call.Row[state.Instance]) []string {
		if n := r.NetworkInterfaces[r.It.Interface]; n != nil {
			return f(n)
		}
		return nil
	}
}

// ofDevices makes a filter field with a value for each volume of an instance.
func ofDevices(f func(state.InstanceDevice) string) func(call.Row[state.Instance]) []string {
	return func(r call.Row[state.Instance]) (all []string) {
		for _, d := range r.It.Devices {
			all = append(all, f(d))
		}
		return all
	}
}

var instanceListing = call.Listing[state.Instance, xmlInstance]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeInstances", IDs: "InstanceId", Kind: call.KindInstance,
	All: func(s *call.Scope) []*state.Instance { return call.Sorted(s.Instances) }, Key: instanceID, Tags: call.TagsOf(instanceID),
	Fields: call.Fields[state.Instance]{
		"instance-id":                            call.Of(func(i *state.Instance) string { return i.ID }),
		"instance-state-name":                    call.Of(func(i *state.Instance) string { return i.State }),
		"instance-state-code":                    call.Of(func(i *state.Instance) string { return stateText(i.State) }),
		"instance-type":                          call.Of(func(i *state.Instance) string { return i.Type }),
		"image-id":                               call.Of(func(i *state.Instance) string { return i.Image }),
		"key-name":                               call.Of(func(i *state.Instance) string { return i.KeyName }),
		"availability-zone":                      call.Of(func(i *state.Instance) string { return i.Zone }),
		"reservation-id":                         call.Of(func(i *state.Instance) string { return i.Reservation }),
		"client-token":                           call.Of(func(i *state.Instance) string { return i.ClientToken }),
		"iam-instance-profile.arn":               call.Of(func(i *state.Instance) string { return i.Profile }),
		"root-device-name":                       call.Of(func(i *state.Instance) string { return i.RootDevice }),
		"metadata-options.http-tokens":           call.Of(func(i *state.Instance) string { return renderMetadata(i.Metadata).Tokens }),
		"owner-id":                               call.Always[state.Instance](state.Account),
		"architecture":                           call.Always[state.Instance]("x86_64"),
		"tenancy":                                call.Always[state.Instance]("default"),
		"vpc-id":                                 ofInterface(func(n *state.NetworkInterface) []string { return []string{n.VPC} }),
		"subnet-id":                              ofInterface(func(n *state.NetworkInterface) []string { return []string{n.Subnet} }),
		"private-ip-address":                     ofInterface(func(n *state.NetworkInterface) []string { return []string{n.PrivateIP} }),
		"ip-address":                             ofInterface(func(n *state.NetworkInterface) []string { return []string{n.PublicIP} }),
		"instance.group-id":                      ofInterface(func(n *state.NetworkInterface) []string { return n.Groups }),
		"network-interface.network-interface-id": ofInterface(func(n *state.NetworkInterface) []string { return []string{n.ID} }),
		"block-device-mapping.volume-id":         ofDevices(func(d state.InstanceDevice) string { return d.Volume }),
		"block-device-mapping.device-name":       ofDevices(func(d state.InstanceDevice) string { return d.Name }),
		"private-dns-name": func(r call.Row[state.Instance]) []string {
			return ofInterface(func(n *state.NetworkInterface) []string {
				return []string{network.PrivateDNS(r.Region.Name, n.PrivateIP)}
			})(r)
		},
	},
	Render: func(r call.Row[state.Instance]) xmlInstance { return renderInstance(r.Scope, r.It) },
}

func instanceActions(a *call.API) []awswire.Action {
	power := func(name string, handle func(*call.Scope, powerInput) (any, error)) awswire.Action {
		return call.Op[powerInput]{Name: name, Decode: decodePower(name), Handle: handle, Touches: func(in powerInput) []string { return in.IDs }}.Write(a)
	}
	return []awswire.Action{
		call.Op[runInput]{
			Name: "RunInstances", Decode: decodeRun, Handle: run,
			Creates: func(in runInput) call.TagSpecs { return in.Tags }, More: passRole,
		}.Write(a),
		call.Op[call.Query[state.Instance]]{Name: "DescribeInstances", Decode: instanceListing.Decode, Handle: describeInstances}.Read(a),
		statusListing.On(a),
		power("StartInstances", start),
		power("StopInstances", stop),
		power("RebootInstances", reboot),
		power("TerminateInstances", terminate),
	}
}

// describeInstances answers with reservations: the instances of one launch together.
func describeInstances(s *call.Scope, q call.Query[state.Instance]) (any, error) {
	rows, next, err := instanceListing.Find(s, q)
	if err != nil {
		return nil, err
	}
	out := call.Results[xmlReservation]{Set: "reservationSet", Next: next}
	for _, r := range rows {
		at := slices.IndexFunc(out.Items, func(x xmlReservation) bool { return x.ID == r.It.Reservation })
		if at < 0 {
			at = len(out.Items)
			out.Items = append(out.Items, xmlReservation{ID: r.It.Reservation, Owner: state.Account})
		}
		out.Items[at].Instances.Item = append(out.Items[at].Instances.Item, renderInstance(s, r.It))
	}
	return out, nil
}

// reservation returns the instances of one launch, in the order of their launch indices.
func reservation(s *call.Scope, id string) []*state.Instance {
	var all []*state.Instance
	for _, i := range s.Instances {
		if i.Reservation == id {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b *state.Instance) int { return cmp.Compare(a.LaunchIndex, b.LaunchIndex) })
	return all
}
