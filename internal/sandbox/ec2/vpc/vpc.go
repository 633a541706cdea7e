package vpc

import (
	"net/netip"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlVPC struct {
	ID           string                 `xml:"vpcId"`
	Owner        string                 `xml:"ownerId"`
	State        string                 `xml:"state"`
	CIDR         string                 `xml:"cidrBlock"`
	Associations call.Items[xmlVPCCIDR] `xml:"cidrBlockAssociationSet"`
	DHCPOptions  string                 `xml:"dhcpOptionsId"`
	Tenancy      string                 `xml:"instanceTenancy"`
	IsDefault    bool                   `xml:"isDefault"`
	Tags         call.Items[call.Tag]   `xml:"tagSet"`
	IPv6         struct{}               `xml:"ipv6CidrBlockAssociationSet"`
}

type xmlVPCCIDR struct {
	CIDR        string `xml:"cidrBlock"`
	Association string `xml:"associationId"`
	State       string `xml:"cidrBlockState>state"`
}

func renderVPC(s *call.Scope, v *state.VPC, status string) xmlVPC {
	return xmlVPC{
		ID: v.ID, Owner: state.Account, State: status, CIDR: v.CIDR, DHCPOptions: "default", Tenancy: "default", Tags: s.TagSet(v.ID),
		Associations: call.List(xmlVPCCIDR{v.CIDR, v.Association, "associated"}),
	}
}

func vpcID(v *state.VPC) string { return v.ID }

var vpcListing = call.Listing[state.VPC, xmlVPC]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeVpcs", Set: "vpcSet", IDs: "VpcId", Kind: call.KindVPC,
	All: func(s *call.Scope) []*state.VPC { return call.Sorted(s.VPCs) }, Key: vpcID, Tags: call.TagsOf(vpcID),
	Fields: call.Fields[state.VPC]{
		"vpc-id":                                call.Of(func(v *state.VPC) string { return v.ID }),
		"cidr":                                  call.Of(func(v *state.VPC) string { return v.CIDR }),
		"cidr-block-association.cidr-block":     call.Of(func(v *state.VPC) string { return v.CIDR }),
		"cidr-block-association.association-id": call.Of(func(v *state.VPC) string { return v.Association }),
		"dhcp-options-id":                       call.Always[state.VPC]("default"),
		"is-default":                            call.Always[state.VPC]("false"),
		"owner-id":                              call.Always[state.VPC](state.Account),
		"state":                                 call.Always[state.VPC]("available"),
	},
	Render: func(r call.Row[state.VPC]) xmlVPC { return renderVPC(r.Scope, r.It, "available") },
}

func vpcActions(a *call.API) []awswire.Action {
	return []awswire.Action{
		call.Op[createVPCInput]{
			Name: "CreateVpc", Decode: decodeCreateVPC, Handle: createVPC,
			Creates: func(in createVPCInput) call.TagSpecs { return in.Tags },
		}.Write(a),
		vpcListing.On(a),
		call.Op[call.One]{Name: "DeleteVpc", Decode: call.DecodeOne("VpcId"), Handle: deleteVPC, Touches: call.OneID}.Write(a),
		call.Op[vpcAttributeInput]{
			Name: "ModifyVpcAttribute", Decode: decodeModifyVPCAttribute, Handle: modifyVPCAttribute,
			Touches: call.Only(func(in vpcAttributeInput) string { return in.VPC }),
		}.Write(a),
		call.Op[vpcAttributeInput]{Name: "DescribeVpcAttribute", Decode: decodeDescribeVPCAttribute, Handle: describeVPCAttribute}.Read(a),
	}
}

type createVPCInput struct {
	CIDR string
	Tags call.TagSpecs
}

func decodeCreateVPC(p *awswire.Params) createVPCInput {
	p.OneOf("InstanceTenancy", "default", "default")
	if p.Bool("AmazonProvidedIpv6CidrBlock", false) {
		p.Invalid("The sandbox has no IPv6")
	}
	return createVPCInput{CIDR: p.Required("CidrBlock"), Tags: call.DecodeTagSpecs(p, "vpc")}
}

// parseBlock reads a block of IPv4 addresses of 16 to 65536, as VPCs and subnets have them; bits behind the prefix are
// dropped. ok is false if it is none.
func parseBlock(cidr string) (block netip.Prefix, ok bool) {
	block, err := netip.ParsePrefix(cidr)
	return block.Masked(), err == nil && block.Addr().Is4() && block.Bits() >= 16 && block.Bits() <= 28
}

func createVPC(s *call.Scope, in createVPCInput) (any, error) {
	block, ok := parseBlock(in.CIDR)
	if !ok {
		return nil, awswire.Errorf("InvalidVpc.Range", 400, "The CIDR '%s' is invalid.", in.CIDR)
	}
	if len(s.VPCs) >= s.API.Quotas.VPCs {
		return nil, awswire.Errorf("VpcLimitExceeded", 400, "The maximum number of VPCs has been reached.")
	}
	v := &state.VPC{
		ID: awswire.NewID("vpc"), CIDR: block.String(), Association: awswire.NewID("vpc-cidr-assoc"), NetworkACL: awswire.NewID("acl"),
		DNSSupport: true, Created: s.Now,
	}
	s.VPCs[v.ID] = v
	s.Hide(v.ID)
	s.SetTags(v.ID, in.Tags["vpc"])
	table := newRouteTable(s, v.ID)
	table.Associations = []state.RouteAssociation{{ID: awswire.NewID("rtbassoc")}}
	group := newGroup(s, v.ID, defaultGroup, "default VPC security group")
	group.Rules = append(group.Rules, state.SecurityGroupRule{ID: awswire.NewID("sgr"), Protocol: "-1", From: -1, To: -1, Group: group.ID})
	return struct {
		VPC xmlVPC `xml:"vpc"`
	}{renderVPC(s, v, "pending")}, nil
}

func deleteVPC(s *call.Scope, in call.One) (any, error) {
	v, err := call.Find(s.VPCs, call.KindVPC, in.ID)
	if err != nil {
		return nil, err
	}
	for _, x := range s.Subnets {
		if x.VPC == v.ID {
			return nil, call.Dependency(call.KindVPC, v.ID)
		}
	}
	for _, x := range s.InternetGateways {
		if x.VPC == v.ID {
			return nil, call.Dependency(call.KindVPC, v.ID)
		}
	}
	for _, x := range s.SecurityGroups {
		if x.VPC == v.ID && x.Name != defaultGroup {
			return nil, call.Dependency(call.KindVPC, v.ID)
		}
	}
	for _, x := range s.RouteTables {
		if x.VPC == v.ID && !x.Main() {
			return nil, call.Dependency(call.KindVPC, v.ID)
		}
	}
	forgetVPC(s, v)
	return call.Done()
}

// forgetVPC removes a VPC with what came with it.
func forgetVPC(s *call.Scope, v *state.VPC) {
	for id, x := range s.RouteTables {
		if x.VPC == v.ID {
			delete(s.RouteTables, id)
			delete(s.Tags, id)
		}
	}
	for id, x := range s.SecurityGroups {
		if x.VPC == v.ID {
			forgetGroup(s, x)
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

func modifyVPCAttribute(s *call.Scope, in vpcAttributeInput) (any, error) {
	v, err := call.Find(s.VPCs, call.KindVPC, in.VPC)
	if err != nil {
		return nil, err
	}
	if in.Attribute == "enableDnsSupport" {
		v.DNSSupport = in.Value
	} else {
		v.DNSHostnames = in.Value
	}
	return call.Done()
}

func describeVPCAttribute(s *call.Scope, in vpcAttributeInput) (any, error) {
	v, err := call.Find(s.VPCs, call.KindVPC, in.VPC)
	if err != nil {
		return nil, err
	}
	var out struct {
		ID        string            `xml:"vpcId"`
		Support   *call.Value[bool] `xml:"enableDnsSupport"`
		Hostnames *call.Value[bool] `xml:"enableDnsHostnames"`
	}
	out.ID = v.ID
	if in.Attribute == "enableDnsSupport" {
		out.Support = &call.Value[bool]{Value: v.DNSSupport}
	} else {
		out.Hostnames = &call.Value[bool]{Value: v.DNSHostnames}
	}
	return out, nil
}
