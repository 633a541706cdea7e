package ec2_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// later lets the cloud's time pass.
func later(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestInstanceLivesAsOnAWS(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		_, subnets := e.vpc(1)
		i := e.launch(subnets[0], func(in *ec2.RunInstancesInput) {
			in.TagSpecifications = append(tags(types.ResourceTypeInstance, "Name", "one"), tags(types.ResourceTypeVolume, "Name", "disk")...)
			in.BlockDeviceMappings = []types.BlockDeviceMapping{
				{DeviceName: aws.String("/dev/xvda"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(40), Encrypted: aws.Bool(true)}},
				{DeviceName: aws.String("/dev/sdf"), Ebs: &types.EbsBlockDevice{VolumeSize: aws.Int32(100), VolumeType: types.VolumeTypeGp3}},
			}
			in.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(2)}
		})
		id := i.InstanceId
		if i.State.Name != types.InstanceStateNamePending || i.PublicIpAddress == nil || *i.PrivateIpAddress != "172.31.0.4" {
			t.Fatalf("launched: %+v", i)
		}
		later(20 * time.Second)
		e.wantState(id, types.InstanceStateNamePending)
		if hosts := e.cloud.Fake.Hosts(); len(hosts) != 1 || hosts[0].ID != *id || hosts[0].Hostname != "ip-172-31-0-4" || hosts[0].MemoryMiB != 8192 || len(hosts[0].Attachments) != 2 {
			t.Errorf("the host does not boot while the instance is pending: %+v", hosts)
		}
		later(11 * time.Second)
		e.wantState(id, types.InstanceStateNameRunning)
		e.wantChecks(id, types.SummaryStatusInitializing)
		later(3 * time.Minute)
		e.wantChecks(id, types.SummaryStatusOk)

		must(e.ec2.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{*id}}))(t)
		e.wantState(id, types.InstanceStateNameStopping)
		later(31 * time.Second)
		e.wantState(id, types.InstanceStateNameStopped)
		if hosts := e.cloud.Fake.Hosts(); len(hosts) != 0 {
			t.Errorf("hosts of a stopped instance: %v", hosts)
		}
		if stopped := e.instance(id); stopped.PublicIpAddress != nil || *stopped.PrivateIpAddress != *i.PrivateIpAddress {
			t.Errorf("addresses of a stopped instance: %v, %v", stopped.PublicIpAddress, *stopped.PrivateIpAddress)
		}
		must(e.ec2.StartInstances(t.Context(), &ec2.StartInstancesInput{InstanceIds: []string{*id}}))(t)
		later(31 * time.Second)
		e.wantState(id, types.InstanceStateNameRunning)

		must(e.ec2.RebootInstances(t.Context(), &ec2.RebootInstancesInput{InstanceIds: []string{*id}}))(t)
		synctest.Wait()
		if boots := e.cloud.Fake.Boots(*id); boots != 2 {
			t.Errorf("the host booted %d times since its start, want 2", boots)
		}
		must(e.ec2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{*id}}))(t)
		later(31 * time.Second)
		e.wantState(id, types.InstanceStateNameTerminated)
		if volumes := e.cloud.Fake.Volumes(); len(volumes) != 0 {
			t.Errorf("volumes of a terminated instance: %v", volumes)
		}
		later(time.Hour)
		refused(e.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{*id}}))(t, "InvalidInstanceID.NotFound")
	})
}

// wantChecks checks both status checks of a running instance.
func (e *env) wantChecks(id *string, want types.SummaryStatus) {
	e.Helper()
	all := must(e.ec2.DescribeInstanceStatus(e.Context(), &ec2.DescribeInstanceStatusInput{InstanceIds: []string{*id}}))(e).InstanceStatuses
	if len(all) != 1 || all[0].SystemStatus.Status != want || all[0].InstanceStatus.Status != want {
		e.Errorf("status checks: %+v, want %s", all, want)
	}
}
