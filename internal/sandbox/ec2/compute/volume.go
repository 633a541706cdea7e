package compute

import (
	"slices"
	"strconv"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlVolume struct {
	ID          string                          `xml:"volumeId"`
	Size        int                             `xml:"size"`
	Snapshot    string                          `xml:"snapshotId"`
	Zone        string                          `xml:"availabilityZone"`
	State       string                          `xml:"status"`
	Created     awswire.Time                    `xml:"createTime"`
	Attachments call.Items[xmlVolumeAttachment] `xml:"attachmentSet"`
	Tags        call.Items[call.Tag]            `xml:"tagSet"`
	Type        string                          `xml:"volumeType"`
	IOPS        int                             `xml:"iops,omitempty"`
	Throughput  int                             `xml:"throughput,omitempty"`
	Encrypted   bool                            `xml:"encrypted"`
	KMSKey      string                          `xml:"kmsKeyId,omitempty"`
	MultiAttach bool                            `xml:"multiAttachEnabled"`
}

type xmlVolumeAttachment struct {
	Volume              string       `xml:"volumeId"`
	Instance            string       `xml:"instanceId"`
	Device              string       `xml:"device"`
	State               string       `xml:"status"`
	Time                awswire.Time `xml:"attachTime"`
	DeleteOnTermination bool         `xml:"deleteOnTermination"`
}

func renderAttachment(v *state.Volume) xmlVolumeAttachment {
	a := v.Attachment
	return xmlVolumeAttachment{v.ID, a.Instance, a.Device, a.State, awswire.At(a.Time), a.DeleteOnTermination}
}

// ebsKey is the ARN of the account's default key for volumes. What is encrypted is only said to be.
func ebsKey(s *call.Scope) string {
	return "arn:aws:kms:" + s.Region.Name + ":" + state.Account + ":key/00000000-0000-4000-8000-000000000eb5"
}

func renderVolume(s *call.Scope, v *state.Volume) xmlVolume {
	x := xmlVolume{
		ID: v.ID, Size: v.SizeGiB, Snapshot: v.Snapshot, Zone: v.Zone, State: v.State, Created: awswire.At(v.Created), Tags: s.TagSet(v.ID),
		Type: v.Type, IOPS: v.IOPS, Throughput: v.Throughput, Encrypted: v.Encrypted,
	}
	if v.Encrypted {
		x.KMSKey = ebsKey(s)
	}
	if v.Attachment != nil {
		x.Attachments.Item = []xmlVolumeAttachment{renderAttachment(v)}
	}
	return x
}

func volumeID(v *state.Volume) string { return v.ID }

// ofAttachment makes a filter field of a volume's attachment, if it has one.
func ofAttachment(f func(*state.VolumeAttachment) string) func(call.Row[state.Volume]) []string {
	return func(r call.Row[state.Volume]) []string {
		if r.It.Attachment == nil {
			return nil
		}
		return []string{f(r.It.Attachment)}
	}
}

var volumeListing = call.Listing[state.Volume, xmlVolume]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeVolumes", Set: "volumeSet", IDs: "VolumeId", Kind: call.KindVolume,
	All: func(s *call.Scope) []*state.Volume { return call.Sorted(s.Volumes) }, Key: volumeID, Tags: call.TagsOf(volumeID),
	Fields: call.Fields[state.Volume]{
		"volume-id":              call.Of(func(v *state.Volume) string { return v.ID }),
		"availability-zone":      call.Of(func(v *state.Volume) string { return v.Zone }),
		"encrypted":              call.Is(func(v *state.Volume) bool { return v.Encrypted }),
		"size":                   call.Of(func(v *state.Volume) string { return strconv.Itoa(v.SizeGiB) }),
		"snapshot-id":            call.Of(func(v *state.Volume) string { return v.Snapshot }),
		"status":                 call.Of(func(v *state.Volume) string { return v.State }),
		"volume-type":            call.Of(func(v *state.Volume) string { return v.Type }),
		"create-time":            call.Of(func(v *state.Volume) string { return awswire.ISO(v.Created) }),
		"attachment.instance-id": ofAttachment(func(a *state.VolumeAttachment) string { return a.Instance }),
		"attachment.device":      ofAttachment(func(a *state.VolumeAttachment) string { return a.Device }),
		"attachment.status":      ofAttachment(func(a *state.VolumeAttachment) string { return a.State }),
		"attachment.delete-on-termination": ofAttachment(func(a *state.VolumeAttachment) string {
			return strconv.FormatBool(a.DeleteOnTermination)
		}),
	},
	Render: func(r call.Row[state.Volume]) xmlVolume { return renderVolume(r.Scope, r.It) },
}

func volumeActions(a *call.API) []awswire.Action {
	both := func(in attachInput) []string {
		return slices.DeleteFunc([]string{in.Volume, in.Instance}, func(id string) bool { return id == "" })
	}
	return []awswire.Action{
		call.Op[createVolumeInput]{
			Name: "CreateVolume", Decode: decodeCreateVolume, Handle: createVolume,
			Creates: func(in createVolumeInput) call.TagSpecs { return in.Tags },
		}.Write(a),
		volumeListing.On(a),
		changeListing.On(a),
		call.Op[call.One]{Name: "DeleteVolume", Decode: call.DecodeOne("VolumeId"), Handle: deleteVolume, Touches: call.OneID}.Write(a),
		call.Op[modifyVolumeInput]{
			Name: "ModifyVolume", Decode: decodeModifyVolume, Handle: modifyVolume,
			Touches: call.Only(func(in modifyVolumeInput) string { return in.ID }),
		}.Write(a),
		call.Op[attachInput]{Name: "AttachVolume", Decode: decodeAttach, Handle: attach, Touches: both}.Write(a),
		call.Op[attachInput]{Name: "DetachVolume", Decode: decodeDetach, Handle: detach, Touches: both}.Write(a),
	}
}

type createVolumeInput struct {
	volumeSpec
	Zone, ZoneID, Token string
	Tags                call.TagSpecs
}

func decodeCreateVolume(p *awswire.Params) createVolumeInput {
	in := createVolumeInput{
		volumeSpec: decodeVolumeSpec(p, "Size"), Zone: p.String("AvailabilityZone"), ZoneID: p.String("AvailabilityZoneId"),
		Token: decodeToken(p), Tags: call.DecodeTagSpecs(p, "volume"),
	}
	if in.Zone == "" && in.ZoneID == "" {
		p.Refuse("MissingParameter", "The request must contain the parameter AvailabilityZone")
	}
	if p.Bool("MultiAttachEnabled", false) {
		p.Invalid("The sandbox has no volumes that can be attached to several instances")
	}
	return in
}

// newVolume makes a volume of a complete spec that is being created.
func newVolume(s *call.Scope, spec volumeSpec, zone string) *state.Volume {
	v := &state.Volume{
		ID: awswire.NewID("vol"), SizeGiB: spec.SizeGiB, Type: spec.Type, IOPS: spec.IOPS, Throughput: spec.Throughput, Zone: zone,
		Encrypted: spec.Encrypted, Snapshot: spec.Snapshot, State: state.VolumeCreating, Created: s.Now, Due: s.Now.Add(s.API.Delay(settings.VolumeCreate)),
	}
	s.Volumes[v.ID] = v
	return v
}

func createVolume(s *call.Scope, in createVolumeInput) (any, error) {
	id, _, err := s.Once(in.Token, func() (string, error) {
		zone, err := s.Zone(in.Zone, in.ZoneID)
		if err != nil {
			return "", awswire.Errorf("InvalidZone.NotFound", 400, "The zone '%s' does not exist.", in.Zone+in.ZoneID)
		}
		spec, err := in.complete()
		if err != nil {
			return "", err
		}
		v := newVolume(s, spec, zone)
		v.ClientToken = in.Token
		s.SetTags(v.ID, in.Tags["volume"])
		return v.ID, nil
	})
	if err != nil {
		return nil, err
	}
	v, err := call.Find(s.Volumes, call.KindVolume, id)
	if err != nil {
		return nil, err
	}
	return renderVolume(s, v), nil
}

func deleteVolume(s *call.Scope, in call.One) (any, error) {
	v, err := call.Find(s.Volumes, call.KindVolume, in.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case v.Attachment != nil:
		return nil, awswire.Errorf("VolumeInUse", 400, "Volume %s is currently attached to %s", v.ID, v.Attachment.Instance)
	case v.State == state.VolumeDeleting:
		return call.Done()
	case v.State != state.VolumeAvailable:
		return nil, awswire.Errorf("IncorrectState", 400, "The volume '%s' is '%s'", v.ID, v.State)
	}
	v.State = state.VolumeDeleting
	return call.Done()
}
