package awstask

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Rule lets one kind of traffic in from one peer. Its text is its name in a plan: "tcp 2377 from manager".
type Rule struct {
	Protocol string // tcp, udp, esp, all, or an IP protocol number
	From, To int    // ports; both 0 where the protocol has none
	Peer     string // a CIDR block, the name of one of the cluster's groups, or another group's ID
}

// TCP returns the rule for one TCP port.
func TCP(port int, peer string) Rule { return Rule{Protocol: "tcp", From: port, To: port, Peer: peer} }

// UDP returns the rule for one UDP port.
func UDP(port int, peer string) Rule { return Rule{Protocol: "udp", From: port, To: port, Peer: peer} }

// ESP returns the rule for the packets of encrypted overlay networks.
func ESP(peer string) Rule { return Rule{Protocol: "esp", Peer: peer} }

// String returns the rule's text.
func (r Rule) String() string {
	ports := ""
	switch {
	case r.From == r.To && r.From == 0:
	case r.From == r.To:
		ports = fmt.Sprintf(" %d", r.From)
	default:
		ports = fmt.Sprintf(" %d..%d", r.From, r.To)
	}
	return r.Protocol + ports + " from " + r.Peer
}

// parseRule reads a rule's text.
func parseRule(text string) (Rule, error) {
	what, peer, ok := strings.Cut(text, " from ")
	protocol, ports, _ := strings.Cut(what, " ")
	r := Rule{Protocol: protocol, Peer: peer}
	if !ok {
		return r, fmt.Errorf("rule %q names no peer", text)
	}
	if ports == "" {
		return r, nil
	}
	first, last, ranged := strings.Cut(ports, "..")
	var err error
	if r.From, err = strconv.Atoi(first); err != nil {
		return r, fmt.Errorf("rule %q: %w", text, err)
	}
	r.To = r.From
	if ranged {
		if r.To, err = strconv.Atoi(last); err != nil {
			return r, fmt.Errorf("rule %q: %w", text, err)
		}
	}
	return r, nil
}

// espNumber is the IP protocol number of ESP, as AWS's API has it.
const espNumber = "50"

// permission returns the rule for AWS's API; group is the ID of the group that the peer names, if it does.
func (r Rule) permission(group string) ec2types.IpPermission {
	p := ec2types.IpPermission{IpProtocol: aws.String(r.Protocol)}
	switch r.Protocol {
	case "esp":
		p.IpProtocol = aws.String(espNumber)
	case "all":
		p.IpProtocol = aws.String("-1")
	case "tcp", "udp", "icmp":
		p.FromPort, p.ToPort = aws.Int32(int32(r.From)), aws.Int32(int32(r.To))
	}
	switch {
	case group != "":
		p.UserIdGroupPairs = []ec2types.UserIdGroupPair{{GroupId: aws.String(group)}}
	case strings.HasPrefix(r.Peer, "pl-"):
		p.PrefixListIds = []ec2types.PrefixListId{{PrefixListId: aws.String(r.Peer)}}
	case strings.Contains(r.Peer, ":"):
		p.Ipv6Ranges = []ec2types.Ipv6Range{{CidrIpv6: aws.String(r.Peer)}}
	default:
		p.IpRanges = []ec2types.IpRange{{CidrIp: aws.String(r.Peer)}}
	}
	return p
}

// rulesOf takes AWS's permission, which holds many peers, apart. names gives the cluster's groups their names.
func rulesOf(p ec2types.IpPermission, names map[string]string) []Rule {
	like := Rule{Protocol: aws.ToString(p.IpProtocol), From: int(aws.ToInt32(p.FromPort)), To: int(aws.ToInt32(p.ToPort))}
	switch like.Protocol {
	case espNumber:
		like = Rule{Protocol: "esp"}
	case "-1":
		like = Rule{Protocol: "all"}
	}
	var all []Rule
	add := func(peer string) {
		r := like
		r.Peer = peer
		all = append(all, r)
	}
	for _, peer := range p.IpRanges {
		add(aws.ToString(peer.CidrIp))
	}
	for _, peer := range p.Ipv6Ranges {
		add(aws.ToString(peer.CidrIpv6))
	}
	for _, peer := range p.PrefixListIds {
		add(aws.ToString(peer.PrefixListId))
	}
	for _, peer := range p.UserIdGroupPairs {
		id := aws.ToString(peer.GroupId)
		if name := names[id]; name != "" {
			id = name
		}
		add(id)
	}
	return all
}
