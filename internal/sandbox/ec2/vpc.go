package ec2

import (
	"net/netip"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlVPC struct {
	ID           string            `xml:"vpcId"`
	Owner        string            `xml:"ownerId"`
	State        string            `xml:"state"`
	CIDR         string            `xml:"cidrBlock"`
	Associations items[xmlVPCCIDR] `xml:"cidrBlockAssociationSet"`
	DHCPOptions  string            `xml:"dhcpOptionsId"`
	Tenancy      string            `xml:"instanceTenancy"`
	IsDefault    bool              `xml:"isDefault"`
	Tags         items[tag]        `xml:"tagSet"`
	IPv6         struct{}          `xml:"ipv6CidrBlockAssociationSet"`
}

type xmlVPCCIDR struct {
	CIDR        string `xml:"cidrBlock"`
	Association string `xml:"associationId"`
	State       string `xml:"cidrBlockState>state"`
}

func (s *scope) renderVPC(v *state.VPC, status string) xmlVPC {
	return xmlVPC{
		ID: v.ID, Owner: state.Account, State: status, CIDR: v.CIDR, DHCPOptions: "default", Tenancy: "default", Tags: s.tagSet(v.ID),
		Associations: items[xmlVPCCIDR]{[]xmlVPCCIDR{{v.CIDR, v.Association, "associated"}}},
	}
}

func vpcID(v *state.VPC) string { return v.ID }

var vpcListing = listing[state.VPC, xmlVPC]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeVpcs", set: "vpcSet", ids: "VpcId", kind: kindVPC,
	all: func(s *scope) []*state.VPC { return sorted(s.VPCs) }, key: vpcID, tags: tagsOf(vpcID),
	fields: map[string]func(row[state.VPC]) []string{
		"vpc-id":                                text(func(r row[state.VPC]) string { return r.it.ID }),
		"cidr":                                  text(func(r row[state.VPC]) string { return r.it.CIDR }),
		"cidr-block-association.cidr-block":     text(func(r row[state.VPC]) string { return r.it.CIDR }),
		"cidr-block-association.association-id": text(func(r row[state.VPC]) string { return r.it.Association }),
		"dhcp-options-id":                       text(func(row[state.VPC]) string { return "default" }),
		"is-default":                            truth(func(row[state.VPC]) bool { return false }),
		"owner-id":                              text(func(row[state.VPC]) string { return state.Account }),
		"state":                                 text(func(row[state.VPC]) string { return "available" }),
	},
	render: func(r row[state.VPC]) xmlVPC { return r.renderVPC(r.it, "available") },
}

func (a *api) vpcActions() []awswire.Action {
	return []awswire.Action{
		op[createVPCInput]{
			name: "CreateVpc", decode: decodeCreateVPC, handle: (*scope).createVPC,
			creates: func(in createVPCInput) tagSpecs { return in.Tags },
		}.write(a),
		vpcListing.on(a),
		op[one]{name: "DeleteVpc", decode: decodeOne("VpcId"), handle: (*scope).deleteVPC, touches: oneID}.write(a),
		op[vpcAttributeInput]{
			name: "ModifyVpcAttribute", decode: decodeModifyVPCAttribute, handle: (*scope).modifyVPCAttribute,
			touches: only(func(in vpcAttributeInput) string { return in.VPC }),
		}.write(a),
		op[vpcAttributeInput]{name: "DescribeVpcAttribute", decode: decodeDescribeVPCAttribute, handle: (*scope).describeVPCAttribute}.read(a),
	}
}

type createVPCInput struct {
	CIDR string
	Tags tagSpecs
}

func decodeCreateVPC(p *awswire.Params) createVPCInput {
	p.OneOf("InstanceTenancy", "default", "default")
	if p.Bool("AmazonProvidedIpv6CidrBlock", false) {
		p.Invalid("The sandbox has no IPv6")
	}
	return createVPCInput{CIDR: p.Required("CidrBlock"), Tags: decodeTagSpecs(p, "vpc")}
}

// parseBlock reads a block of IPv4 addresses of 16 to 65536, as VPCs and subnets have them; bits behind the prefix are
// dropped. ok is false if it is none.
func parseBlock(cidr string) (block netip.Prefix, ok bool) {
	block, err := netip.ParsePrefix(cidr)
	return block.Masked(), err == nil && block.Addr().Is4() && block.Bits() >= 16 && block.Bits() <= 28
}

func (s *scope) createVPC(in createVPCInput) (any, error) {
	block, ok := parseBlock(in.CIDR)
	if !ok {
		return nil, awswire.Errorf("InvalidVpc.Range", 400, "The CIDR '%s' is invalid.", in.CIDR)
	}
	if len(s.VPCs) >= s.api.Quotas.VPCs {
		return nil, awswire.Errorf("VpcLimitExceeded", 400, "The maximum number of VPCs has been reached.")
	}
	v := &state.VPC{
		ID: awswire.NewID("vpc"), CIDR: block.String(), Association: awswire.NewID("vpc-cidr-assoc"), NetworkACL: awswire.NewID("acl"),
		DNSSupport: true, Created: s.now,
	}
	s.VPCs[v.ID] = v
	s.setTags(v.ID, in.Tags["vpc"])
	table := s.newRouteTable(v.ID)
	table.Associations = []state.RouteAssociation{{ID: awswire.NewID("rtbassoc")}}
	group := s.newGroup(v.ID, defaultGroup, "default VPC security group")
	group.Rules = append(group.Rules, state.SecurityGroupRule{ID: awswire.NewID("sgr"), Protocol: "-1", From: -1, To: -1, Group: group.ID})
	return struct {
		VPC xmlVPC `xml:"vpc"`
	}{s.renderVPC(v, "pending")}, nil
}

func (s *scope) deleteVPC(in one) (any, error) {
	v, err := find(s.VPCs, kindVPC, in.ID)
	if err != nil {
		return nil, err
	}
	for _, x := range s.Subnets {
		if x.VPC == v.ID {
			return nil, dependency(kindVPC, v.ID)
		}
	}
	for _, x := range s.InternetGateways {
		if x.VPC == v.ID {
			return nil, dependency(kindVPC, v.ID)
		}
	}
	for _, x := range s.SecurityGroups {
		if x.VPC == v.ID && x.Name != defaultGroup {
			return nil, dependency(kindVPC, v.ID)
		}
	}
	for _, x := range s.RouteTables {
		if x.VPC == v.ID && !x.Main() {
			return nil, dependency(kindVPC, v.ID)
		}
	}
	s.forgetVPC(v)
	return done()
}

// forgetVPC removes a VPC with what came with it.
func (s *scope) forgetVPC(v *state.VPC) {
	for id, x := range s.RouteTables {
		if x.VPC == v.ID {
			delete(s.RouteTables, id)
			delete(s.Tags, id)
		}
	}
	for id, x := range s.SecurityGroups {
		if x.VPC == v.ID {
			s.forgetGroup(x)
			delete(s.SecurityGroups, id)
		}
	}
	delete(s.Tags, v.NetworkACL)
	delete(s.Tags, v.ID)
	delete(s.VPCs, v.ID)
}

// vpcAttributeInput names one attribute, and its new value if it is to change.
type vpcAttributeInput struct {
	VPC, Attribute string
	Value          bool
}

func decodeModifyVPCAttribute(p *awswire.Params) vpcAttributeInput {
	in := vpcAttributeInput{VPC: p.Required("VpcId")}
	for parameter, attribute := range map[string]string{"EnableDnsSupport": "enableDnsSupport", "EnableDnsHostnames": "enableDnsHostnames"} {
		if !p.Has(parameter) {
			continue
		}
		if in.Attribute != "" {
			p.Refuse("InvalidParameterCombination", "Only one attribute can be modified at a time")
		}
		in.Attribute, in.Value = attribute, p.Sub(parameter).Bool("Value", false)
	}
	if in.Attribute == "" {
		p.Refuse("InvalidParameterCombination", "No attributes specified.")
	}
	return in
}

func decodeDescribeVPCAttribute(p *awswire.Params) vpcAttributeInput {
	in := vpcAttributeInput{VPC: p.Required("VpcId"), Attribute: p.Required("Attribute")}
	p.OneOf("Attribute", "", "enableDnsSupport", "enableDnsHostnames")
	return in
}

func (s *scope) modifyVPCAttribute(in vpcAttributeInput) (any, error) {
	v, err := find(s.VPCs, kindVPC, in.VPC)
	if err != nil {
		return nil, err
	}
	if in.Attribute == "enableDnsSupport" {
		v.DNSSupport = in.Value
	} else {
		v.DNSHostnames = in.Value
	}
	return done()
}

func (s *scope) describeVPCAttribute(in vpcAttributeInput) (any, error) {
	v, err := find(s.VPCs, kindVPC, in.VPC)
	if err != nil {
		return nil, err
	}
	var out struct {
		ID        string       `xml:"vpcId"`
		Support   *value[bool] `xml:"enableDnsSupport"`
		Hostnames *value[bool] `xml:"enableDnsHostnames"`
	}
	out.ID = v.ID
	if in.Attribute == "enableDnsSupport" {
		out.Support = &value[bool]{v.DNSSupport}
	} else {
		out.Hostnames = &value[bool]{v.DNSHostnames}
	}
	return out, nil
}

// value is how attributes are shown: <attribute><value>true</value></attribute>.
type value[T any] struct {
	Value T `xml:"value"`
}
