package awstask

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/provision/resource"
)

// VPC is the cluster's network with the names of its hosts resolved inside.
func (c *Cloud) VPC(cidr string) resource.Task {
	return resource.Task{
		Key: VPCKey,
		Fields: []resource.Field{
			{Name: "cidr", Want: cidr, Policy: resource.Refuse, Remedy: "a network keeps its range for life: set network.cidr back, or destroy the cluster"},
			{Name: "dns-support", Want: "true"},
			{Name: "dns-hostnames", Want: "true"},
		},
		Create: func(ctx context.Context, _ *resource.World) (resource.Object, error) {
			out, err := c.aws.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{
				CidrBlock:         aws.String(cidr),
				TagSpecifications: c.tagged(ec2types.ResourceTypeVpc, VPCKey),
			})
			if err != nil {
				return resource.Object{}, err
			}
			o := vpcObject(*out.Vpc)
			o.Fields["dns-support"], o.Fields["dns-hostnames"] = "true", "false" // how every new VPC is
			return o, nil
		},
		Update: func(ctx context.Context, _ *resource.World, have resource.Object, changes []resource.FieldChange) error {
			for _, change := range changes {
				in := &ec2.ModifyVpcAttributeInput{VpcId: aws.String(have.ID)}
				on := &ec2types.AttributeBooleanValue{Value: aws.Bool(change.New == "true")}
				if change.Name == "dns-support" {
					in.EnableDnsSupport = on
				} else {
					in.EnableDnsHostnames = on
				}
				if _, err := c.aws.EC2.ModifyVpcAttribute(ctx, in); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (c *Cloud) findVPCs() resource.Finder {
	return resource.Finder{Kinds: []string{KindVPC}, Find: func(ctx context.Context) ([]resource.Object, error) {
		var all []resource.Object
		err := pages(ctx, ec2.NewDescribeVpcsPaginator(c.aws.EC2, &ec2.DescribeVpcsInput{Filters: c.mine()}), func(p *ec2.DescribeVpcsOutput) {
			for _, vpc := range p.Vpcs {
				all = append(all, vpcObject(vpc))
			}
		})
		if err != nil {
			return nil, err
		}
		return all, each(ctx, len(all), func(ctx context.Context, i int) error { return c.vpcAttributes(ctx, all[i]) })
	}}
}

func vpcObject(vpc ec2types.Vpc) resource.Object {
	id := aws.ToString(vpc.VpcId)
	return resource.Object{
		Key: keyOf(vpc.Tags, KindVPC, id), ID: id,
		Fields: map[string]string{"cidr": aws.ToString(vpc.CidrBlock)},
	}
}

// vpcAttributes reads what DescribeVpcs does not tell, one attribute a call.
func (c *Cloud) vpcAttributes(ctx context.Context, o resource.Object) error {
	read := func(name ec2types.VpcAttributeName) (*ec2.DescribeVpcAttributeOutput, error) {
		return c.aws.EC2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: aws.String(o.ID), Attribute: name})
	}
	var support, hostnames *ec2.DescribeVpcAttributeOutput
	err := both(
		func() (err error) { support, err = read(ec2types.VpcAttributeNameEnableDnsSupport); return err },
		func() (err error) { hostnames, err = read(ec2types.VpcAttributeNameEnableDnsHostnames); return err },
	)
	if err != nil {
		return err
	}
	o.Fields["dns-support"] = boolText(support.EnableDnsSupport)
	o.Fields["dns-hostnames"] = boolText(hostnames.EnableDnsHostnames)
	return nil
}

func boolText(v *ec2types.AttributeBooleanValue) string {
	return strconv.FormatBool(v != nil && aws.ToBool(v.Value))
}

func (c *Cloud) vpcKind() resource.Kind {
	return resource.Kind{
		Name:  KindVPC,
		After: []string{KindSubnet, KindRouteTable, KindGroup, KindAttachment},
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.EC2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: aws.String(have.ID)})
			return blocked(gone(err, "InvalidVpcID.NotFound"), func() string { return c.usersOf(ctx, "vpc-id", have.ID) })
		},
	}
}
