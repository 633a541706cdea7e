package awstask

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/provision/resource"
)

// Instances returns the cluster's instances that live: those that end or have ended count as absent.
func (c *Cloud) Instances(ctx context.Context) ([]ec2types.Instance, error) {
	byID, err := c.instancesByID(ctx)
	if err != nil {
		return nil, err
	}
	var all []ec2types.Instance
	for _, i := range byID {
		if !dead(i) {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b ec2types.Instance) int {
		return strings.Compare(aws.ToString(a.InstanceId), aws.ToString(b.InstanceId))
	})
	return all, nil
}

func (c *Cloud) instancesByID(ctx context.Context) (map[string]ec2types.Instance, error) {
	all := map[string]ec2types.Instance{}
	err := pages(ctx, ec2.NewDescribeInstancesPaginator(c.aws.EC2, &ec2.DescribeInstancesInput{Filters: c.mine()}), func(p *ec2.DescribeInstancesOutput) {
		for _, r := range p.Reservations {
			for _, i := range r.Instances {
				all[aws.ToString(i.InstanceId)] = i
			}
		}
	})
	return all, err
}

// Impaired returns which of the instances fail AWS's checks of the machine or of the system on it.
func (c *Cloud) Impaired(ctx context.Context, ids []string) (map[string]bool, error) {
	impaired := map[string]bool{}
	for chunk := range slices.Chunk(ids, 100) {
		err := pages(ctx, ec2.NewDescribeInstanceStatusPaginator(c.aws.EC2, &ec2.DescribeInstanceStatusInput{InstanceIds: chunk, IncludeAllInstances: aws.Bool(true)}),
			func(p *ec2.DescribeInstanceStatusOutput) {
				for _, s := range p.InstanceStatuses {
					impaired[aws.ToString(s.InstanceId)] = failing(s.InstanceStatus) || failing(s.SystemStatus)
				}
			})
		if err != nil {
			return nil, err
		}
	}
	return impaired, nil
}

func failing(s *ec2types.InstanceStatusSummary) bool {
	return s != nil && s.Status == ec2types.SummaryStatusImpaired
}

// findInstances finds the instances, and the volumes that none of them holds.
func (c *Cloud) findInstances() resource.Finder {
	return resource.Finder{Kinds: []string{KindInstance, KindVolume}, Find: func(ctx context.Context) ([]resource.Object, error) {
		var instances []ec2types.Instance
		var volumes map[string]ec2types.Volume
		err := both(
			func() (err error) { instances, err = c.Instances(ctx); return err },
			func() (err error) { volumes, err = c.volumesByID(ctx); return err },
		)
		loose := looseVolumes(volumes)
		if err != nil || len(instances) == 0 {
			return loose, err
		}
		objects := make([]resource.Object, len(instances))
		ids := make([]string, len(instances))
		for n, i := range instances {
			ids[n] = aws.ToString(i.InstanceId)
			objects[n] = instanceObject(keyOf(i.Tags, KindInstance, ids[n]), i)
			addDisks(&objects[n], i, volumes)
		}
		var impaired map[string]bool
		err = both(
			func() (err error) { impaired, err = c.Impaired(ctx, ids); return err },
			func() error {
				return each(ctx, len(objects), func(ctx context.Context, n int) error { return c.readProtection(ctx, objects[n]) })
			},
		)
		if err != nil {
			return nil, err
		}
		for _, o := range objects {
			// The checks of an instance that does not run say nothing.
			o.Fields["checks"] = checksOK
			if impaired[o.ID] && o.Fields["state"] == stateRunning {
				o.Fields["checks"] = checksFailed
			}
		}
		return append(objects, loose...), nil
	}}
}

// readProtection reads what no call tells of many instances at once.
func (c *Cloud) readProtection(ctx context.Context, o resource.Object) error {
	out, err := c.aws.EC2.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{
		InstanceId: aws.String(o.ID), Attribute: ec2types.InstanceAttributeNameDisableApiTermination,
	})
	if err != nil {
		return err
	}
	o.Fields["protect"] = boolText(out.DisableApiTermination)
	return nil
}

func instanceObject(key resource.Key, i ec2types.Instance) resource.Object {
	subnet := aws.ToString(i.SubnetId)
	o := resource.Object{
		Key: key, ID: aws.ToString(i.InstanceId), Parent: subnet, Uses: []string{aws.ToString(i.VpcId)}, Created: aws.ToTime(i.LaunchTime),
		Fields: map[string]string{
			"type": string(i.InstanceType), "state": stateOf(i), "image": tagOf(i.Tags, TagImage), "metadata": metadataText(i.MetadataOptions),
		},
		Labels: map[string]string{
			"role": tagOf(i.Tags, TagRole), "group": tagOf(i.Tags, TagGroup), "image": aws.ToString(i.ImageId),
			"private": aws.ToString(i.PrivateIpAddress), "public": aws.ToString(i.PublicIpAddress), "hostkey": tagOf(i.Tags, TagHostKey),
		},
	}
	if i.Placement != nil {
		o.Fields["zone"] = aws.ToString(i.Placement.AvailabilityZone)
	}
	var groups []string
	for _, g := range i.SecurityGroups {
		groups = append(groups, aws.ToString(g.GroupId))
	}
	slices.Sort(groups)
	o.Fields["security-group"] = strings.Join(groups, ",")
	o.Uses = append(o.Uses, groups...)
	return o
}

func metadataText(m *ec2types.InstanceMetadataOptionsResponse) string {
	if m == nil {
		return ""
	}
	if m.HttpEndpoint == ec2types.InstanceMetadataEndpointStateDisabled {
		return "off"
	}
	return fmt.Sprintf("token %s, %d hops", m.HttpTokens, aws.ToInt32(m.HttpPutResponseHopLimit))
}

// The names of an instance's two volumes, before the dot in its fields and in its labels.
const (
	diskRoot = "root"
	diskData = "data"
)

// addDisks adds the properties of the instance's two volumes to its fields. An instance that has just been made shows its
// volumes a little later, and so may the list of volumes.
func addDisks(o *resource.Object, i ec2types.Instance, volumes map[string]ec2types.Volume) {
	if o.Fields["state"] == string(ec2types.InstanceStateNamePending) && len(i.BlockDeviceMappings) == 0 {
		o.Lacks = append(o.Lacks, "volumes")
	}
	for _, m := range i.BlockDeviceMappings {
		name := ""
		switch aws.ToString(m.DeviceName) {
		case aws.ToString(i.RootDeviceName):
			name = diskRoot
		case dataDevice:
			name = diskData
		}
		if name == "" || m.Ebs == nil {
			continue
		}
		id := aws.ToString(m.Ebs.VolumeId)
		o.Labels[name] = id
		v, ok := volumes[id]
		if !ok {
			o.Lacks = append(o.Lacks, id)
			continue
		}
		o.Fields[name+".size"] = strconv.Itoa(int(aws.ToInt32(v.Size)))
		o.Fields[name+".type"] = string(v.VolumeType)
		o.Fields[name+".iops"] = strconv.Itoa(int(aws.ToInt32(v.Iops)))
	}
}

// DataVolume returns the ID of an instance's data volume, or nothing.
func DataVolume(i ec2types.Instance) string {
	for _, m := range i.BlockDeviceMappings {
		if aws.ToString(m.DeviceName) == dataDevice && m.Ebs != nil {
			return aws.ToString(m.Ebs.VolumeId)
		}
	}
	return ""
}
