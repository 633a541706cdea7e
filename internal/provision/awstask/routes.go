package awstask

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/provision/resource"
)

// The keys of the public subnets' routing.
const (
	PublicTableKey resource.Key = KindRouteTable + "/public"
	PublicRouteKey resource.Key = KindRoute + "/public-default"
)

// defaultRoute is everything that is not in the VPC.
const defaultRoute = "0.0.0.0/0"

// PublicTable is the route table of the public subnets.
func (c *Cloud) PublicTable() resource.Task {
	return resource.Task{
		Key: PublicTableKey, Needs: after(VPCKey),
		Fields: []resource.Field{inVPC()},
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) {
			// The SDK's own random client token covers its retries. A token made from the VPC would, for a day, answer
			// with a table that somebody removed since.
			out, err := c.aws.EC2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{
				VpcId:             aws.String(w.ID(VPCKey)),
				TagSpecifications: c.tagged(ec2types.ResourceTypeRouteTable, PublicTableKey),
			})
			if err != nil {
				return resource.Object{}, err
			}
			return routeTableObjects(*out.RouteTable, nil)[0], nil
		},
	}
}

// PublicRoute is the public subnets' way out.
func (c *Cloud) PublicRoute() resource.Task {
	return resource.Task{
		Key:        PublicRouteKey,
		Needs:      after(PublicTableKey, AttachmentKey, GatewayKey),
		Repeatable: true, // a second one is refused
		Fields: []resource.Field{
			{Name: "gateway", Ref: GatewayKey, Loose: true}, // else the route is a black hole
			{Name: "state", Want: string(ec2types.RouteStateActive)},
		},
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) {
			table, gateway := w.ID(PublicTableKey), w.ID(GatewayKey)
			_, err := c.aws.EC2.CreateRoute(ctx, &ec2.CreateRouteInput{
				RouteTableId: aws.String(table), DestinationCidrBlock: aws.String(defaultRoute), GatewayId: aws.String(gateway),
			})
			if err != nil {
				return resource.Object{}, err
			}
			return routeObject(table, gateway, ec2types.RouteStateActive), nil
		},
		Update: func(ctx context.Context, w *resource.World, have resource.Object, _ []resource.FieldChange) error {
			_, err := c.aws.EC2.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{
				RouteTableId: aws.String(have.Parent), DestinationCidrBlock: aws.String(defaultRoute), GatewayId: aws.String(w.ID(GatewayKey)),
			})
			return err
		},
	}
}

// AssociationKey returns the key of a subnet's association with a route table.
func AssociationKey(subnet resource.Key) resource.Key {
	return resource.NewKey(KindAssociation, subnet.Name())
}

// Association makes a subnet public.
func (c *Cloud) Association(subnet resource.Key) resource.Task {
	key := AssociationKey(subnet)
	return resource.Task{
		Key: key, Needs: after(PublicTableKey, subnet), Repeatable: true, // a second one is refused
		Fields: []resource.Field{
			{Name: "table", Ref: PublicTableKey, Policy: resource.Replace},
			{Name: "subnet", Ref: subnet, Policy: resource.Replace},
		},
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) {
			table, subnet := w.ID(PublicTableKey), w.ID(subnet)
			out, err := c.aws.EC2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{
				RouteTableId: aws.String(table), SubnetId: aws.String(subnet),
			})
			if err != nil {
				return resource.Object{}, err
			}
			return associationObject(key.Name(), aws.ToString(out.AssociationId), table, subnet), nil
		},
	}
}

func associationObject(name, id, table, subnet string) resource.Object {
	return resource.Object{
		Key: resource.NewKey(KindAssociation, name), ID: id, Parent: subnet, Uses: []string{table},
		Fields: map[string]string{"table": table, "subnet": subnet},
	}
}

func routeObject(table, gateway string, state ec2types.RouteState) resource.Object {
	return resource.Object{
		Key: PublicRouteKey, ID: table + "/" + defaultRoute, Parent: table,
		Fields: map[string]string{"gateway": gateway, "state": string(state)},
	}
}

// routeTableObjects returns the table, its default route and its associations, which are called like their subnets.
func routeTableObjects(t ec2types.RouteTable, subnets map[string]string) []resource.Object {
	id, vpc := aws.ToString(t.RouteTableId), aws.ToString(t.VpcId)
	all := []resource.Object{{Key: keyOf(t.Tags, KindRouteTable, id), ID: id, Parent: vpc, Fields: map[string]string{"vpc": vpc}}}
	for _, r := range t.Routes {
		if aws.ToString(r.DestinationCidrBlock) == defaultRoute {
			all = append(all, routeObject(id, aws.ToString(r.GatewayId), r.State))
		}
	}
	for _, a := range t.Associations {
		subnet := aws.ToString(a.SubnetId)
		if name := subnets[subnet]; name != "" {
			all = append(all, associationObject(name, aws.ToString(a.RouteTableAssociationId), id, subnet))
		}
	}
	return all
}

func (c *Cloud) routeTableKind() resource.Kind {
	return resource.Kind{
		Name:  KindRouteTable,
		After: []string{KindSubnet, KindAssociation},
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.EC2.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: aws.String(have.ID)})
			return blocked(gone(err, "InvalidRouteTableID.NotFound"), func() string { return "its subnets" })
		},
	}
}

// routeKind goes with its table.
func routeKind() resource.Kind {
	return resource.Kind{Name: KindRoute, With: KindRouteTable}
}

// associationKind goes with its subnet, but may also be undone by itself.
func (c *Cloud) associationKind() resource.Kind {
	return resource.Kind{
		Name: KindAssociation, With: KindSubnet,
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.EC2.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: aws.String(have.ID)})
			return gone(err, "InvalidAssociationID.NotFound")
		},
	}
}
