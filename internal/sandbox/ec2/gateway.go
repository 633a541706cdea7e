package ec2

import (
	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlGateway struct {
	ID          string                      `xml:"internetGatewayId"`
	Owner       string                      `xml:"ownerId"`
	Attachments items[xmlGatewayAttachment] `xml:"attachmentSet"`
	Tags        items[tag]                  `xml:"tagSet"`
}

type xmlGatewayAttachment struct {
	VPC   string `xml:"vpcId"`
	State string `xml:"state"`
}

func (s *scope) renderGateway(g *state.InternetGateway) xmlGateway {
	x := xmlGateway{ID: g.ID, Owner: state.Account, Tags: s.tagSet(g.ID)}
	if g.VPC != "" {
		x.Attachments.Item = []xmlGatewayAttachment{{g.VPC, "available"}}
	}
	return x
}

func gatewayID(g *state.InternetGateway) string { return g.ID }

var gatewayListing = listing[state.InternetGateway, xmlGateway]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeInternetGateways", set: "internetGatewaySet", ids: "InternetGatewayId", kind: kindGateway,
	all: func(s *scope) []*state.InternetGateway { return sorted(s.InternetGateways) }, key: gatewayID, tags: tagsOf(gatewayID),
	fields: map[string]func(row[state.InternetGateway]) []string{
		"internet-gateway-id": text(func(r row[state.InternetGateway]) string { return r.it.ID }),
		"owner-id":            text(func(row[state.InternetGateway]) string { return state.Account }),
		"attachment.vpc-id":   text(func(r row[state.InternetGateway]) string { return r.it.VPC }),
		"attachment.state": func(r row[state.InternetGateway]) []string {
			if r.it.VPC == "" {
				return nil
			}
			return []string{"available"}
		},
	},
	render: func(r row[state.InternetGateway]) xmlGateway { return r.renderGateway(r.it) },
}

type gatewayInput struct{ Gateway, VPC string }

func (a *api) gatewayActions() []awswire.Action {
	decodeBoth := func(p *awswire.Params) gatewayInput {
		return gatewayInput{p.Required("InternetGatewayId"), p.Required("VpcId")}
	}
	both := func(in gatewayInput) []string { return []string{in.Gateway, in.VPC} }
	return []awswire.Action{
		op[tagSpecs]{
			name: "CreateInternetGateway", handle: (*scope).createGateway, creates: func(in tagSpecs) tagSpecs { return in },
			decode: func(p *awswire.Params) tagSpecs { return decodeTagSpecs(p, "internet-gateway") },
		}.write(a),
		gatewayListing.on(a),
		op[one]{name: "DeleteInternetGateway", decode: decodeOne("InternetGatewayId"), handle: (*scope).deleteGateway, touches: oneID}.write(a),
		op[gatewayInput]{name: "AttachInternetGateway", decode: decodeBoth, handle: (*scope).attachGateway, touches: both}.write(a),
		op[gatewayInput]{name: "DetachInternetGateway", decode: decodeBoth, handle: (*scope).detachGateway, touches: both}.write(a),
	}
}

func (s *scope) createGateway(tags tagSpecs) (any, error) {
	if len(s.InternetGateways) >= s.api.Quotas.InternetGateways {
		return nil, awswire.Errorf("InternetGatewayLimitExceeded", 400, "The maximum number of internet gateways has been reached.")
	}
	g := &state.InternetGateway{ID: awswire.NewID("igw")}
	s.InternetGateways[g.ID] = g
	s.setTags(g.ID, tags["internet-gateway"])
	return struct {
		Gateway xmlGateway `xml:"internetGateway"`
	}{s.renderGateway(g)}, nil
}

func (s *scope) deleteGateway(in one) (any, error) {
	g, err := find(s.InternetGateways, kindGateway, in.ID)
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, dependency(kindGateway, g.ID)
	}
	delete(s.InternetGateways, g.ID)
	delete(s.Tags, g.ID)
	return done()
}

func (s *scope) attachGateway(in gatewayInput) (any, error) {
	g, err := find(s.InternetGateways, kindGateway, in.Gateway)
	if err != nil {
		return nil, err
	}
	if _, err := find(s.VPCs, kindVPC, in.VPC); err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, awswire.Errorf("Resource.AlreadyAssociated", 400, "resource %s is already attached to network %s", g.ID, g.VPC)
	}
	for _, other := range s.InternetGateways {
		if other.VPC == in.VPC {
			return nil, invalid("Network %s already has an internet gateway attached", in.VPC)
		}
	}
	g.VPC = in.VPC
	return done()
}

func (s *scope) detachGateway(in gatewayInput) (any, error) {
	g, err := find(s.InternetGateways, kindGateway, in.Gateway)
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
	return done()
}
