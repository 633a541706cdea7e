//go:build linux

package vpcnet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/netns"
)

// What marks our backstop routes on the machine: a routing protocol number that nothing else uses, and a metric worse
// than any real route's.
const (
	backstopProtocol = 83
	backstopMetric   = 0x736c6970 // "slip"
)

// linkPrefix begins the name of a sandbox's link on the machine.
const linkPrefix = "slw-"

// MachineLink returns the name of a sandbox's link on the machine.
func MachineLink(sandbox string) string {
	if len(linkPrefix+sandbox) <= unix.IFNAMSIZ-1 {
		return linkPrefix + sandbox
	}
	sum := sha256.Sum256([]byte(sandbox))
	return linkPrefix + hex.EncodeToString(sum[:5])
}

// Connect sets the cage's namespace up and links it to the machine: the machine reaches the public range over the link,
// by a route, behind which stands one that keeps the range's packets from ever leaving the machine.
func Connect(ctx context.Context, cage, outside *netns.Namespace, sandbox string, public netip.Prefix) error {
	// Everything below would change the machine.
	if same, err := cage.Same(outside); err != nil || same {
		return errors.Join(errs.New(errs.Internal, "the cage has no network namespace of its own"), err)
	}
	if err := connectCage(ctx, cage, public); err != nil {
		return err
	}
	backstop := &netlink.Route{
		Dst: network(public.Masked()), Type: unix.RTN_UNREACHABLE, Protocol: backstopProtocol, Priority: backstopMetric,
	}
	if err := outside.Links().RouteReplace(backstop); err != nil {
		return fmt.Errorf("add backstop route: %w", err)
	}
	name := MachineLink(sandbox)
	if err := removeLink(cage.Links(), machineLink); err != nil {
		return err
	}
	pair := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: machineLink, MTU: mtu}, PeerName: name, PeerNamespace: netlink.NsFd(outside.Fd()), PeerMTU: mtu,
	}
	if err := cage.Links().LinkAdd(pair); err != nil {
		return fmt.Errorf("make link %s to this machine: %w", name, err)
	}
	if err := address(cage, machineLink, cageAddress(public), MachineAddress(public)); err != nil {
		return fmt.Errorf("address the cage: %w", err)
	}
	if err := address(outside, name, MachineAddress(public), cageAddress(public)); err != nil {
		return fmt.Errorf("address this machine: %w", err)
	}
	link, err := outside.Links().LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	if err := outside.Links().RouteReplace(&netlink.Route{
		LinkIndex: link.Attrs().Index, Dst: network(public.Masked()), Gw: cageAddress(public).AsSlice(),
		Src: MachineAddress(public).AsSlice(), Protocol: backstopProtocol,
	}); err != nil {
		return fmt.Errorf("route the public range: %w", err)
	}
	return checkReach(outside, link, public)
}

// checkReach makes sure that the machine sends the range's packets over the link: rules of policy routing, of a VPN for
// instance, may lead to other tables, and then the packets would leave the machine.
func checkReach(outside *netns.Namespace, link netlink.Link, public netip.Prefix) error {
	addr := reservedEnd(public)
	routes, err := outside.Links().RouteGet(addr.AsSlice())
	if err != nil {
		return fmt.Errorf("find route to %s: %w", addr, err)
	}
	if len(routes) == 0 || routes[0].LinkIndex != link.Attrs().Index {
		return errs.New(errs.Conflict, fmt.Sprintf("a rule of this machine's policy routing leads %s away from the sandbox", public)).
			WithRemedy(fmt.Sprintf("`ip rule` and `ip route get %s` show which; name another range with --public-range, or turn off what made the rule.", addr))
	}
	return nil
}

// connectCage makes the cage's own namespace the internet of its VPCs.
func connectCage(ctx context.Context, cage *netns.Namespace, public netip.Prefix) error {
	if err := cage.SetSysctl(router()); err != nil {
		return err
	}
	if err := cage.SetSysctl(map[string]int{"ipv6/conf/all/disable_ipv6": 1, "ipv6/conf/default/disable_ipv6": 1}); err != nil {
		return err
	}
	lo, err := up(cage.Links(), "lo")
	if err != nil {
		return err
	}
	if err := cage.Links().AddrReplace(lo, single(gateway)); err != nil {
		return fmt.Errorf("address the internet: %w", err)
	}
	// An address that nobody has is refused at once, rather than sent outside.
	if err := cage.Links().RouteReplace(&netlink.Route{Dst: network(public.Masked()), Type: unix.RTN_UNREACHABLE}); err != nil {
		return fmt.Errorf("close the public range: %w", err)
	}
	return Load(ctx, cage, internetRuleset(public))
}

// internetRuleset keeps hosts from opening connections to the machine or to what is link-local beyond it (a real
// cloud's metadata service, say), and translates what goes outside.
func internetRuleset(public netip.Prefix) string {
	w := &writer{}
	w.line(0, "table ip slipway")
	w.line(0, "delete table ip slipway")
	w.line(0, "table ip slipway {")
	w.line(1, "chain forward {")
	w.line(2, "type filter hook forward priority filter; policy accept;")
	w.line(2, "ct state established,related accept")
	w.line(2, "oifname %q drop", machineLink)
	w.line(2, "oifname %q ip daddr { 127.0.0.0/8, 169.254.0.0/16, %s } reject with icmp type host-unreachable", egressLink, public.Masked())
	w.line(1, "}")
	w.line(1, "chain postrouting {")
	w.line(2, "type nat hook postrouting priority srcnat; policy accept;")
	w.line(2, "oifname %q masquerade", egressLink)
	w.line(1, "}")
	w.line(0, "}")
	return w.String()
}

// address sets a link up with an address and a route to the one at its other end.
func address(space *netns.Namespace, name string, own, peer netip.Addr) error {
	if err := space.SetSysctl(map[string]int{"ipv6/conf/" + name + "/disable_ipv6": 1}); err != nil {
		return err
	}
	link, err := up(space.Links(), name)
	if err != nil {
		return err
	}
	if err := space.Links().AddrReplace(link, single(own)); err != nil {
		return err
	}
	return space.Links().RouteReplace(&netlink.Route{
		LinkIndex: link.Attrs().Index, Dst: network(netip.PrefixFrom(peer, 32)), Scope: netlink.SCOPE_LINK,
	})
}

// MachineRoutes returns the destinations of the machine's IPv4 routes, in all tables, without those that sandboxes made
// for their dead.
func MachineRoutes(outside *netns.Namespace) ([]netip.Prefix, error) {
	routes, err := outside.Links().RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	var all []netip.Prefix
	for _, route := range routes {
		if route.Dst == nil || route.Protocol == backstopProtocol && route.Type == unix.RTN_UNREACHABLE {
			continue
		}
		if addr, ok := netip.AddrFromSlice(route.Dst.IP.To4()); ok {
			bits, _ := route.Dst.Mask.Size()
			all = append(all, netip.PrefixFrom(addr, bits))
		}
	}
	return all, nil
}

// Linked reports whether the sandbox's link to the machine exists.
func Linked(outside *netns.Namespace, sandbox string) (bool, error) {
	_, err := outside.Links().LinkByName(MachineLink(sandbox))
	var missing netlink.LinkNotFoundError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &missing):
		return false, nil
	default:
		return false, fmt.Errorf("find link of sandbox %s: %w", sandbox, err)
	}
}

// SweepRoutes removes the backstop routes whose sandbox has no link to the machine any more.
func SweepRoutes(outside *netns.Namespace) error {
	routes, err := outside.Links().RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: backstopProtocol}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	alive := map[string]bool{}
	for _, route := range routes {
		if route.Type == unix.RTN_UNICAST && route.Dst != nil {
			alive[route.Dst.String()] = true
		}
	}
	for _, route := range routes {
		if route.Type != unix.RTN_UNREACHABLE || route.Dst == nil || alive[route.Dst.String()] {
			continue
		}
		if err := outside.Links().RouteDel(&route); err != nil && !isGone(err) {
			return fmt.Errorf("remove backstop route %s: %w", route.Dst, err)
		}
	}
	return nil
}
