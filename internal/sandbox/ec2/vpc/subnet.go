package vpc

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlSubnet struct {
	ID          string               `xml:"subnetId"`
	ARN         string               `xml:"subnetArn"`
	Owner       string               `xml:"ownerId"`
	State       string               `xml:"state"`
	VPC         string               `xml:"vpcId"`
	CIDR        string               `xml:"cidrBlock"`
	Free        int                  `xml:"availableIpAddressCount"`
	Zone        string               `xml:"availabilityZone"`
	ZoneID      string               `xml:"availabilityZoneId"`
	DefaultAZ   bool                 `xml:"defaultForAz"`
	MapPublicIP bool                 `xml:"mapPublicIpOnLaunch"`
	AssignIPv6  bool                 `xml:"assignIpv6AddressOnCreation"`
	Tags        call.Items[call.Tag] `xml:"tagSet"`
}

func renderSubnet(s *call.Scope, n *state.Subnet) xmlSubnet {
	return xmlSubnet{
		ID: n.ID, ARN: call.ARN(s.Region.Name, n.ID), Owner: state.Account, State: "available", VPC: n.VPC, CIDR: n.CIDR,
		Free: network.FreeAddresses(s.EC2, n), Zone: n.Zone, ZoneID: call.ZoneID(n.Zone), MapPublicIP: n.MapPublicIP, Tags: s.TagSet(n.ID),
	}
}

func subnetID(n *state.Subnet) string { return n.ID }

var subnetListing = call.Listing[state.Subnet, xmlSubnet]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeSubnets", Set: "subnetSet", IDs: "SubnetId", Kind: call.KindSubnet,
	All: func(s *call.Scope) []*state.Subnet { return call.Sorted(s.Subnets) }, Key: subnetID, Tags: call.TagsOf(subnetID),
	Fields: call.Fields[state.Subnet]{
		"subnet-id":                  call.Of(func(n *state.Subnet) string { return n.ID }),
		"vpc-id":                     call.Of(func(n *state.Subnet) string { return n.VPC }),
		"availability-zone":          call.Of(func(n *state.Subnet) string { return n.Zone }),
		"availability-zone-id":       call.Of(func(n *state.Subnet) string { return call.ZoneID(n.Zone) }),
		"available-ip-address-count": call.Text(func(r call.Row[state.Subnet]) string { return strconv.Itoa(network.FreeAddresses(r.EC2, r.It)) }),
		"cidr-block":                 call.Of(func(n *state.Subnet) string { return n.CIDR }),
		"default-for-az":             call.Always[state.Subnet]("false"),
		"map-public-ip-on-launch":    call.Is(func(n *state.Subnet) bool { return n.MapPublicIP }),
		"owner-id":                   call.Always[state.Subnet](state.Account),
		"state":                      call.Always[state.Subnet]("available"),
	},
	Render: func(r call.Row[state.Subnet]) xmlSubnet { return renderSubnet(r.Scope, r.It) },
}

func subnetActions(a *call.API) []awswire.Action {
	return []awswire.Action{
		call.Op[createSubnetInput]{
			Name: "CreateSubnet", Decode: decodeCreateSubnet, Handle: createSubnet,
			Touches: call.Only(func(in createSubnetInput) string { return in.VPC }), Creates: func(in createSubnetInput) call.TagSpecs { return in.Tags },
		}.Write(a),
		subnetListing.On(a),
		call.Op[call.One]{Name: "DeleteSubnet", Decode: call.DecodeOne("SubnetId"), Handle: deleteSubnet, Touches: call.OneID}.Write(a),
		call.Op[subnetAttributeInput]{
			Name: "ModifySubnetAttribute", Decode: decodeSubnetAttribute, Handle: modifySubnetAttribute,
			Touches: call.Only(func(in subnetAttributeInput) string { return in.Subnet }),
		}.Write(a),
	}
}

type createSubnetInput struct {
	VPC, CIDR, Zone, ZoneID string
	Tags                    call.TagSpecs
}

func decodeCreateSubnet(p *awswire.Params) createSubnetInput {
	return createSubnetInput{
		VPC: p.Required("VpcId"), CIDR: p.Required("CidrBlock"), Zone: p.String("AvailabilityZone"), ZoneID: p.String("AvailabilityZoneId"),
		Tags: call.DecodeTagSpecs(p, "subnet"),
	}
}

func createSubnet(s *call.Scope, in createSubnetInput) (any, error) {
	v, err := call.Find(s.VPCs, call.KindVPC, in.VPC)
	if err != nil {
		return nil, err
	}
	zone, err := s.Zone(in.Zone, in.ZoneID)
	if err != nil {
		return nil, err
	}
	block, ok := parseBlock(in.CIDR)
	if whole := netip.MustParsePrefix(v.CIDR); !ok || block.Bits() < whole.Bits() || !whole.Contains(block.Addr()) {
		return nil, awswire.Errorf("InvalidSubnet.Range", 400, "The CIDR '%s' is invalid.", in.CIDR)
	}
	count := 0
	for _, other := range s.Subnets {
		if other.VPC != v.ID {
			continue
		}
		count++
		if netip.MustParsePrefix(other.CIDR).Overlaps(block) {
			return nil, awswire.Errorf("InvalidSubnet.Conflict", 400, "The CIDR '%s' conflicts with another subnet", in.CIDR)
		}
	}
	if count >= s.API.Quotas.SubnetsPerVPC {
		return nil, awswire.Errorf("SubnetLimitExceeded", 400, "The maximum number of subnets has been reached.")
	}
	n := &state.Subnet{ID: awswire.NewID("subnet"), VPC: v.ID, CIDR: block.String(), Zone: zone, ACLAssociation: awswire.NewID("aclassoc")}
	s.Subnets[n.ID] = n
	s.Hide(n.ID)
	s.SetTags(n.ID, in.Tags["subnet"])
	return struct {
		Subnet xmlSubnet `xml:"subnet"`
	}{renderSubnet(s, n)}, nil
}

func deleteSubnet(s *call.Scope, in call.One) (any, error) {
	n, err := call.Find(s.Subnets, call.KindSubnet, in.ID)
	if err != nil {
		return nil, err
	}
	for _, i := range s.NetworkInterfaces {
		if i.Subnet == n.ID {
			return nil, call.Dependency(call.KindSubnet, n.ID)
		}
	}
	for _, t := range s.RouteTables {
		t.Associations = slices.DeleteFunc(t.Associations, func(a state.RouteAssociation) bool { return a.Subnet == n.ID })
	}
	delete(s.Subnets, n.ID)
	delete(s.Tags, n.ID)
	return call.Done()
}

type subnetAttributeInput struct {
	Subnet      string
	MapPublicIP bool
}

func decodeSubnetAttribute(p *awswire.Params) subnetAttributeInput {
	if !p.Has("MapPublicIpOnLaunch") {
		p.Refuse("InvalidParameterCombination", "No attributes specified.")
	}
	return subnetAttributeInput{p.Required("SubnetId"), p.Sub("MapPublicIpOnLaunch").Bool("Value", false)}
}

func modifySubnetAttribute(s *call.Scope, in subnetAttributeInput) (any, error) {
	n, err := call.Find(s.Subnets, call.KindSubnet, in.Subnet)
	if err != nil {
		return nil, err
	}
	n.MapPublicIP = in.MapPublicIP
	return call.Done()
}
