package vpc

import (
	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlGateway struct {
	ID          string                           `xml:"internetGatewayId"`
	Owner       string                           `xml:"ownerId"`
	Attachments call.Items[xmlGatewayAttachment] `xml:"attachmentSet"`
	Tags        call.Items[call.Tag]             `xml:"tagSet"`
}

type xmlGatewayAttachment struct {
	VPC   string `xml:"vpcId"`
	State string `xml:"state"`
}

func renderGateway(s *call.Scope, g *state.InternetGateway) xmlGateway {
	x := xmlGateway{ID: g.ID, Owner: state.Account, Tags: s.TagSet(g.ID)}
	if g.VPC != "" {
		x.Attachments.Item = []xmlGatewayAttachment{{g.VPC, "available"}}
	}
	return x
}

func gatewayID(g *state.InternetGateway) string { return g.ID }

var gatewayListing = call.Listing[state.InternetGateway, xmlGateway]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeInternetGateways", Set: "internetGatewaySet", IDs: "InternetGatewayId", Kind: call.KindGateway,
	All: func(s *call.Scope) []*state.InternetGateway { return call.Sorted(s.InternetGateways) }, Key: gatewayID, Tags: call.TagsOf(gatewayID),
	Fields: call.Fields[state.InternetGateway]{
		"internet-gateway-id": call.Of(func(g *state.InternetGateway) string { return g.ID }),
		"owner-id":            call.Always[state.InternetGateway](state.Account),
		"attachment.vpc-id":   call.Of(func(g *state.InternetGateway) string { return g.VPC }),
		"attachment.state": func(r call.Row[state.InternetGateway]) []string {
			if r.It.VPC == "" {
				return nil
			}
			return []string{"available"}
		},
	},
	Render: func(r call.Row[state.InternetGateway]) xmlGateway { return renderGateway(r.Scope, r.It) },
}

type gatewayInput struct{ Gateway, VPC string }

func gatewayActions(a *call.API) []awswire.Action {
	decodeBoth := func(p *awswire.Params) gatewayInput {
		return gatewayInput{p.Required("InternetGatewayId"), p.Required("VpcId")}
	}
	both := func(in gatewayInput) []string { return []string{in.Gateway, in.VPC} }
	return []awswire.Action{
		call.Op[call.TagSpecs]{
			Name: "CreateInternetGateway", Handle: createGateway, Creates: func(in call.TagSpecs) call.TagSpecs { return in },
			Decode: func(p *awswire.Params) call.TagSpecs { return call.DecodeTagSpecs(p, "internet-gateway") },
		}.Write(a),
		gatewayListing.On(a),
		call.Op[call.One]{Name: "DeleteInternetGateway", Decode: call.DecodeOne("InternetGatewayId"), Handle: deleteGateway, Touches: call.OneID}.Write(a),
		call.Op[gatewayInput]{Name: "AttachInternetGateway", Decode: decodeBoth, Handle: attachGateway, Touches: both}.Write(a),
		call.Op[gatewayInput]{Name: "DetachInternetGateway", Decode: decodeBoth, Handle: detachGateway, Touches: both}.Write(a),
	}
}

func createGateway(s *call.Scope, tags call.TagSpecs) (any, error) {
	if len(s.InternetGateways) >= s.API.Quotas.InternetGateways {
		return nil, awswire.Errorf("InternetGatewayLimitExceeded", 400, "The maximum number of internet gateways has been reached.")
	}
	g := &state.InternetGateway{ID: awswire.NewID("igw")}
	s.InternetGateways[g.ID] = g
	s.Hide(g.ID)
	s.SetTags(g.ID, tags["internet-gateway"])
	return struct {
		Gateway xmlGateway `xml:"internetGateway"`
	}{renderGateway(s, g)}, nil
}

func deleteGateway(s *call.Scope, in call.One) (any, error) {
	g, err := call.Find(s.InternetGateways, call.KindGateway, in.ID)
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, call.Dependency(call.KindGateway, g.ID)
	}
	delete(s.InternetGateways, g.ID)
	delete(s.Tags, g.ID)
	return call.Done()
}

func attachGateway(s *call.Scope, in gatewayInput) (any, error) {
	g, err := call.Find(s.InternetGateways, call.KindGateway, in.Gateway)
	if err != nil {
		return nil, err
	}
	if _, err := call.Find(s.VPCs, call.KindVPC, in.VPC); err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, awswire.Errorf("Resource.AlreadyAssociated", 400, "resource %s is already attached to network %s", g.ID, g.VPC)
	}
	for _, other := range s.InternetGateways {
		if other.VPC == in.VPC {
			return nil, call.Invalid("Network %s already has an internet gateway attached", in.VPC)
		}
	}
	g.VPC = in.VPC
	return call.Done()
}

func detachGateway(s *call.Scope, in gatewayInput) (any, error) {
	g, err := call.Find(s.InternetGateways, call.KindGateway, in.Gateway)
	if err != nil {
		return nil, err
	}
	if g.VPC == "" || g.VPC != in.VPC {
		return nil, awswire.Errorf("Gateway.NotAttached", 400, "resource %s is not attached to network %s", g.ID, in.VPC)
	}
	for _, i := range s.NetworkInterfaces {
		if i.VPC == g.VPC && i.PublicIP != "" && network.ReachesInternet(s.EC2, s.Subnets[i.Subnet]) {
			return nil, awswire.Errorf("DependencyViolation", 400,
				"Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", in.VPC)
		}
	}
	g.VPC = ""
	return call.Done()
}
