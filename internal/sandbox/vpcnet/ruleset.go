package vpcnet

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// Ruleset returns the nftables commands that make a VPC's namespace filter and translate exactly as the VPC says,
// in one transaction. Connections that the kernel tracks already go on. Names are resolved by the resolver's address.
func Ruleset(vpc machine.VPC, resolver netip.Addr) string {
	endpoints := slices.SortedFunc(slices.Values(vpc.Endpoints), func(a, b machine.Endpoint) int { return strings.Compare(a.ID, b.ID) })
	w := &writer{}
	// The first line makes the second succeed when there is no table yet.
	w.line(0, "table ip slipway")
	w.line(0, "delete table ip slipway")
	w.line(0, "table ip slipway {")
	writeTranslation(w, endpoints, resolver)
	writeInput(w, endpoints)
	writeForward(w, endpoints)
	for _, e := range endpoints {
		writeEndpoint(w, e)
	}
	w.line(0, "}")
	return w.String()
}

// writeTranslation maps public addresses to private ones and back, one to one, and the resolver's.
func writeTranslation(w *writer, endpoints []machine.Endpoint, resolver netip.Addr) {
	var in, out []string
	for _, e := range endpoints {
		if e.PublicIP != "" {
			in = append(in, e.PublicIP+" : "+e.PrivateIP)
			out = append(out, e.PrivateIP+" : "+e.PublicIP)
		}
	}
	w.line(1, "chain prerouting {")
	w.line(2, "type nat hook prerouting priority dstnat; policy accept;")
	w.line(2, "ip daddr %s meta l4proto { tcp, udp } th dport 53 dnat to %s", ResolverAddress, resolver)
	if len(in) > 0 {
		w.line(2, "iifname %q dnat to ip daddr map { %s }", uplink, strings.Join(in, ", "))
	}
	w.line(1, "}")
	w.line(1, "chain postrouting {")
	w.line(2, "type nat hook postrouting priority srcnat; policy accept;")
	if len(out) > 0 {
		w.line(2, "oifname %q snat to ip saddr map { %s }", uplink, strings.Join(out, ", "))
	}
	w.line(2, "oifname %q masquerade", uplink) // the resolver's answers find the VPC again
	w.line(1, "}")
}

// writeInput protects the VPC's router: only what it serves gets in.
func writeInput(w *writer, endpoints []machine.Endpoint) {
	w.line(1, "chain input {")
	w.line(2, "type filter hook input priority filter; policy drop;")
	writeCut(w, endpoints, "iifname")
	w.line(2, "ct state established,related accept")
	w.line(2, "ip protocol icmp accept")
	w.line(2, "ip daddr { %s, %s } tcp dport 80 accept", MetadataAddress, APIAddress)
	w.line(2, "tcp dport 1-65535 reject with tcp reset")
	w.line(1, "}")
}

// writeForward sends each new connection through what its source's endpoint lets out, then through what its
// destination's lets in.
func writeForward(w *writer, endpoints []machine.Endpoint) {
	w.line(1, "chain forward {")
	w.line(2, "type filter hook forward priority filter; policy drop;")
	writeCut(w, endpoints, "iifname", "oifname")
	w.line(2, "ct state established,related accept")
	w.line(2, "ct state invalid drop")
	var from, to []string
	for _, e := range endpoints {
		link := endpointLink(e.ID)
		from = append(from, fmt.Sprintf("%q : jump out_%s", link, link))
		to = append(to, fmt.Sprintf("%q : jump in_%s", link, link))
	}
	from = append(from, fmt.Sprintf("%q : jump deliver", uplink))
	w.line(2, "iifname vmap { %s }", strings.Join(from, ", "))
	w.line(1, "}")
	w.line(1, "chain deliver {")
	if len(to) > 0 {
		w.line(2, "oifname vmap { %s }", strings.Join(to, ", "))
	}
	w.line(2, "iifname != %q oifname %q accept", uplink, uplink)
	w.line(2, "drop")
	w.line(1, "}")
}

// writeCut drops everything of the endpoints that a drill cut off, established connections too.
func writeCut(w *writer, endpoints []machine.Endpoint, directions ...string) {
	var links []string
	for _, e := range endpoints {
		if e.Cut {
			links = append(links, strconv.Quote(endpointLink(e.ID)))
		}
	}
	if len(links) == 0 {
		return
	}
	for _, direction := range directions {
		w.line(2, "%s { %s } drop", direction, strings.Join(links, ", "))
	}
}

// writeEndpoint writes the two chains of an endpoint's security groups.
func writeEndpoint(w *writer, e machine.Endpoint) {
	link := endpointLink(e.ID)
	w.line(1, "chain out_%s { # %s", link, e.ID)
	w.line(2, "ip saddr != %s drop", e.PrivateIP) // AWS's source check
	w.line(2, "ct original ip daddr %s accept", ResolverAddress)
	if !e.Internet || e.PublicIP == "" {
		w.line(2, "oifname %q drop", uplink)
	}
	for _, match := range matches(e.Egress, "daddr") {
		w.line(2, "%sgoto deliver", match)
	}
	w.line(2, "drop")
	w.line(1, "}")
	w.line(1, "chain in_%s { # %s", link, e.ID)
	for _, match := range matches(e.Ingress, "saddr") {
		w.line(2, "%saccept", match)
	}
	w.line(2, "drop")
	w.line(1, "}")
}

// matches renders rules as the conditions of nft statements, each followed by a blank unless empty.
func matches(rules []machine.Rule, side string) []string {
	var all []string
	for _, rule := range rules {
		peers, everyone := minimalPeers(rule.Peers)
		if len(peers) == 0 && !everyone {
			continue
		}
		var b strings.Builder
		if !everyone {
			fmt.Fprintf(&b, "ip %s { %s } ", side, strings.Join(peers, ", "))
		}
		b.WriteString(protocolMatch(rule))
		all = append(all, b.String())
	}
	return all
}

// protocolMatch renders protocol and ports. Nobody but Check validates them: it was called before.
func protocolMatch(rule machine.Rule) string {
	switch rule.Protocol {
	case "-1":
		return ""
	case "tcp", "udp":
		switch {
		case allPorts(rule):
			return "meta l4proto " + rule.Protocol + " "
		case rule.From == rule.To:
			return fmt.Sprintf("%s dport %d ", rule.Protocol, rule.From)
		default:
			return fmt.Sprintf("%s dport %d-%d ", rule.Protocol, rule.From, rule.To)
		}
	case "icmp":
		switch {
		case rule.From < 0:
			return "ip protocol icmp "
		case rule.To < 0:
			return fmt.Sprintf("icmp type %d ", rule.From)
		default:
			return fmt.Sprintf("icmp type %d icmp code %d ", rule.From, rule.To)
		}
	default:
		return "ip protocol " + rule.Protocol + " "
	}
}

const maxPort = 65535

// allPorts reports whether a rule for TCP or UDP is for every port.
func allPorts(rule machine.Rule) bool {
	return rule.From <= 0 && rule.To < 0 || rule.From <= 0 && rule.From >= -1 && rule.To == maxPort
}

// minimalPeers returns the IPv4 blocks among the peers that no other of them contains, sorted: nft refuses blocks that
// overlap. everyone is true when they are all addresses.
func minimalPeers(peers []string) (minimal []string, everyone bool) {
	var blocks []netip.Prefix
	for _, peer := range peers {
		if block, err := netip.ParsePrefix(peer); err == nil && block.Addr().Is4() {
			blocks = append(blocks, block.Masked())
		}
	}
	slices.SortFunc(blocks, func(a, b netip.Prefix) int {
		if a.Bits() != b.Bits() {
			return a.Bits() - b.Bits()
		}
		return a.Addr().Compare(b.Addr())
	})
	var kept []netip.Prefix
	for _, block := range blocks {
		if block.Bits() == 0 {
			return nil, true
		}
		if !slices.ContainsFunc(kept, func(k netip.Prefix) bool { return k.Contains(block.Addr()) }) {
			kept = append(kept, block)
		}
	}
	for _, block := range kept {
		minimal = append(minimal, block.String())
	}
	return minimal, false
}

// writer collects lines of a ruleset.
type writer struct{ strings.Builder }

func (w *writer) line(depth int, format string, args ...any) {
	w.WriteString(strings.Repeat("\t", depth))
	fmt.Fprintf(w, format, args...)
	w.WriteByte('\n')
}
