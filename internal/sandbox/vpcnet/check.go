package vpcnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// validID keeps ids fit for the comments of rulesets.
var validID = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9:/._-]{0,254}$`)

// Check returns every fault of a wanted network: what cannot be parsed, what is there twice, and public addresses
// outside the range.
func Check(n machine.Network, public netip.Prefix) error {
	c := &checker{public: public, seen: map[string]bool{}}
	if len(n.VPCs) > maxVPCs {
		c.fault("%d VPCs are more than %d", len(n.VPCs), maxVPCs)
	}
	for _, vpc := range n.VPCs {
		c.vpc(vpc)
	}
	return errors.Join(c.faults...)
}

type checker struct {
	public netip.Prefix
	seen   map[string]bool
	faults []error
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, errs.New(errs.Invalid, fmt.Sprintf(format, args...)))
}

// once faults a name that was there before, and reports whether it was new.
func (c *checker) once(kind, name string) {
	if c.seen[kind+" "+name] {
		c.fault("%s %s is there twice", kind, name)
	}
	c.seen[kind+" "+name] = true
}

func (c *checker) id(kind, id string) {
	if !validID.MatchString(id) {
		c.fault("%s id %q has characters that no id has", kind, id)
	}
	c.once(kind, id)
}

func (c *checker) vpc(vpc machine.VPC) {
	c.id("VPC", vpc.ID)
	block, err := netip.ParsePrefix(vpc.CIDR)
	if err != nil || !block.Addr().Is4() {
		c.fault("VPC %s: %q is no IPv4 range", vpc.ID, vpc.CIDR)
		return
	}
	for _, e := range vpc.Endpoints {
		c.id("endpoint", e.ID)
		c.endpoint(vpc.ID, block, e)
	}
	for _, b := range vpc.Balancers {
		c.id("load balancer", b.ID)
		if !c.seen["endpoint "+b.Endpoint] {
			c.fault("load balancer %s: its endpoint %q is not in VPC %s", b.ID, b.Endpoint, vpc.ID)
		}
	}
}

func (c *checker) endpoint(vpc string, block netip.Prefix, e machine.Endpoint) {
	subnet, err := netip.ParsePrefix(e.SubnetCIDR)
	if err != nil || !block.Overlaps(subnet) || subnet.Bits() < block.Bits() {
		c.fault("endpoint %s: subnet %q is not in %s", e.ID, e.SubnetCIDR, block)
	}
	private, err := netip.ParseAddr(e.PrivateIP)
	switch {
	case err != nil || !subnet.Contains(private):
		c.fault("endpoint %s: address %q is not in subnet %q", e.ID, e.PrivateIP, e.SubnetCIDR)
	case private == Router(subnet):
		c.fault("endpoint %s: address %s is the router's", e.ID, e.PrivateIP)
	}
	c.once("address", vpc+" "+e.PrivateIP)
	if _, err := net.ParseMAC(e.MAC); err != nil {
		c.fault("endpoint %s: %q is no MAC address", e.ID, e.MAC)
	}
	if e.PublicIP != "" {
		public, err := netip.ParseAddr(e.PublicIP)
		if err != nil || !c.public.Contains(public) || public.Compare(reservedEnd(c.public)) < 0 {
			c.fault("endpoint %s: public address %q is not in %s beyond the first %d", e.ID, e.PublicIP, c.public, Reserved)
		}
		c.once("public address", e.PublicIP)
	}
	for _, rule := range append(append([]machine.Rule{}, e.Ingress...), e.Egress...) {
		c.rule(e.ID, rule)
	}
}

func (c *checker) rule(endpoint string, rule machine.Rule) {
	switch rule.Protocol {
	case "-1":
	case "icmp":
		if rule.From < -1 || rule.From > 255 || rule.To < -1 || rule.To > 255 {
			c.fault("endpoint %s: there is no ICMP type %d with code %d", endpoint, rule.From, rule.To)
		}
	case "tcp", "udp":
		if !allPorts(rule) && (rule.From < 0 || rule.To > maxPort || rule.From > rule.To) {
			c.fault("endpoint %s: ports %d-%d are no range", endpoint, rule.From, rule.To)
		}
	default:
		if _, err := strconv.ParseUint(rule.Protocol, 10, 8); err != nil {
			c.fault("endpoint %s: %q is no protocol", endpoint, rule.Protocol)
		}
	}
	for _, peer := range rule.Peers {
		if _, err := netip.ParsePrefix(peer); err != nil {
			c.fault("endpoint %s: peer %q is no range of addresses", endpoint, peer)
		}
	}
}
