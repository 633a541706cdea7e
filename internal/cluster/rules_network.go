package cluster

import (
	"fmt"
	"net/netip"
	"strings"
)

// The limits of ranges, as lengths of prefixes.
const (
	widestNetwork, narrowestNetwork = 16, 24 // AWS allows /16 to /28 for a VPC; the subnets take subnetBits more
	widestPods, narrowestPods       = 8, 20  // half of it is the swarm's, cut into /24 networks
	widestAllow                     = 8      // anything wider than this is "everywhere" by another name
)

// reservedInSubnet is how many addresses of a subnet no node can have: five are AWS's own, the others are left for load
// balancers, which take one now and may take eight when they grow.
const reservedInSubnet = 5 + 8

func (c *checker) network() {
	n := c.doc.Network
	cidr, okCIDR := c.prefix("network.cidr", n.CIDR)
	pods, okPods := c.prefix("network.pods", n.Pods)
	if okCIDR {
		c.vpc(cidr)
	}
	if okPods {
		c.pods(pods)
	}
	if okCIDR && okPods && cidr.Overlaps(pods) {
		c.fault("network.pods", "", "%s overlaps network.cidr %s; containers could not reach the hosts: choose two disjoint ranges", pods, cidr)
	}
	c.allow("network.allow.ssh", n.Allow.SSH, false)
	c.allow("network.allow.https", n.Allow.HTTPS, true)
	c.allow("network.allow.apps", n.Allow.Apps, true)
}

// prefix parses an IPv4 range in CIDR notation.
func (c *checker) prefix(path, s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		if addr, notPrefix := netip.ParseAddr(s); notPrefix == nil && addr.Is4() {
			c.fault(path, "", "%q lacks the length of its prefix: write %s/32 for this one address", s, addr)
			break
		}
		c.fault(path, "", "%q is not an address range: write it as in 172.31.0.0/16", s)
	case !p.Addr().Is4():
		c.fault(path, "", "%s is not IPv4, the only kind that is supported", s)
	case p != p.Masked():
		c.fault(path, "", "%s has bits beyond its prefix: write %s", s, p.Masked())
	default:
		return p, !c.doc.source.broken(path)
	}
	return netip.Prefix{}, false
}

func (c *checker) vpc(cidr netip.Prefix) {
	const path = "network.cidr"
	if cidr.Bits() < widestNetwork || cidr.Bits() > narrowestNetwork {
		c.fault(path, "", "/%d is not the size of a network that holds the subnets: use /%d to /%d", cidr.Bits(), widestNetwork, narrowestNetwork)
		return
	}
	c.usable(path, cidr)
	zones := max(1, c.doc.Cloud.Zones.Len())
	most := c.fullestZone(zones)
	room := 1<<(32-cidr.Bits()-subnetBits) - reservedInSubnet
	if most > room {
		c.fault(path, "", "%s is too small: a subnet of it (/%d) has room for %d nodes, and one zone gets %d: use a wider range",
			cidr, cidr.Bits()+subnetBits, max(0, room), most)
	}
}

// fullestZone returns how many nodes the zone with the most nodes gets.
func (c *checker) fullestZone(zones int) int {
	names := make([]string, zones)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	count := map[string]int{}
	most := 0
	for _, spec := range c.doc.NodeSpecs(names) {
		count[spec.Zone]++
		most = max(most, count[spec.Zone])
	}
	return most
}

func (c *checker) pods(pods netip.Prefix) {
	const path = "network.pods"
	if pods.Bits() < widestPods || pods.Bits() > narrowestPods {
		c.fault(path, "", "/%d is not a size that overlay and bridge networks can be cut from: use /%d to /%d", pods.Bits(), widestPods, narrowestPods)
		return
	}
	c.usable(path, pods)
}

// usable checks that a range is one that a private network may have.
func (c *checker) usable(path string, p netip.Prefix) {
	for _, r := range []struct{ cidr, what string }{
		{"0.0.0.0/8", "has no hosts"},
		{"127.0.0.0/8", "is every host's own"},
		{"169.254.0.0/16", "is link-local, where AWS keeps its metadata service"},
		{"224.0.0.0/3", "is for multicast and experiments"},
	} {
		if p.Overlaps(netip.MustParsePrefix(r.cidr)) {
			c.fault(path, "", "%s overlaps %s, which %s: choose a private range", p, r.cidr, r.what)
			return
		}
	}
	if c.doc.Cloud.Provider == ProviderSandbox && p.Overlaps(netip.MustParsePrefix(sandboxMachine)) {
		c.fault(path, "", "%s overlaps %s, the sandbox's public addresses: choose a private range", p, sandboxMachine)
		return
	}
	for _, private := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"} {
		r := netip.MustParsePrefix(private)
		if r.Bits() <= p.Bits() && r.Contains(p.Addr()) {
			return
		}
	}
	c.warn(path, "", "%s is not a private range: the hosts it stands for in the internet cannot be reached from the cluster", p)
}

// allow checks a list of ranges that may reach the cluster.
func (c *checker) allow(path string, list []string, everywhere bool) {
	seen := map[netip.Prefix]bool{}
	for i, s := range list {
		at := fmt.Sprintf("%s[%d]", path, i)
		p, ok := c.prefix(at, s)
		switch {
		case !ok:
		case seen[p]:
			c.fault(at, "", "%s is listed twice", p)
		case !everywhere && p.Bits() < widestAllow:
			c.fault(at, ruleAccess, "%s opens SSH to (nearly) everywhere: list the ranges of your own network, /%d or narrower", p, widestAllow)
		}
		seen[p] = true
	}
	if c.doc.Cloud.Provider == ProviderAWS && strings.HasSuffix(path, ".ssh") && len(list) == 0 {
		c.warn(path, ruleAccess, "nobody may reach the hosts by SSH, and up needs to: list the range that you work from")
	}
}
