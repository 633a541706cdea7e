package awstask

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/cluster"
)

// Facts reads what the document's rules ask of the region: its zones, and the instance types that are named. A type that
// the region does not have is not in the answer.
func (c *Cloud) Facts(ctx context.Context, types []string) (cluster.CloudFacts, error) {
	facts := cluster.CloudFacts{Types: map[string]cluster.InstanceType{}}
	err := both(
		func() (err error) { facts.Zones, err = c.zones(ctx); return err },
		func() error { return c.describeTypes(ctx, types, facts.Types) },
	)
	return facts, err
}

// zones returns the names of the region's availability zones, sorted; local and wavelength zones are none.
func (c *Cloud) zones(ctx context.Context) ([]string, error) {
	out, err := c.aws.EC2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
	if err != nil {
		return nil, fmt.Errorf("list zones: %w", awsapi.Classify(err))
	}
	var names []string
	for _, z := range out.AvailabilityZones {
		ordinary := aws.ToString(z.ZoneType) == "" || aws.ToString(z.ZoneType) == "availability-zone"
		if z.State == ec2types.AvailabilityZoneStateAvailable && ordinary {
			names = append(names, aws.ToString(z.ZoneName))
		}
	}
	slices.Sort(names)
	return names, nil
}

// describeTypes asks by filter, which leaves unknown types out where names would be refused.
func (c *Cloud) describeTypes(ctx context.Context, names []string, into map[string]cluster.InstanceType) error {
	if len(names) == 0 {
		return nil
	}
	in := &ec2.DescribeInstanceTypesInput{Filters: []ec2types.Filter{{Name: aws.String("instance-type"), Values: names}}}
	err := pages(ctx, ec2.NewDescribeInstanceTypesPaginator(c.aws.EC2, in), func(p *ec2.DescribeInstanceTypesOutput) {
		for _, t := range p.InstanceTypes {
			into[string(t.InstanceType)] = typeFacts(t)
		}
	})
	if err != nil {
		return fmt.Errorf("describe instance types %s: %w", strings.Join(names, ", "), awsapi.Classify(err))
	}
	return nil
}

func typeFacts(t ec2types.InstanceTypeInfo) cluster.InstanceType {
	facts := cluster.InstanceType{Nitro: t.Hypervisor == ec2types.InstanceTypeHypervisorNitro, Arch: "amd64"}
	if t.VCpuInfo != nil {
		facts.VCPUs = int(aws.ToInt32(t.VCpuInfo.DefaultVCpus))
	}
	if t.MemoryInfo != nil {
		facts.MemoryMiB = int(aws.ToInt64(t.MemoryInfo.SizeInMiB))
	}
	if t.ProcessorInfo != nil && slices.Contains(t.ProcessorInfo.SupportedArchitectures, ec2types.ArchitectureTypeArm64) {
		facts.Arch = "arm64"
	}
	return facts
}
