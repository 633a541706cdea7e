package awstask

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/provision/resource"
)

// SubnetKey returns the key of a purpose's subnet in a zone, as in subnet/public-us-east-1a.
func SubnetKey(purpose, zone string) resource.Key {
	return resource.NewKey(KindSubnet, purpose+"-"+zone)
}

// Subnet is a part of the VPC in one zone.
func (c *Cloud) Subnet(purpose, zone, cidr string) resource.Task {
	key := SubnetKey(purpose, zone)
	return resource.Task{
		Key: key, Needs: after(VPCKey), Repeatable: true, // two of one range are refused
		Fields: []resource.Field{
			inVPC(),
			{Name: "zone", Want: zone, Policy: resource.Refuse},
			{Name: "cidr", Want: cidr, Policy: resource.Refuse},
		},
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) {
			out, err := c.aws.EC2.CreateSubnet(ctx, &ec2.CreateSubnetInput{
				VpcId: aws.String(w.ID(VPCKey)), AvailabilityZone: aws.String(zone), CidrBlock: aws.String(cidr),
				TagSpecifications: c.tagged(ec2types.ResourceTypeSubnet, key),
			})
			if err != nil {
				return resource.Object{}, err
			}
			return subnetObject(*out.Subnet), nil
		},
	}
}

func subnetObject(s ec2types.Subnet) resource.Object {
	id, vpc := aws.ToString(s.SubnetId), aws.ToString(s.VpcId)
	return resource.Object{
		Key: keyOf(s.Tags, KindSubnet, id), ID: id, Parent: vpc,
		Fields: map[string]string{"vpc": vpc, "zone": aws.ToString(s.AvailabilityZone), "cidr": aws.ToString(s.CidrBlock)},
	}
}

// findNetworks finds subnets and route tables together, since the tables' associations are named after the subnets.
func (c *Cloud) findNetworks() resource.Finder {
	kinds := []string{KindSubnet, KindRouteTable, KindRoute, KindAssociation}
	return resource.Finder{Kinds: kinds, Find: func(ctx context.Context) ([]resource.Object, error) {
		var subnets []resource.Object
		var tables []ec2types.RouteTable
		err := both(
			func() error {
				return pages(ctx, ec2.NewDescribeSubnetsPaginator(c.aws.EC2, &ec2.DescribeSubnetsInput{Filters: c.mine()}), func(p *ec2.DescribeSubnetsOutput) {
					for _, s := range p.Subnets {
						subnets = append(subnets, subnetObject(s))
					}
				})
			},
			func() error {
				return pages(ctx, ec2.NewDescribeRouteTablesPaginator(c.aws.EC2, &ec2.DescribeRouteTablesInput{Filters: c.mine()}), func(p *ec2.DescribeRouteTablesOutput) {
					tables = append(tables, p.RouteTables...)
				})
			},
		)
		if err != nil {
			return nil, err
		}
		names := map[string]string{}
		for _, s := range subnets {
			names[s.ID] = s.Key.Name()
		}
		all := subnets
		for _, t := range tables {
			all = append(all, routeTableObjects(t, names)...)
		}
		return all, nil
	}}
}

func (c *Cloud) subnetKind() resource.Kind {
	return resource.Kind{
		Name:  KindSubnet,
		After: []string{KindInstance, KindBalancer},
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.EC2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: aws.String(have.ID)})
			return blocked(gone(err, "InvalidSubnetID.NotFound"), func() string { return c.usersOf(ctx, "subnet-id", have.ID) })
		},
	}
}
