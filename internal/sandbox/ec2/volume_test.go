package ec2_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// volume describes one volume.
func (e *env) volume(id *string) types.Volume {
	e.Helper()
	return must(e.ec2.DescribeVolumes(e.Context(), &ec2.DescribeVolumesInput{VolumeIds: []string{*id}}))(e).Volumes[0]
}

func TestVolumeLivesAsOnAWS(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		_, subnets := e.vpc(2)
		i, elsewhere := e.launch(subnets[0], nil), e.launch(subnets[1], nil)
		create := &ec2.CreateVolumeInput{
			AvailabilityZone: aws.String(region + "a"), Size: aws.Int32(10), VolumeType: types.VolumeTypeGp3, Encrypted: aws.Bool(true), ClientToken: aws.String("v"),
		}
		id := must(e.ec2.CreateVolume(ctx, create))(t).VolumeId
		if again := must(e.ec2.CreateVolume(ctx, create))(t).VolumeId; *again != *id {
			t.Error("the same token made two volumes")
		}
		if v := e.volume(id); v.State != types.VolumeStateCreating || *v.Iops != 3000 || !*v.Encrypted {
			t.Errorf("created: %+v", v)
		}
		later(time.Minute)
		if v := e.volume(id); v.State != types.VolumeStateAvailable || e.cloud.Fake.Volumes()[*id] != 10 {
			t.Errorf("later: %+v", v)
		}
		attach := func(instance *string, device string) (*ec2.AttachVolumeOutput, error) {
			return e.ec2.AttachVolume(ctx, &ec2.AttachVolumeInput{VolumeId: id, InstanceId: instance, Device: &device})
		}
		refused(attach(elsewhere.InstanceId, "/dev/sdf"))(t, "InvalidVolume.ZoneMismatch")
		refused(attach(i.InstanceId, "/dev/xvda"))(t, "InvalidParameterValue")
		refused(attach(i.InstanceId, "sofa"))(t, "InvalidParameterValue")
		must(attach(i.InstanceId, "/dev/sdf"))(t)
		refused(attach(i.InstanceId, "/dev/sdg"))(t, "VolumeInUse")
		if v := e.volume(id); v.State != types.VolumeStateInUse || v.Attachments[0].State != types.VolumeAttachmentStateAttaching {
			t.Errorf("attaching: %+v", v)
		}
		later(5 * time.Second)
		if v := e.volume(id); v.Attachments[0].State != types.VolumeAttachmentStateAttached {
			t.Errorf("attached: %+v", v.Attachments)
		}
		if !e.hostHas(*i.InstanceId, *id) {
			t.Error("the host has no such device")
		}
		refused(e.ec2.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: id}))(t, "VolumeInUse")

		must(e.ec2.ModifyVolume(ctx, &ec2.ModifyVolumeInput{VolumeId: id, Size: aws.Int32(20)}))(t)
		refused(e.ec2.ModifyVolume(ctx, &ec2.ModifyVolumeInput{VolumeId: id, Size: aws.Int32(30)}))(t, "VolumeModificationRateExceeded")
		later(5 * time.Second)
		changes := must(e.ec2.DescribeVolumesModifications(ctx, &ec2.DescribeVolumesModificationsInput{VolumeIds: []string{*id}}))(t).VolumesModifications
		if len(changes) != 1 || changes[0].ModificationState != types.VolumeModificationStateCompleted || e.cloud.Fake.Volumes()[*id] != 20 {
			t.Errorf("modifications: %+v, on the machine %v", changes, e.cloud.Fake.Volumes())
		}
		later(7 * time.Hour)
		refused(e.ec2.ModifyVolume(ctx, &ec2.ModifyVolumeInput{VolumeId: id, Size: aws.Int32(10)}))(t, "InvalidParameterValue")

		refused(e.ec2.DetachVolume(ctx, &ec2.DetachVolumeInput{VolumeId: id, InstanceId: elsewhere.InstanceId}))(t, "InvalidAttachment.NotFound")
		must(e.ec2.DetachVolume(ctx, &ec2.DetachVolumeInput{VolumeId: id}))(t)
		later(5 * time.Second)
		if v := e.volume(id); v.State != types.VolumeStateAvailable || len(v.Attachments) != 0 || e.hostHas(*i.InstanceId, *id) {
			t.Errorf("detached: %+v", v)
		}
		must(e.ec2.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: id}))(t)
		synctest.Wait()
		refused(e.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{*id}}))(t, "InvalidVolume.NotFound")
	})
}

// hostHas reports whether the instance's host has the volume as a device.
func (e *env) hostHas(instance, volume string) bool {
	for _, h := range e.cloud.Fake.Hosts() {
		for _, a := range h.Attachments {
			if h.ID == instance && a.VolumeID == volume {
				return true
			}
		}
	}
	return false
}

func TestVolumeRefusals(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		for name, test := range map[string]struct {
			in   ec2.CreateVolumeInput
			code string
		}{
			"no size":           {ec2.CreateVolumeInput{}, "MissingParameter"},
			"unknown type":      {ec2.CreateVolumeInput{Size: aws.Int32(1), VolumeType: "gp9"}, "InvalidParameterValue"},
			"unknown zone":      {ec2.CreateVolumeInput{Size: aws.Int32(1), AvailabilityZone: aws.String("mars-1a")}, "InvalidZone.NotFound"},
			"too small":         {ec2.CreateVolumeInput{Size: aws.Int32(10), VolumeType: types.VolumeTypeSt1}, "InvalidParameterValue"},
			"io1 without IOPS":  {ec2.CreateVolumeInput{Size: aws.Int32(10), VolumeType: types.VolumeTypeIo1}, "MissingParameter"},
			"gp2 with IOPS":     {ec2.CreateVolumeInput{Size: aws.Int32(10), VolumeType: types.VolumeTypeGp2, Iops: aws.Int32(100)}, "InvalidParameterCombination"},
			"too many IOPS":     {ec2.CreateVolumeInput{Size: aws.Int32(10), VolumeType: types.VolumeTypeIo1, Iops: aws.Int32(1000)}, "InvalidParameterValue"},
			"too much through":  {ec2.CreateVolumeInput{Size: aws.Int32(10), VolumeType: types.VolumeTypeGp3, Throughput: aws.Int32(2000)}, "InvalidParameterValue"},
			"key without crypt": {ec2.CreateVolumeInput{Size: aws.Int32(10), KmsKeyId: aws.String("k")}, "InvalidParameterDependency"},
			"unknown snapshot":  {ec2.CreateVolumeInput{Size: aws.Int32(10), SnapshotId: aws.String("snap-0")}, "InvalidSnapshot.NotFound"},
		} {
			if test.in.AvailabilityZone == nil {
				test.in.AvailabilityZone = aws.String(region + "a")
			}
			t.Log(name)
			refused(e.ec2.CreateVolume(t.Context(), &test.in))(t, test.code)
		}
	})
}
