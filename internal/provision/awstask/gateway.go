package awstask

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/provision/resource"
)

// The keys of the way to the internet.
const (
	GatewayKey    resource.Key = KindGateway + "/main"
	AttachmentKey resource.Key = KindAttachment + "/main"
)

// Gateway is the internet gateway, not yet attached.
func (c *Cloud) Gateway() resource.Task {
	return resource.Task{
		Key: GatewayKey,
		Create: func(ctx context.Context, _ *resource.World) (resource.Object, error) {
			out, err := c.aws.EC2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{
				TagSpecifications: c.tagged(ec2types.ResourceTypeInternetGateway, GatewayKey),
			})
			if err != nil {
				return resource.Object{}, err
			}
			return gatewayObjects(*out.InternetGateway)[0], nil
		},
	}
}

// Attachment joins the internet gateway to the VPC.
func (c *Cloud) Attachment() resource.Task {
	return resource.Task{
		Key: AttachmentKey, Needs: after(GatewayKey, VPCKey), Repeatable: true, // a second one is refused
		Fields: []resource.Field{
			{Name: "gateway", Ref: GatewayKey, Policy: resource.Replace},
			{Name: "vpc", Ref: VPCKey, Policy: resource.Replace},
		},
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) {
			gateway, vpc := w.ID(GatewayKey), w.ID(VPCKey)
			_, err := c.aws.EC2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{
				InternetGatewayId: aws.String(gateway), VpcId: aws.String(vpc),
			})
			if err != nil {
				return resource.Object{}, err
			}
			return attachmentObject(GatewayKey.Name(), gateway, vpc), nil
		},
	}
}

func attachmentObject(name, gateway, vpc string) resource.Object {
	return resource.Object{
		Key: resource.NewKey(KindAttachment, name), ID: gateway + "/" + vpc, Parent: gateway,
		Fields: map[string]string{"gateway": gateway, "vpc": vpc},
	}
}

// gatewayObjects returns the gateway and its attachments.
func gatewayObjects(g ec2types.InternetGateway) []resource.Object {
	id := aws.ToString(g.InternetGatewayId)
	gateway := resource.Object{Key: keyOf(g.Tags, KindGateway, id), ID: id}
	all := []resource.Object{gateway}
	for _, a := range g.Attachments {
		if a.State != ec2types.AttachmentStatusDetached {
			all = append(all, attachmentObject(gateway.Key.Name(), id, aws.ToString(a.VpcId)))
		}
	}
	return all
}

func (c *Cloud) findGateways() resource.Finder {
	return resource.Finder{Kinds: []string{KindGateway, KindAttachment}, Find: func(ctx context.Context) ([]resource.Object, error) {
		var all []resource.Object
		err := pages(ctx, ec2.NewDescribeInternetGatewaysPaginator(c.aws.EC2, &ec2.DescribeInternetGatewaysInput{Filters: c.mine()}),
			func(p *ec2.DescribeInternetGatewaysOutput) {
				for _, g := range p.InternetGateways {
					all = append(all, gatewayObjects(g)...)
				}
			})
		return all, err
	}}
}

func (c *Cloud) gatewayKind() resource.Kind {
	return resource.Kind{
		Name:  KindGateway,
		After: []string{KindAttachment},
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.EC2.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: aws.String(have.ID)})
			return blocked(gone(err, "InvalidInternetGatewayID.NotFound"), func() string { return "a VPC" })
		},
	}
}

func (c *Cloud) attachmentKind() resource.Kind {
	return resource.Kind{
		Name:  KindAttachment,
		After: []string{KindInstance, KindBalancer}, // their public addresses hold it
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.EC2.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{
				InternetGatewayId: aws.String(have.Fields["gateway"]), VpcId: aws.String(have.Fields["vpc"]),
			})
			return blocked(gone(err, "Gateway.NotAttached", "InvalidInternetGatewayID.NotFound", "InvalidVpcID.NotFound"),
				func() string { return c.usersOf(ctx, "vpc-id", have.Fields["vpc"]) })
		},
	}
}
