package vpc

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// xmlPermission is how a group shows its rules: those with the same protocol and ports together.
type xmlPermission struct {
	Protocol string               `xml:"ipProtocol"`
	From     *int                 `xml:"fromPort"`
	To       *int                 `xml:"toPort"`
	Groups   call.Items[xmlPeer]  `xml:"groups"`
	Ranges   call.Items[xmlRange] `xml:"ipRanges"`
	IPv6     struct{}             `xml:"ipv6Ranges"`
	Prefixes struct{}             `xml:"prefixListIds"`
}

type xmlPeer struct {
	User        string `xml:"userId"`
	Group       string `xml:"groupId"`
	Description string `xml:"description,omitempty"`
}

type xmlRange struct {
	CIDR        string `xml:"cidrIp"`
	Description string `xml:"description,omitempty"`
}

// permissions returns a group's rules of one direction as it shows them.
func permissions(g *state.SecurityGroup, egress bool) call.Items[xmlPermission] {
	var all call.Items[xmlPermission]
	at := map[string]int{}
	for _, r := range g.Rules {
		if r.Egress != egress {
			continue
		}
		key := fmt.Sprint(r.Protocol, " ", r.From, " ", r.To)
		i, known := at[key]
		if !known {
			i = len(all.Item)
			at[key] = i
			p := xmlPermission{Protocol: r.Protocol}
			if r.Protocol != "-1" {
				p.From, p.To = &r.From, &r.To
			}
			all.Item = append(all.Item, p)
		}
		p := &all.Item[i]
		if r.Group != "" {
			p.Groups.Item = append(p.Groups.Item, xmlPeer{state.Account, r.Group, r.Description})
		} else {
			p.Ranges.Item = append(p.Ranges.Item, xmlRange{r.CIDR, r.Description})
		}
	}
	return all
}

// xmlRule is how a rule shows itself.
type xmlRule struct {
	ID          string               `xml:"securityGroupRuleId"`
	ARN         string               `xml:"securityGroupRuleArn"`
	Group       string               `xml:"groupId"`
	Owner       string               `xml:"groupOwnerId"`
	Egress      bool                 `xml:"isEgress"`
	Protocol    string               `xml:"ipProtocol"`
	From        int                  `xml:"fromPort"`
	To          int                  `xml:"toPort"`
	CIDR        string               `xml:"cidrIpv4,omitempty"`
	Peer        *xmlPeer             `xml:"referencedGroupInfo"`
	Description string               `xml:"description,omitempty"`
	Tags        call.Items[call.Tag] `xml:"tagSet"`
}

// groupRule is a rule with the group that it is in.
type groupRule struct {
	state.SecurityGroupRule
	group *state.SecurityGroup
}

func renderRule(s *call.Scope, g *state.SecurityGroup, r state.SecurityGroupRule) xmlRule {
	x := xmlRule{
		ID: r.ID, ARN: call.ARN(s.Region.Name, r.ID), Group: g.ID, Owner: state.Account, Egress: r.Egress, Protocol: r.Protocol,
		From: r.From, To: r.To, CIDR: r.CIDR, Description: r.Description, Tags: s.TagSet(r.ID),
	}
	if r.Group != "" {
		x.Peer = &xmlPeer{User: state.Account, Group: r.Group}
	}
	return x
}

// HasRule reports whether there is a rule of that id.
func HasRule(s *call.Scope, id string) bool {
	for _, g := range s.SecurityGroups {
		if slices.ContainsFunc(g.Rules, func(r state.SecurityGroupRule) bool { return r.ID == id }) {
			return true
		}
	}
	return false
}

func ruleID(r *groupRule) string { return r.ID }

var ruleListing = call.Listing[groupRule, xmlRule]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeSecurityGroupRules", Set: "securityGroupRuleSet", IDs: "SecurityGroupRuleId", Kind: call.KindRule,
	All: func(s *call.Scope) (all []*groupRule) {
		for _, g := range call.Sorted(s.SecurityGroups) {
			for _, r := range g.Rules {
				all = append(all, &groupRule{r, g})
			}
		}
		slices.SortFunc(all, func(a, b *groupRule) int { return cmp.Compare(a.ID, b.ID) })
		return all
	},
	Key: ruleID, Tags: call.TagsOf(ruleID),
	Fields: call.Fields[groupRule]{
		"group-id":               call.Of(func(r *groupRule) string { return r.group.ID }),
		"security-group-rule-id": call.Of(func(r *groupRule) string { return r.ID }),
	},
	Render: func(r call.Row[groupRule]) xmlRule { return renderRule(r.Scope, r.It.group, r.It.SecurityGroupRule) },
}

// rulesInput is a group and the rules to add to it or to take from it.
type rulesInput struct {
	Group  string
	Egress bool
	Rules  []state.SecurityGroupRule
	IDs    []string // of rules to take away
	Tags   call.TagSpecs
}

func decodeAuthorize(egress bool) func(*awswire.Params) rulesInput {
	return func(p *awswire.Params) rulesInput {
		in := rulesInput{Group: p.Required("GroupId"), Egress: egress, Rules: decodePermissions(p, egress), Tags: call.DecodeTagSpecs(p, "security-group-rule")}
		if len(in.Rules) == 0 {
			p.Refuse("MissingParameter", "The request must contain the parameter ipPermissions")
		}
		return in
	}
}

func decodeRevoke(egress bool) func(*awswire.Params) rulesInput {
	return func(p *awswire.Params) rulesInput {
		in := rulesInput{Group: p.Required("GroupId"), Egress: egress, Rules: decodePermissions(p, egress), IDs: p.Strings("SecurityGroupRuleId")}
		if len(in.Rules)+len(in.IDs) == 0 {
			p.Refuse("MissingParameter", "The request must contain ipPermissions or securityGroupRuleIds")
		}
		return in
	}
}

// decodePermissions reads IpPermissions.N: one rule for each peer of each.
func decodePermissions(p *awswire.Params, egress bool) []state.SecurityGroupRule {
	var all []state.SecurityGroupRule
	for _, item := range p.List("IpPermissions") {
		rule := state.SecurityGroupRule{Egress: egress, Protocol: decodeProtocol(item)}
		rule.From, rule.To = decodePorts(item, rule.Protocol)
		before := len(all)
		for _, r := range item.List("IpRanges") {
			peer := rule
			peer.CIDR, peer.Description = decodeCIDR(r), decodeDescription(r)
			all = append(all, peer)
		}
		for _, g := range item.List("Groups") {
			peer := rule
			peer.Group, peer.Description = g.Required("GroupId"), decodeDescription(g)
			if user := g.String("UserId"); user != "" && user != state.Account {
				p.Invalid("The sandbox has no account '%s'", user)
			}
			g.String("VpcId")
			all = append(all, peer)
		}
		if len(all) == before {
			p.Refuse("MissingParameter", "Source group ID or CIDR missing from %s.", item.Path(""))
		}
	}
	return all
}

func decodeProtocol(p *awswire.Params) string {
	protocol := strings.ToLower(p.Required("IpProtocol"))
	switch protocol {
	case "", "tcp", "udp", "icmp", "-1":
		return protocol
	case "6":
		return "tcp"
	case "17":
		return "udp"
	case "1":
		return "icmp"
	case "all":
		return "-1"
	}
	if n, err := strconv.Atoi(protocol); err != nil || n < 0 || n > 255 {
		p.Invalid("Invalid value '%s' for IP protocol. Unknown protocol.", protocol)
	}
	return protocol
}

func decodePorts(p *awswire.Params, protocol string) (from, to int) {
	from, to = p.Int("FromPort", -1), p.Int("ToPort", -1)
	switch protocol {
	case "tcp", "udp":
		if from < 0 || to > 65535 || from > to {
			p.Invalid("Invalid %s port range %d-%d: it needs a from port and a to port of 0 to 65535, in this order", strings.ToUpper(protocol), from, to)
		}
		return from, to
	case "icmp":
		if from < -1 || from > 255 || to < -1 || to > 255 {
			p.Invalid("ICMP type %d or code %d is out of range", from, to)
		}
		return from, to
	default: // other protocols have no ports, and what is said about them is ignored
		return -1, -1
	}
}

func decodeCIDR(p *awswire.Params) string {
	cidr := p.Required("CidrIp")
	block, err := netip.ParsePrefix(cidr)
	if err != nil || !block.Addr().Is4() {
		p.Invalid("CIDR block %s is malformed", cidr)
		return cidr
	}
	return block.Masked().String()
}

func decodeDescription(p *awswire.Params) string {
	d := p.String("Description")
	if len(d) > 255 {
		p.Invalid("Rule descriptions have at most 255 characters.")
	}
	return d
}

func authorize(s *call.Scope, in rulesInput) (any, error) {
	g, err := call.Find(s.SecurityGroups, call.KindGroup, in.Group)
	if err != nil {
		return nil, err
	}
	out := struct {
		Return bool                `xml:"return"`
		Rules  call.Items[xmlRule] `xml:"securityGroupRuleSet"`
	}{Return: true}
	for _, r := range in.Rules {
		if r.Group != "" {
			peer, err := call.Find(s.SecurityGroups, call.KindGroup, r.Group)
			if err != nil {
				return nil, err
			}
			if peer.VPC != g.VPC {
				return nil, awswire.Errorf("InvalidGroup.NotFound", 400, "You have specified two resources that belong to different networks.")
			}
		}
		if slices.ContainsFunc(g.Rules, r.Same) {
			return nil, awswire.Errorf("InvalidPermission.Duplicate", 400, "the specified rule %q already exists", ruleText(r))
		}
		r.ID = awswire.NewID("sgr")
		g.Rules = append(g.Rules, r)
		s.SetTags(r.ID, in.Tags["security-group-rule"])
		out.Rules.Item = append(out.Rules.Item, renderRule(s, g, r))
	}
	count := 0
	for _, r := range g.Rules {
		if r.Egress == in.Egress {
			count++
		}
	}
	if count > s.API.Quotas.RulesPerGroup {
		return nil, awswire.Errorf("RulesPerSecurityGroupLimitExceeded", 400, "The maximum number of rules per security group has been reached.")
	}
	return out, nil
}

// ruleText describes a rule as AWS does in its refusals.
func ruleText(r state.SecurityGroupRule) string {
	return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", cmp.Or(r.CIDR, r.Group), strings.ToUpper(r.Protocol), r.From, r.To)
}

func revoke(s *call.Scope, in rulesInput) (any, error) {
	g, err := call.Find(s.SecurityGroups, call.KindGroup, in.Group)
	if err != nil {
		return nil, err
	}
	for _, r := range in.Rules {
		if !dropRule(s, g, r.Same) {
			return nil, awswire.Errorf("InvalidPermission.NotFound", 400, "The specified rule does not exist in this security group.")
		}
	}
	for _, id := range in.IDs {
		if !dropRule(s, g, func(r state.SecurityGroupRule) bool { return r.ID == id && r.Egress == in.Egress }) {
			return nil, awswire.Errorf("InvalidSecurityGroupRuleId.NotFound", 400, "The security group rule ID '%s' does not exist", id)
		}
	}
	return call.Done()
}

func dropRule(s *call.Scope, g *state.SecurityGroup, matches func(state.SecurityGroupRule) bool) bool {
	i := slices.IndexFunc(g.Rules, matches)
	if i < 0 {
		return false
	}
	delete(s.Tags, g.Rules[i].ID)
	g.Rules = slices.Delete(g.Rules, i, i+1)
	return true
}
