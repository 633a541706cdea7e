package ec2

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlSubnet struct {
	ID          string     `xml:"subnetId"`
	ARN         string     `xml:"subnetArn"`
	Owner       string     `xml:"ownerId"`
	State       string     `xml:"state"`
	VPC         string     `xml:"vpcId"`
	CIDR        string     `xml:"cidrBlock"`
	Free        int        `xml:"availableIpAddressCount"`
	Zone        string     `xml:"availabilityZone"`
	ZoneID      string     `xml:"availabilityZoneId"`
	DefaultAZ   bool       `xml:"defaultForAz"`
	MapPublicIP bool       `xml:"mapPublicIpOnLaunch"`
	AssignIPv6  bool       `xml:"assignIpv6AddressOnCreation"`
	Tags        items[tag] `xml:"tagSet"`
}

func (s *scope) renderSubnet(n *state.Subnet) xmlSubnet {
	return xmlSubnet{
		ID: n.ID, ARN: arn(s.region.Name, n.ID), Owner: state.Account, State: "available", VPC: n.VPC, CIDR: n.CIDR,
		Free: network.FreeAddresses(s.EC2, n), Zone: n.Zone, ZoneID: zoneID(n.Zone), MapPublicIP: n.MapPublicIP, Tags: s.tagSet(n.ID),
	}
}

func subnetID(n *state.Subnet) string { return n.ID }

var subnetListing = listing[state.Subnet, xmlSubnet]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeSubnets", set: "subnetSet", ids: "SubnetId", kind: kindSubnet,
	all: func(s *scope) []*state.Subnet { return sorted(s.Subnets) }, key: subnetID, tags: tagsOf(subnetID),
	fields: map[string]func(row[state.Subnet]) []string{
		"subnet-id":                  text(func(r row[state.Subnet]) string { return r.it.ID }),
		"vpc-id":                     text(func(r row[state.Subnet]) string { return r.it.VPC }),
		"availability-zone":          text(func(r row[state.Subnet]) string { return r.it.Zone }),
		"availability-zone-id":       text(func(r row[state.Subnet]) string { return zoneID(r.it.Zone) }),
		"available-ip-address-count": text(func(r row[state.Subnet]) string { return strconv.Itoa(network.FreeAddresses(r.EC2, r.it)) }),
		"cidr-block":                 text(func(r row[state.Subnet]) string { return r.it.CIDR }),
		"default-for-az":             truth(func(row[state.Subnet]) bool { return false }),
		"map-public-ip-on-launch":    truth(func(r row[state.Subnet]) bool { return r.it.MapPublicIP }),
		"owner-id":                   text(func(row[state.Subnet]) string { return state.Account }),
		"state":                      text(func(row[state.Subnet]) string { return "available" }),
	},
	render: func(r row[state.Subnet]) xmlSubnet { return r.renderSubnet(r.it) },
}

func (a *api) subnetActions() []awswire.Action {
	return []awswire.Action{
		op[createSubnetInput]{
			name: "CreateSubnet", decode: decodeCreateSubnet, handle: (*scope).createSubnet,
			touches: only(func(in createSubnetInput) string { return in.VPC }), creates: func(in createSubnetInput) tagSpecs { return in.Tags },
		}.write(a),
		subnetListing.on(a),
		op[one]{name: "DeleteSubnet", decode: decodeOne("SubnetId"), handle: (*scope).deleteSubnet, touches: oneID}.write(a),
		op[subnetAttributeInput]{
			name: "ModifySubnetAttribute", decode: decodeSubnetAttribute, handle: (*scope).modifySubnetAttribute,
			touches: only(func(in subnetAttributeInput) string { return in.Subnet }),
		}.write(a),
	}
}

type createSubnetInput struct {
	VPC, CIDR, Zone, ZoneID string
	Tags                    tagSpecs
}

func decodeCreateSubnet(p *awswire.Params) createSubnetInput {
	return createSubnetInput{
		VPC: p.Required("VpcId"), CIDR: p.Required("CidrBlock"), Zone: p.String("AvailabilityZone"), ZoneID: p.String("AvailabilityZoneId"),
		Tags: decodeTagSpecs(p, "subnet"),
	}
}

func (s *scope) createSubnet(in createSubnetInput) (any, error) {
	v, err := find(s.VPCs, kindVPC, in.VPC)
	if err != nil {
		return nil, err
	}
	zone, err := s.zone(in.Zone, in.ZoneID)
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
	if count >= s.api.Quotas.SubnetsPerVPC {
		return nil, awswire.Errorf("SubnetLimitExceeded", 400, "The maximum number of subnets has been reached.")
	}
	n := &state.Subnet{ID: awswire.NewID("subnet"), VPC: v.ID, CIDR: block.String(), Zone: zone, ACLAssociation: awswire.NewID("aclassoc")}
	s.Subnets[n.ID] = n
	s.setTags(n.ID, in.Tags["subnet"])
	return struct {
		Subnet xmlSubnet `xml:"subnet"`
	}{s.renderSubnet(n)}, nil
}

func (s *scope) deleteSubnet(in one) (any, error) {
	n, err := find(s.Subnets, kindSubnet, in.ID)
	if err != nil {
		return nil, err
	}
	for _, i := range s.NetworkInterfaces {
		if i.Subnet == n.ID {
			return nil, dependency(kindSubnet, n.ID)
		}
	}
	for _, t := range s.RouteTables {
		t.Associations = slices.DeleteFunc(t.Associations, func(a state.RouteAssociation) bool { return a.Subnet == n.ID })
	}
	delete(s.Subnets, n.ID)
	delete(s.Tags, n.ID)
	return done()
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

func (s *scope) modifySubnetAttribute(in subnetAttributeInput) (any, error) {
	n, err := find(s.Subnets, kindSubnet, in.Subnet)
	if err != nil {
		return nil, err
	}
	n.MapPublicIP = in.MapPublicIP
	return done()
}

// zone returns the zone of that name or id; with neither, the region's first.
func (s *scope) zone(name, id string) (string, error) {
	zones := state.ZoneNames(s.region.Name)
	if name == "" && id == "" {
		return zones[0], nil
	}
	for _, z := range zones {
		if z == name || name == "" && zoneID(z) == id {
			return z, nil
		}
	}
	return "", invalid("Value (%s) for parameter availabilityZone is invalid. The zones of this region are: %s.", name+id, strings.Join(zones, ", "))
}

// zoneID returns the id of a zone, which other than its name means the same place in every account: use1-az1.
func zoneID(zone string) string {
	parts := strings.Split(zone, "-") // us, east, 1a
	if len(parts) != 3 || len(parts[2]) != 2 {
		return ""
	}
	return fmt.Sprintf("%s%s%s-az%d", parts[0], parts[1][:1], parts[2][:1], parts[2][1]-'a'+1)
}
