package ec2

import (
	"slices"
	"strconv"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlVolume struct {
	ID          string                     `xml:"volumeId"`
	Size        int                        `xml:"size"`
	Snapshot    string                     `xml:"snapshotId"`
	Zone        string                     `xml:"availabilityZone"`
	State       string                     `xml:"status"`
	Created     awswire.Time               `xml:"createTime"`
	Attachments items[xmlVolumeAttachment] `xml:"attachmentSet"`
	Tags        items[tag]                 `xml:"tagSet"`
	Type        string                     `xml:"volumeType"`
	IOPS        int                        `xml:"iops,omitempty"`
	Throughput  int                        `xml:"throughput,omitempty"`
	Encrypted   bool                       `xml:"encrypted"`
	KMSKey      string                     `xml:"kmsKeyId,omitempty"`
	MultiAttach bool                       `xml:"multiAttachEnabled"`
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
func (s *scope) ebsKey() string {
	return "arn:aws:kms:" + s.region.Name + ":" + state.Account + ":key/00000000-0000-4000-8000-000000000eb5"
}

func (s *scope) renderVolume(v *state.Volume) xmlVolume {
	x := xmlVolume{
		ID: v.ID, Size: v.SizeGiB, Snapshot: v.Snapshot, Zone: v.Zone, State: v.State, Created: awswire.At(v.Created), Tags: s.tagSet(v.ID),
		Type: v.Type, IOPS: v.IOPS, Throughput: v.Throughput, Encrypted: v.Encrypted,
	}
	if v.Encrypted {
		x.KMSKey = s.ebsKey()
	}
	if v.Attachment != nil {
		x.Attachments.Item = []xmlVolumeAttachment{renderAttachment(v)}
	}
	return x
}

func volumeID(v *state.Volume) string { return v.ID }

// ofAttachment makes a filter field of a volume's attachment, if it has one.
func ofAttachment(f func(*state.VolumeAttachment) string) func(row[state.Volume]) []string {
	return func(r row[state.Volume]) []string {
		if r.it.Attachment == nil {
			return nil
		}
		return []string{f(r.it.Attachment)}
	}
}

var volumeListing = listing[state.Volume, xmlVolume]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeVolumes", set: "volumeSet", ids: "VolumeId", kind: kindVolume,
	all: func(s *scope) []*state.Volume { return sorted(s.Volumes) }, key: volumeID, tags: tagsOf(volumeID),
	fields: map[string]func(row[state.Volume]) []string{
		"volume-id":              text(func(r row[state.Volume]) string { return r.it.ID }),
		"availability-zone":      text(func(r row[state.Volume]) string { return r.it.Zone }),
		"encrypted":              truth(func(r row[state.Volume]) bool { return r.it.Encrypted }),
		"size":                   text(func(r row[state.Volume]) string { return strconv.Itoa(r.it.SizeGiB) }),
		"snapshot-id":            text(func(r row[state.Volume]) string { return r.it.Snapshot }),
		"status":                 text(func(r row[state.Volume]) string { return r.it.State }),
		"volume-type":            text(func(r row[state.Volume]) string { return r.it.Type }),
		"create-time":            text(func(r row[state.Volume]) string { return awswire.ISO(r.it.Created) }),
		"attachment.instance-id": ofAttachment(func(a *state.VolumeAttachment) string { return a.Instance }),
		"attachment.device":      ofAttachment(func(a *state.VolumeAttachment) string { return a.Device }),
		"attachment.status":      ofAttachment(func(a *state.VolumeAttachment) string { return a.State }),
		"attachment.delete-on-termination": ofAttachment(func(a *state.VolumeAttachment) string {
			return strconv.FormatBool(a.DeleteOnTermination)
		}),
	},
	render: func(r row[state.Volume]) xmlVolume { return r.renderVolume(r.it) },
}

func (a *api) volumeActions() []awswire.Action {
	both := func(in attachInput) []string {
		return slices.DeleteFunc([]string{in.Volume, in.Instance}, func(id string) bool { return id == "" })
	}
	return []awswire.Action{
		op[createVolumeInput]{
			name: "CreateVolume", decode: decodeCreateVolume, handle: (*scope).createVolume,
			creates: func(in createVolumeInput) tagSpecs { return in.Tags },
		}.write(a),
		volumeListing.on(a),
		changeListing.on(a),
		op[one]{name: "DeleteVolume", decode: decodeOne("VolumeId"), handle: (*scope).deleteVolume, touches: oneID}.write(a),
		op[modifyVolumeInput]{
			name: "ModifyVolume", decode: decodeModifyVolume, handle: (*scope).modifyVolume,
			touches: only(func(in modifyVolumeInput) string { return in.ID }),
		}.write(a),
		op[attachInput]{name: "AttachVolume", decode: decodeAttach, handle: (*scope).attach, touches: both}.write(a),
		op[attachInput]{name: "DetachVolume", decode: decodeDetach, handle: (*scope).detach, touches: both}.write(a),
	}
}

type createVolumeInput struct {
	volumeSpec
	Zone, ZoneID, Token string
	Tags                tagSpecs
}

func decodeCreateVolume(p *awswire.Params) createVolumeInput {
	in := createVolumeInput{
		volumeSpec: decodeVolumeSpec(p, "Size"), Zone: p.String("AvailabilityZone"), ZoneID: p.String("AvailabilityZoneId"),
		Token: decodeToken(p), Tags: decodeTagSpecs(p, "volume"),
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
func (s *scope) newVolume(spec volumeSpec, zone string) *state.Volume {
	v := &state.Volume{
		ID: awswire.NewID("vol"), SizeGiB: spec.SizeGiB, Type: spec.Type, IOPS: spec.IOPS, Throughput: spec.Throughput, Zone: zone,
		Encrypted: spec.Encrypted, Snapshot: spec.Snapshot, State: state.VolumeCreating, Created: s.now, Due: s.now.Add(s.api.Delay(settings.VolumeCreate)),
	}
	s.Volumes[v.ID] = v
	return v
}

func (s *scope) createVolume(in createVolumeInput) (any, error) {
	id, _, err := s.once(in.Token, func() (string, error) {
		zone, err := s.zone(in.Zone, in.ZoneID)
		if err != nil {
			return "", awswire.Errorf("InvalidZone.NotFound", 400, "The zone '%s' does not exist.", in.Zone+in.ZoneID)
		}
		spec, err := in.complete()
		if err != nil {
			return "", err
		}
		v := s.newVolume(spec, zone)
		v.ClientToken = in.Token
		s.setTags(v.ID, in.Tags["volume"])
		return v.ID, nil
	})
	if err != nil {
		return nil, err
	}
	v, err := find(s.Volumes, kindVolume, id)
	if err != nil {
		return nil, err
	}
	return s.renderVolume(v), nil
}

func (s *scope) deleteVolume(in one) (any, error) {
	v, err := find(s.Volumes, kindVolume, in.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case v.Attachment != nil:
		return nil, awswire.Errorf("VolumeInUse", 400, "Volume %s is currently attached to %s", v.ID, v.Attachment.Instance)
	case v.State == state.VolumeDeleting:
		return done()
	case v.State != state.VolumeAvailable:
		return nil, awswire.Errorf("IncorrectState", 400, "The volume '%s' is '%s'", v.ID, v.State)
	}
	v.State = state.VolumeDeleting
	return done()
}
