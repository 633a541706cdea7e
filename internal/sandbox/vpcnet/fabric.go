//go:build linux

package vpcnet

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/netns"
)

// mtu is that of every link: what the outside is likely to have too.
const mtu = 1500

// Services runs what answers inside a VPC at the link-local addresses.
type Services interface {
	// Serve begins to answer in the VPC's namespace, and returns how to stop.
	Serve(vpc string, space *netns.Namespace) (stop func(), err error)
}

// Deps is what a Fabric works with.
type Deps struct {
	Cage     *netns.Namespace // the holder's own
	Services Services
	Logger   *slog.Logger
}

// Config fixes what never changes while a Fabric lives.
type Config struct {
	Public   netip.Prefix
	Resolver netip.Addr // answers DNS beyond the cage's egress
}

// Fabric is all VPCs of one sandbox.
type Fabric struct {
	deps Deps
	cfg  Config

	mu    sync.Mutex // held for the length of a change
	vpcs  map[string]*vpc
	known map[netip.Addr]bool // public addresses that the cage has a route for
}

// vpc is one that exists.
type vpc struct {
	space     *netns.Namespace
	index     int
	ruleset   string
	routers   map[netip.Addr]bool
	endpoints map[string]*endpoint
	stop      func() // ends the services
}

// endpoint is one that exists.
type endpoint struct {
	spec  machine.Endpoint
	space *netns.Namespace
}

// New returns a Fabric without VPCs. The cage's namespace must be set up by Connect.
func New(deps Deps, cfg Config) *Fabric {
	return &Fabric{deps: deps, cfg: cfg, vpcs: map[string]*vpc{}, known: map[netip.Addr]bool{}}
}

// Set makes the VPCs be exactly those of n.
func (f *Fabric) Set(ctx context.Context, n machine.Network) error {
	if err := Check(n, f.cfg.Public); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	wanted := map[string]bool{}
	for _, v := range n.VPCs {
		wanted[v.ID] = true
	}
	for id, v := range f.vpcs {
		if !wanted[id] {
			if err := f.removeVPC(id, v); err != nil {
				return fmt.Errorf("remove network of %s: %w", id, err)
			}
		}
	}
	for _, spec := range n.VPCs {
		if err := f.setVPC(ctx, spec); err != nil {
			return fmt.Errorf("set network of %s: %w", spec.ID, err)
		}
	}
	return f.setPublicRoutes(n)
}

// Space returns the namespace of an endpoint.
func (f *Fabric) Space(vpcID, endpointID string) (*netns.Namespace, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, e, err := f.find(vpcID, endpointID)
	if err != nil {
		return nil, err
	}
	return e.space, nil
}

// Renew gives an endpoint a fresh namespace and returns it: what a host before had made in the old one is gone.
func (f *Fabric) Renew(_ context.Context, vpcID, endpointID string) (*netns.Namespace, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, e, err := f.find(vpcID, endpointID)
	if err != nil {
		return nil, err
	}
	if err := f.removeEndpoint(v, e); err != nil {
		return nil, err
	}
	e, err = f.addEndpoint(v, e.spec)
	if err != nil {
		return nil, err
	}
	return e.space, nil
}

func (f *Fabric) find(vpcID, endpointID string) (*vpc, *endpoint, error) {
	v := f.vpcs[vpcID]
	if v == nil {
		return nil, nil, errs.New(errs.NotFound, fmt.Sprintf("VPC %s is not in the network", vpcID))
	}
	e := v.endpoints[endpointID]
	if e == nil {
		return nil, nil, errs.New(errs.NotFound, fmt.Sprintf("endpoint %s is not in the network of %s", endpointID, vpcID))
	}
	return v, e, nil
}

// setVPC makes one VPC be as specified. Rules come before links, so that nothing is ever open for a moment.
func (f *Fabric) setVPC(ctx context.Context, spec machine.VPC) error {
	v, err := f.ensureVPC(spec.ID)
	if err != nil {
		return err
	}
	if text := Ruleset(spec, f.cfg.Resolver); text != v.ruleset {
		if err := Load(ctx, v.space, text); err != nil {
			return err
		}
		v.ruleset = text
	}
	// What is nobody's in the VPC's range is dropped, rather than sent to the internet.
	if err := v.space.Links().RouteReplace(&netlink.Route{Dst: network(netip.MustParsePrefix(spec.CIDR).Masked()), Type: unix.RTN_BLACKHOLE}); err != nil {
		return fmt.Errorf("close range %s: %w", spec.CIDR, err)
	}
	if err := setRouters(v, spec); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, e := range spec.Endpoints {
		wanted[e.ID] = true
	}
	for id, e := range v.endpoints {
		if !wanted[id] {
			if err := f.removeEndpoint(v, e); err != nil {
				return err
			}
		}
	}
	for _, e := range spec.Endpoints {
		have := v.endpoints[e.ID]
		if have != nil && have.spec.MAC == e.MAC && have.spec.PrivateIP == e.PrivateIP && have.spec.SubnetCIDR == e.SubnetCIDR {
			have.spec = e
			continue
		}
		if have != nil {
			if err := f.removeEndpoint(v, have); err != nil {
				return err
			}
		}
		if _, err := f.addEndpoint(v, e); err != nil {
			return err
		}
	}
	return nil
}

// setRouters gives the VPC's router the first address of each subnet that an endpoint is in.
func setRouters(v *vpc, spec machine.VPC) error {
	lo, err := v.space.Links().LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find loopback: %w", err)
	}
	wanted := map[netip.Addr]bool{}
	for _, e := range spec.Endpoints {
		wanted[Router(netip.MustParsePrefix(e.SubnetCIDR))] = true // Check parsed it
	}
	for addr := range v.routers {
		if !wanted[addr] {
			if err := v.space.Links().AddrDel(lo, single(addr)); err != nil {
				return fmt.Errorf("remove router address %s: %w", addr, err)
			}
			delete(v.routers, addr)
		}
	}
	for addr := range wanted {
		if v.routers[addr] {
			continue
		}
		if err := v.space.Links().AddrReplace(lo, single(addr)); err != nil {
			return fmt.Errorf("add router address %s: %w", addr, err)
		}
		v.routers[addr] = true
	}
	return nil
}

// setPublicRoutes makes the cage route every public address to its VPC, and no other.
func (f *Fabric) setPublicRoutes(n machine.Network) error {
	links := f.deps.Cage.Links()
	wanted := map[netip.Addr]bool{}
	for _, spec := range n.VPCs {
		v := f.vpcs[spec.ID]
		link, err := links.LinkByName(vpcLink(spec.ID))
		if err != nil {
			return fmt.Errorf("find uplink of %s: %w", spec.ID, err)
		}
		for _, e := range spec.Endpoints {
			if e.PublicIP == "" {
				continue
			}
			public := netip.MustParseAddr(e.PublicIP) // Check parsed it
			wanted[public] = true
			route := &netlink.Route{
				LinkIndex: link.Attrs().Index, Dst: network(netip.PrefixFrom(public, 32)),
				Gw: uplinkAddress(v.index).AsSlice(), Flags: int(netlink.FLAG_ONLINK),
			}
			if err := links.RouteReplace(route); err != nil {
				return fmt.Errorf("route public address %s: %w", public, err)
			}
			f.known[public] = true
		}
	}
	for public := range f.known {
		if wanted[public] {
			continue
		}
		err := links.RouteDel(&netlink.Route{Dst: network(netip.PrefixFrom(public, 32))})
		if err != nil && !isGone(err) {
			return fmt.Errorf("remove route of public address %s: %w", public, err)
		}
		delete(f.known, public)
	}
	return nil
}
