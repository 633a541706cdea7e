package compute

import (
	"cmp"
	"slices"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// attachInput names a volume and an instance; for a detachment all but the volume may be empty.
type attachInput struct {
	Volume, Instance, Device string
	Force                    bool
}

func decodeAttach(p *awswire.Params) attachInput {
	in := attachInput{Volume: p.Required("VolumeId"), Instance: p.Required("InstanceId"), Device: p.Required("Device")}
	if in.Device != "" && !deviceName.MatchString(in.Device) {
		p.Invalid("Value (%s) for parameter device is invalid. %s is not a valid EBS device name.", in.Device, in.Device)
	}
	return in
}

func decodeDetach(p *awswire.Params) attachInput {
	return attachInput{p.Required("VolumeId"), p.String("InstanceId"), p.String("Device"), p.Bool("Force", false)}
}

func attach(s *call.Scope, in attachInput) (any, error) {
	v, err := call.Find(s.Volumes, call.KindVolume, in.Volume)
	if err != nil {
		return nil, err
	}
	i, err := call.Find(s.Instances, call.KindInstance, in.Instance)
	if err != nil {
		return nil, err
	}
	switch {
	case v.Attachment != nil:
		return nil, awswire.Errorf("VolumeInUse", 400, "%s is already attached to an instance", v.ID)
	case v.State != state.VolumeAvailable:
		return nil, awswire.Errorf("IncorrectState", 400, "Volume '%s' is not 'available': it is '%s'", v.ID, v.State)
	case v.Zone != i.Zone:
		return nil, awswire.Errorf("InvalidVolume.ZoneMismatch", 400, "The volume '%s' is not in the same availability zone as instance '%s'", v.ID, i.ID)
	case i.State != state.InstanceRunning && i.State != state.InstanceStopped:
		return nil, awswire.Errorf("IncorrectState", 400, "Instance '%s' is not 'running' or 'stopped': it is '%s'", i.ID, i.State)
	case slices.ContainsFunc(i.Devices, func(d state.InstanceDevice) bool { return d.Name == in.Device }):
		return nil, call.Invalid("Invalid value '%s' for unixDevice. Attachment point %s is already in use", in.Device, in.Device)
	}
	v.State = state.VolumeInUse
	v.Attachment = &state.VolumeAttachment{
		Instance: i.ID, Device: in.Device, State: state.AttachmentAttaching, Time: s.Now, Due: s.Now.Add(s.API.Delay(settings.VolumeAttach)),
	}
	i.Devices = append(i.Devices, state.InstanceDevice{Name: in.Device, Volume: v.ID})
	return renderAttachment(v), nil
}

func detach(s *call.Scope, in attachInput) (any, error) {
	v, err := call.Find(s.Volumes, call.KindVolume, in.Volume)
	if err != nil {
		return nil, err
	}
	a := v.Attachment
	if a == nil || a.State == state.AttachmentAttaching {
		return nil, awswire.Errorf("IncorrectState", 400, "Volume '%s' is in the '%s' state.", v.ID, v.State)
	}
	if cmp.Or(in.Instance, a.Instance) != a.Instance || cmp.Or(in.Device, a.Device) != a.Device {
		return nil, awswire.Errorf("InvalidAttachment.NotFound", 400, "Volume '%s' is not attached to instance '%s' at device '%s'", v.ID, in.Instance, in.Device)
	}
	if i := s.Instances[a.Instance]; i != nil && a.Device == i.RootDevice && i.State != state.InstanceStopped {
		return nil, awswire.Errorf("OperationNotPermitted", 400, "Unable to detach root volume '%s' from instance '%s'", v.ID, i.ID)
	}
	a.State, a.Due = state.AttachmentDetaching, s.Now.Add(s.API.Delay(settings.VolumeAttach))
	return renderAttachment(v), nil
}

// modifyVolumeInput is a change of a volume; what is 0 or empty stays as it is.
type modifyVolumeInput struct {
	ID   string
	Want volumeSpec
}

func decodeModifyVolume(p *awswire.Params) modifyVolumeInput {
	in := modifyVolumeInput{p.Required("VolumeId"), volumeSpec{
		SizeGiB: p.IntBetween("Size", 0, 1, 65536), Type: p.String("VolumeType"), IOPS: p.Int("Iops", 0), Throughput: p.Int("Throughput", 0),
	}}
	if in.Want == (volumeSpec{}) {
		p.Refuse("MissingParameter", "The request must contain the parameter Size, VolumeType, Iops or Throughput")
	}
	return in
}

// betweenChanges is how long a volume rests between two modifications.
const betweenChanges = 6 * time.Hour

type xmlChange struct {
	Volume         string       `xml:"volumeId"`
	State          string       `xml:"modificationState"`
	TargetSize     int          `xml:"targetSize"`
	TargetType     string       `xml:"targetVolumeType"`
	TargetIOPS     int          `xml:"targetIops"`
	FromSize       int          `xml:"originalSize"`
	FromType       string       `xml:"originalVolumeType"`
	FromIOPS       int          `xml:"originalIops"`
	Progress       int          `xml:"progress"`
	Started        awswire.Time `xml:"startTime"`
	Ended          awswire.Time `xml:"endTime"`
	FromThroughput int          `xml:"originalThroughput,omitempty"`
	Throughput     int          `xml:"targetThroughput,omitempty"`
}

func renderChange(s *call.Scope, v *state.Volume) xmlChange {
	c := v.Change
	x := xmlChange{
		Volume: v.ID, State: "modifying", TargetSize: v.SizeGiB, TargetType: v.Type, TargetIOPS: v.IOPS, FromSize: c.FromSizeGiB, FromType: c.FromType,
		FromIOPS: c.FromIOPS, Started: awswire.At(c.Started), FromThroughput: c.FromThroughput, Throughput: v.Throughput,
	}
	if v.MadeGiB >= v.SizeGiB && !s.Now.Before(c.Due) {
		x.State, x.Progress, x.Ended = "completed", 100, awswire.At(c.Due)
	}
	return x
}

func modifyVolume(s *call.Scope, in modifyVolumeInput) (any, error) {
	v, err := call.Find(s.Volumes, call.KindVolume, in.ID)
	if err != nil {
		return nil, err
	}
	if v.State != state.VolumeAvailable && v.State != state.VolumeInUse {
		return nil, awswire.Errorf("IncorrectState", 400, "The volume '%s' is '%s'", v.ID, v.State)
	}
	if v.Change != nil && s.Now.Sub(v.Change.Started) < betweenChanges {
		return nil, awswire.Errorf("VolumeModificationRateExceeded", 400,
			"You've reached the maximum modification rate per volume limit. Wait at least 6 hours between modifications per EBS volume.")
	}
	now := volumeSpec{SizeGiB: v.SizeGiB, Type: v.Type}
	if in.Want.Type == "" || in.Want.Type == v.Type { // another type begins with its own defaults
		now.IOPS, now.Throughput = v.IOPS, v.Throughput
		if v.Type == "gp2" {
			now.IOPS = 0
		}
	}
	want := in.Want.over(now)
	want.IOPS, want.Throughput = cmp.Or(want.IOPS, now.IOPS), cmp.Or(want.Throughput, now.Throughput)
	if want, err = want.complete(); err != nil {
		return nil, err
	}
	if want.SizeGiB < v.SizeGiB {
		return nil, call.Invalid("New size cannot be smaller than existing size")
	}
	v.Change = &state.VolumeChange{
		FromSizeGiB: v.SizeGiB, FromType: v.Type, FromIOPS: v.IOPS, FromThroughput: v.Throughput,
		Started: s.Now, Due: s.Now.Add(s.API.Delay(settings.VolumeCreate)),
	}
	v.SizeGiB, v.Type, v.IOPS, v.Throughput = want.SizeGiB, want.Type, want.IOPS, want.Throughput
	return struct {
		Change xmlChange `xml:"volumeModification"`
	}{renderChange(s, v)}, nil
}

var changeListing = call.Listing[state.Volume, xmlChange]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeVolumesModifications", Set: "volumeModificationSet", IDs: "VolumeId", Kind: call.KindVolume,
	All: func(s *call.Scope) (all []*state.Volume) {
		for _, v := range call.Sorted(s.Volumes) {
			if v.Change != nil {
				all = append(all, v)
			}
		}
		return all
	},
	Key: volumeID,
	Fields: call.Fields[state.Volume]{
		"volume-id":          call.Of(func(v *state.Volume) string { return v.ID }),
		"modification-state": call.Text(func(r call.Row[state.Volume]) string { return renderChange(r.Scope, r.It).State }),
	},
	Render: func(r call.Row[state.Volume]) xmlChange { return renderChange(r.Scope, r.It) },
}
