//go:build linux

package vpcnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/netns"
)

// router returns the settings that make a namespace forward packets. Most of them are inherited from the machine, whose
// settings we cannot know, so everything that matters is said.
func router() map[string]int {
	return map[string]int{
		"ipv4/ip_forward":                  1,
		"ipv4/conf/all/rp_filter":          0,
		"ipv4/conf/default/rp_filter":      0,
		"ipv4/conf/all/send_redirects":     0,
		"ipv4/conf/default/send_redirects": 0,
		"ipv4/conf/all/arp_ignore":         0,
		"ipv4/conf/default/arp_ignore":     0,
	}
}

// leaf returns the settings that an endpoint's namespace starts with, as a fresh kernel would.
func leaf() map[string]int {
	return map[string]int{
		"ipv4/ip_forward":             0,
		"ipv4/conf/all/rp_filter":     0,
		"ipv4/conf/default/rp_filter": 0,
	}
}

// ensureVPC returns the VPC with its namespace, uplink and services, and makes them where they are missing.
func (f *Fabric) ensureVPC(id string) (*vpc, error) {
	if v := f.vpcs[id]; v != nil {
		return v, nil
	}
	space, err := netns.New()
	if err != nil {
		return nil, err
	}
	v := &vpc{space: space, index: f.freeIndex(), routers: map[netip.Addr]bool{}, endpoints: map[string]*endpoint{}}
	if err := f.connectVPC(id, v); err != nil {
		space.Close()
		return nil, errors.Join(err, f.disconnectVPC(id))
	}
	f.vpcs[id] = v
	return v, nil
}

func (f *Fabric) connectVPC(id string, v *vpc) error {
	if err := v.space.SetSysctl(router()); err != nil {
		return err
	}
	links := v.space.Links()
	lo, err := up(links, "lo")
	if err != nil {
		return err
	}
	for _, addr := range []netip.Addr{MetadataAddress, APIAddress, ResolverAddress} {
		if err := links.AddrReplace(lo, single(addr)); err != nil {
			return fmt.Errorf("add address %s: %w", addr, err)
		}
	}
	// A VPC of this id may have failed half-way before.
	if err := f.disconnectVPC(id); err != nil {
		return err
	}
	pair := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: vpcLink(id), MTU: mtu}, PeerName: uplink, PeerNamespace: netlink.NsFd(v.space.Fd()), PeerMTU: mtu,
	}
	if err := f.deps.Cage.Links().LinkAdd(pair); err != nil {
		return fmt.Errorf("make uplink: %w", err)
	}
	outer, err := up(f.deps.Cage.Links(), pair.Name)
	if err != nil {
		return err
	}
	if err := f.deps.Cage.Links().RouteReplace(&netlink.Route{
		LinkIndex: outer.Attrs().Index, Dst: network(netip.PrefixFrom(uplinkAddress(v.index), 32)), Scope: netlink.SCOPE_LINK,
	}); err != nil {
		return fmt.Errorf("route uplink: %w", err)
	}
	inner, err := up(links, uplink)
	if err != nil {
		return err
	}
	if err := links.AddrReplace(inner, single(uplinkAddress(v.index))); err != nil {
		return fmt.Errorf("address uplink: %w", err)
	}
	if err := links.RouteReplace(&netlink.Route{
		LinkIndex: inner.Attrs().Index, Dst: network(netip.MustParsePrefix("0.0.0.0/0")), Gw: gateway.AsSlice(), Flags: int(netlink.FLAG_ONLINK),
	}); err != nil {
		return fmt.Errorf("route to the internet: %w", err)
	}
	v.stop, err = f.deps.Services.Serve(id, v.space)
	return err
}

// removeVPC ends all that belongs to the VPC.
func (f *Fabric) removeVPC(id string, v *vpc) error {
	for _, e := range v.endpoints {
		if err := f.removeEndpoint(v, e); err != nil {
			return err
		}
	}
	if v.stop != nil {
		v.stop()
		v.stop = nil
	}
	if err := f.disconnectVPC(id); err != nil {
		return err
	}
	delete(f.vpcs, id)
	v.space.Close()
	return nil
}

func (f *Fabric) disconnectVPC(id string) error {
	return removeLink(f.deps.Cage.Links(), vpcLink(id))
}

func (f *Fabric) freeIndex() int {
	used := map[int]bool{}
	for _, v := range f.vpcs {
		used[v.index] = true
	}
	index := 0
	for used[index] {
		index++
	}
	return index
}

// addEndpoint makes an endpoint with a fresh namespace.
func (f *Fabric) addEndpoint(v *vpc, spec machine.Endpoint) (*endpoint, error) {
	space, err := netns.New()
	if err != nil {
		return nil, err
	}
	e := &endpoint{spec: spec, space: space}
	if err := connectEndpoint(v, e); err != nil {
		space.Close()
		return nil, errors.Join(fmt.Errorf("connect endpoint %s: %w", spec.ID, err), removeLink(v.space.Links(), endpointLink(spec.ID)))
	}
	v.endpoints[spec.ID] = e
	return e, nil
}

func connectEndpoint(v *vpc, e *endpoint) error {
	mac, err := net.ParseMAC(e.spec.MAC)
	if err != nil {
		return err
	}
	subnet, private := netip.MustParsePrefix(e.spec.SubnetCIDR), netip.MustParseAddr(e.spec.PrivateIP) // Check parsed them
	if err := e.space.SetSysctl(leaf()); err != nil {
		return err
	}
	name := endpointLink(e.spec.ID)
	if err := removeLink(v.space.Links(), name); err != nil {
		return err
	}
	pair := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name, MTU: mtu}, PeerName: hostLink,
		PeerNamespace: netlink.NsFd(e.space.Fd()), PeerHardwareAddr: mac, PeerMTU: mtu,
	}
	if err := v.space.Links().LinkAdd(pair); err != nil {
		return fmt.Errorf("make link: %w", err)
	}
	if err := v.space.SetSysctl(map[string]int{
		"ipv4/conf/" + name + "/proxy_arp": 1, "ipv4/neigh/" + name + "/proxy_delay": 0, "ipv6/conf/" + name + "/disable_ipv6": 1,
	}); err != nil {
		return err
	}
	outer, err := up(v.space.Links(), name)
	if err != nil {
		return err
	}
	if err := v.space.Links().RouteReplace(&netlink.Route{
		LinkIndex: outer.Attrs().Index, Dst: network(netip.PrefixFrom(private, 32)), Scope: netlink.SCOPE_LINK,
	}); err != nil {
		return fmt.Errorf("route to endpoint: %w", err)
	}

	if err := e.space.SetSysctl(map[string]int{"ipv6/conf/" + hostLink + "/disable_ipv6": 1}); err != nil {
		return err
	}
	if _, err := up(e.space.Links(), "lo"); err != nil {
		return err
	}
	inner, err := up(e.space.Links(), hostLink)
	if err != nil {
		return err
	}
	addr := &netlink.Addr{IPNet: network(netip.PrefixFrom(private, subnet.Bits()))}
	if err := e.space.Links().AddrReplace(inner, addr); err != nil {
		return fmt.Errorf("address endpoint: %w", err)
	}
	if err := e.space.Links().RouteReplace(&netlink.Route{
		LinkIndex: inner.Attrs().Index, Dst: network(netip.MustParsePrefix("0.0.0.0/0")), Gw: Router(subnet).AsSlice(),
	}); err != nil {
		return fmt.Errorf("route from endpoint: %w", err)
	}
	return nil
}

func (f *Fabric) removeEndpoint(v *vpc, e *endpoint) error {
	if err := removeLink(v.space.Links(), endpointLink(e.spec.ID)); err != nil {
		return fmt.Errorf("disconnect endpoint %s: %w", e.spec.ID, err)
	}
	delete(v.endpoints, e.spec.ID)
	e.space.Close()
	return nil
}

// Load gives nftables commands to the namespace, all or nothing.
func Load(ctx context.Context, space *netns.Namespace, ruleset string) error {
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(ruleset)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := space.Do(cmd.Start); err != nil {
		return fmt.Errorf("run nft: %w", err)
	}
	if err := cmd.Wait(); err != nil {
		return errs.Wrap(errs.Internal, err, "load rules of network: "+strings.TrimSpace(output.String()))
	}
	return nil
}

// up sets a link up and returns it.
func up(links *netlink.Handle, name string) (netlink.Link, error) {
	link, err := links.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("find link %s: %w", name, err)
	}
	if err := links.LinkSetUp(link); err != nil {
		return nil, fmt.Errorf("set link %s up: %w", name, err)
	}
	return link, nil
}

// removeLink removes a link, and its peer with it; one that is not there is fine.
func removeLink(links *netlink.Handle, name string) error {
	link, err := links.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	if err := links.LinkDel(link); err != nil && !isGone(err) {
		return fmt.Errorf("remove link %s: %w", name, err)
	}
	return nil
}

func isGone(err error) bool { return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENODEV) }

// network converts a prefix, whose address may have host bits, to the old type that netlink takes.
func network(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// single returns the address with a mask of all ones.
func single(addr netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: network(netip.PrefixFrom(addr, addr.BitLen()))}
}
