package vpcnet

import (
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/testkit/golden"
)

func testVPC() machine.VPC {
	return machine.VPC{ID: "vpc-1", CIDR: "172.31.0.0/16", Endpoints: []machine.Endpoint{
		{
			ID: "eni-node", MAC: "0a:00:00:00:00:01", PrivateIP: "172.31.16.10", SubnetCIDR: "172.31.16.0/20", PublicIP: "198.18.0.17", Internet: true,
			Ingress: []machine.Rule{
				{Protocol: "tcp", From: 22, To: 22, Peers: []string{"203.0.113.0/24", "198.18.0.1/32"}},
				{Protocol: "udp", From: 4789, To: 4790, Peers: []string{"172.31.0.0/16", "172.31.16.0/20"}},
				{Protocol: "50", Peers: []string{"172.31.0.0/16"}},
				{Protocol: "icmp", From: 8, To: -1, Peers: []string{"0.0.0.0/0"}},
				{Protocol: "tcp", From: 80, To: 80, Peers: []string{"2001:db8::/32"}}, // of IPv6 only: no rule here
			},
			Egress: []machine.Rule{{Protocol: "-1", From: -1, To: -1, Peers: []string{"0.0.0.0/0"}}},
		},
		{
			ID: "eni-cut", MAC: "0a:00:00:00:00:02", PrivateIP: "172.31.16.11", SubnetCIDR: "172.31.16.0/20", Cut: true,
			Egress: []machine.Rule{{Protocol: "tcp", From: 0, To: 65535, Peers: []string{"0.0.0.0/0"}}},
		},
	}}
}

var resolver = netip.MustParseAddr("198.19.255.3")

func TestRulesetOfAVPC(t *testing.T) {
	t.Parallel()
	golden.Check(t, "testdata/vpc.nft", Ruleset(testVPC(), resolver))
}

func TestRulesetOfTheInternet(t *testing.T) {
	t.Parallel()
	golden.Check(t, "testdata/internet.nft", internetRuleset(netip.MustParsePrefix("198.18.0.0/16")))
}

func TestRulesetDoesNotDependOnTheOrderOfEndpoints(t *testing.T) {
	t.Parallel()
	vpc := testVPC()
	want := Ruleset(vpc, resolver)
	slices.Reverse(vpc.Endpoints)
	if diff := cmp.Diff(want, Ruleset(vpc, resolver)); diff != "" {
		t.Error(diff)
	}
}

// TestNftAcceptsRulesets has nft itself read them, an empty VPC's too.
func TestNftAcceptsRulesets(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("nft checks rules as root only")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft is not installed")
	}
	for name, text := range map[string]string{
		"VPC": Ruleset(testVPC(), resolver), "empty VPC": Ruleset(machine.VPC{ID: "vpc-2", CIDR: "10.0.0.0/16"}, resolver),
		"internet": internetRuleset(netip.MustParsePrefix("198.18.0.0/16")),
	} {
		cmd := exec.Command("nft", "--check", "-f", "-")
		cmd.Stdin = strings.NewReader(text)
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, output)
		}
	}
}

func TestMinimalPeers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		peers    []string
		want     []string
		everyone bool
	}{
		"sorted, wide first": {peers: []string{"10.2.0.0/16", "10.1.0.0/24"}, want: []string{"10.2.0.0/16", "10.1.0.0/24"}},
		"contained":          {peers: []string{"10.1.2.0/24", "10.1.0.0/16", "10.1.2.3/32"}, want: []string{"10.1.0.0/16"}},
		"twice":              {peers: []string{"10.1.0.0/16", "10.1.0.0/16"}, want: []string{"10.1.0.0/16"}},
		"host bits":          {peers: []string{"10.1.2.3/16"}, want: []string{"10.1.0.0/16"}},
		"everyone":           {peers: []string{"10.1.0.0/16", "0.0.0.0/0"}, everyone: true},
		"of IPv6":            {peers: []string{"::/0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, everyone := minimalPeers(tt.peers)
			if diff := cmp.Diff(tt.want, got); diff != "" || everyone != tt.everyone {
				t.Errorf("everyone = %v, want %v; -want +got:\n%s", everyone, tt.everyone, diff)
			}
		})
	}
}

func TestProtocolMatch(t *testing.T) {
	t.Parallel()
	for want, rule := range map[string]machine.Rule{
		"":                         {Protocol: "-1", From: -1, To: -1},
		"tcp dport 443 ":           {Protocol: "tcp", From: 443, To: 443},
		"udp dport 7946-7950 ":     {Protocol: "udp", From: 7946, To: 7950},
		"meta l4proto tcp ":        {Protocol: "tcp", From: 0, To: 65535},
		"meta l4proto udp ":        {Protocol: "udp", From: -1, To: -1},
		"ip protocol icmp ":        {Protocol: "icmp", From: -1, To: -1},
		"icmp type 8 ":             {Protocol: "icmp", From: 8, To: -1},
		"icmp type 3 icmp code 4 ": {Protocol: "icmp", From: 3, To: 4},
		"ip protocol 50 ":          {Protocol: "50"},
		"tcp dport 0-1024 ":        {Protocol: "tcp", From: 0, To: 1024},
		"tcp dport 1024-65535 ":    {Protocol: "tcp", From: 1024, To: 65535},
	} {
		if got := protocolMatch(rule); got != want {
			t.Errorf("%+v: %q, want %q", rule, got, want)
		}
	}
}
