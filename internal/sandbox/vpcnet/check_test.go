package vpcnet

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

func TestCheckNamesEveryFault(t *testing.T) {
	t.Parallel()
	public := netip.MustParsePrefix("198.18.0.0/16")
	for name, tt := range map[string]struct {
		change func(*machine.Network)
		want   string // empty: no fault
	}{
		"good": {change: func(*machine.Network) {}},
		"same range in two VPCs": {change: func(n *machine.Network) {
			second := testVPC()
			second.ID, second.Endpoints = "vpc-2", nil
			n.VPCs = append(n.VPCs, second)
		}},
		"range":     {change: func(n *machine.Network) { n.VPCs[0].CIDR = "172.31.0.0" }, want: "no IPv4 range"},
		"VPC twice": {change: func(n *machine.Network) { n.VPCs = append(n.VPCs, machine.VPC{ID: "vpc-1", CIDR: "10.0.0.0/16"}) }, want: "VPC vpc-1 is there twice"},
		"id that would break a ruleset": {
			change: func(n *machine.Network) { n.VPCs[0].Endpoints[0].ID = "eni-1\n}" }, want: "characters that no id has",
		},
		"subnet":  {change: func(n *machine.Network) { n.VPCs[0].Endpoints[0].SubnetCIDR = "10.0.0.0/24" }, want: `subnet "10.0.0.0/24" is not in`},
		"address": {change: func(n *machine.Network) { n.VPCs[0].Endpoints[0].PrivateIP = "172.31.0.9" }, want: "is not in subnet"},
		"router's address": {
			change: func(n *machine.Network) { n.VPCs[0].Endpoints[0].PrivateIP = "172.31.16.1" }, want: "is the router's",
		},
		"address twice":  {change: func(n *machine.Network) { n.VPCs[0].Endpoints[1].PrivateIP = "172.31.16.10" }, want: "is there twice"},
		"MAC":            {change: func(n *machine.Network) { n.VPCs[0].Endpoints[0].MAC = "x" }, want: "no MAC address"},
		"public address": {change: func(n *machine.Network) { n.VPCs[0].Endpoints[0].PublicIP = "203.0.113.1" }, want: "is not in 198.18.0.0/16"},
		"cage's address": {change: func(n *machine.Network) { n.VPCs[0].Endpoints[0].PublicIP = "198.18.0.15" }, want: "beyond the first 16"},
		"public twice":   {change: func(n *machine.Network) { n.VPCs[0].Endpoints[1].PublicIP = "198.18.0.17" }, want: "public address 198.18.0.17 is there twice"},
		"ports":          {change: func(n *machine.Network) { n.VPCs[0].Endpoints[0].Ingress[0].From = 70000 }, want: "no range"},
		"ports from below 0": {change: func(n *machine.Network) {
			n.VPCs[0].Endpoints[0].Ingress[0].From, n.VPCs[0].Endpoints[0].Ingress[0].To = -1, 80
		}, want: "no range"},
		"ports without an end": {change: func(n *machine.Network) {
			n.VPCs[0].Endpoints[0].Ingress[0].From, n.VPCs[0].Endpoints[0].Ingress[0].To = 22, -1
		}, want: "no range"},
		"ICMP type": {change: func(n *machine.Network) {
			n.VPCs[0].Endpoints[0].Ingress[0] = machine.Rule{Protocol: "icmp", From: 256, To: -1}
		}, want: "no ICMP type"},
		"protocol with a sign": {change: func(n *machine.Network) { n.VPCs[0].Endpoints[0].Ingress[0].Protocol = "+6" }, want: "no protocol"},
		"protocol":             {change: func(n *machine.Network) { n.VPCs[0].Endpoints[0].Ingress[0].Protocol = "tcp; drop" }, want: "no protocol"},
		"peer":                 {change: func(n *machine.Network) { n.VPCs[0].Endpoints[0].Ingress[0].Peers[0] = "sg-1" }, want: "no range of addresses"},
		"lost balancer": {change: func(n *machine.Network) {
			n.VPCs[0].Balancers = []machine.Balancer{{ID: "arn:lb", Endpoint: "eni-none"}}
		}, want: `its endpoint "eni-none" is not in VPC`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := machine.Network{VPCs: []machine.VPC{testVPC()}}
			tt.change(&n)
			err := Check(n, public)
			if tt.want == "" {
				if err != nil {
					t.Errorf("a good network: %v", err)
				}
				return
			}
			if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want Invalid with %q", err, tt.want)
			}
		})
	}
}

func TestPublicRangeStaysClearOfTheMachinesRoutes(t *testing.T) {
	t.Parallel()
	parse := func(texts ...string) (all []netip.Prefix) {
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	for name, tt := range map[string]struct {
		routes []netip.Prefix
		want   string
	}{
		"none":      {want: "198.18.0.0/16"},
		"default":   {routes: parse("0.0.0.0/0", "192.168.0.0/24"), want: "198.18.0.0/16"},
		"halves":    {routes: parse("0.0.0.0/1", "128.0.0.0/1"), want: "198.18.0.0/16"}, // a VPN's way to be the default
		"taken":     {routes: parse("198.18.4.0/24"), want: "198.19.0.0/20"},
		"more":      {routes: parse("198.18.0.0/16", "198.19.0.0/20"), want: "198.19.16.0/20"},
		"all of it": {routes: parse("198.18.0.0/15"), want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := FreePublicRange(tt.routes)
			if tt.want == "" {
				if !errs.Is(err, errs.Conflict) {
					t.Errorf("err = %v, want Conflict", err)
				}
				return
			}
			if err != nil || got.String() != tt.want {
				t.Errorf("got %v, %v; want %s", got, err, tt.want)
			}
		})
	}
	for text, kind := range map[string]errs.Kind{"198.18.0.0/25": errs.Invalid, "2001:db8::/64": errs.Invalid, "10.0.0.0/16": errs.Conflict} {
		if err := CheckPublicRange(netip.MustParsePrefix(text), parse("10.0.8.0/24")); !errs.Is(err, kind) {
			t.Errorf("%s: %v, want %v", text, err, kind)
		}
	}
	if err := CheckPublicRange(netip.MustParsePrefix("198.18.0.0/16"), parse("0.0.0.0/0")); err != nil {
		t.Error(err)
	}
}

func TestNamesFitTheKernel(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, name := range []string{
		endpointLink("eni-0123456789abcdef0"), endpointLink("eni-0123456789abcdef1"), vpcLink("vpc-0123456789abcdef0"),
		MachineLink("default"), MachineLink("a-sandbox-with-a-very-long-name"), MachineLink("a-sandbox-with-a-very-long-name2"),
	} {
		if len(name) > 15 || seen[name] {
			t.Errorf("%q is too long, or there twice", name)
		}
		seen[name] = true
	}
	if got := Router(netip.MustParsePrefix("172.31.16.0/20")).String(); got != "172.31.16.1" {
		t.Errorf("router %s, want 172.31.16.1", got)
	}
	if first, last := uplinkAddress(0).String(), uplinkAddress(maxVPCs-1).String(); first != "169.254.128.0" || last != "169.254.159.255" {
		t.Errorf("uplinks from %s to %s", first, last)
	}
}
