package network

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Desired returns how the machine must be connected for what the account has, in a stable order: the same account gives
// the same value.
func Desired(d *state.Data) machine.Network {
	var n machine.Network
	for _, name := range slices.Sorted(maps.Keys(d.Regions)) {
		r := d.Regions[name]
		for _, id := range slices.Sorted(maps.Keys(r.EC2.VPCs)) {
			n.VPCs = append(n.VPCs, desiredVPC(r, r.EC2.VPCs[id]))
		}
	}
	return n
}

func desiredVPC(r *state.Region, v *state.VPC) machine.VPC {
	out := machine.VPC{ID: v.ID, CIDR: v.CIDR}
	for _, id := range slices.Sorted(maps.Keys(r.EC2.NetworkInterfaces)) {
		if i := r.EC2.NetworkInterfaces[id]; i.VPC == v.ID && connected(r, i) {
			out.Endpoints = append(out.Endpoints, endpoint(&r.EC2, i))
		}
	}
	for _, arn := range slices.Sorted(maps.Keys(r.ELB.LoadBalancers)) {
		if lb := r.ELB.LoadBalancers[arn]; lb.VPC == v.ID && lb.State == state.BalancerActive {
			out.Balancers = append(out.Balancers, balancer(r, lb))
		}
	}
	return out
}

// connected reports whether the machine must know the interface: those of instances, and of a load balancer the one that
// it is reached by.
func connected(r *state.Region, i *state.NetworkInterface) bool {
	if i.Instance != "" {
		return true
	}
	lb := r.ELB.LoadBalancers[i.LoadBalancer]
	return lb != nil && len(lb.Interfaces) > 0 && lb.Interfaces[0] == i.ID
}

func endpoint(e *state.EC2, i *state.NetworkInterface) machine.Endpoint {
	out := machine.Endpoint{
		ID: i.ID, MAC: i.MAC, PrivateIP: i.PrivateIP, SubnetCIDR: e.Subnets[i.Subnet].CIDR,
		PublicIP: i.PublicIP, Internet: i.PublicIP != "" && ReachesInternet(e, e.Subnets[i.Subnet]),
		Ingress: rules(e, i, false), Egress: rules(e, i, true),
	}
	if instance := e.Instances[i.Instance]; instance != nil {
		out.Cut = instance.Drill == state.DrillCut
		if !instance.Metadata.Disabled {
			out.HopLimit = instance.Metadata.HopLimit
		}
	}
	return out
}

// TableOf returns the route table that serves a subnet: its own or its VPC's main one.
func TableOf(e *state.EC2, s *state.Subnet) *state.RouteTable {
	var main *state.RouteTable
	for _, t := range e.RouteTables {
		for _, a := range t.Associations {
			if a.Subnet == s.ID {
				return t
			}
		}
		if t.VPC == s.VPC && t.Main() {
			main = t
		}
	}
	return main
}

// ReachesInternet reports whether the subnet's default route leads to an attached internet gateway.
func ReachesInternet(e *state.EC2, s *state.Subnet) bool {
	t := TableOf(e, s)
	return t != nil && slices.ContainsFunc(t.Routes, func(r state.Route) bool {
		return r.Destination == "0.0.0.0/0" && !Blackhole(e, t, r)
	})
}

// Blackhole reports whether the route leads nowhere, since its gateway was detached or deleted.
func Blackhole(e *state.EC2, t *state.RouteTable, r state.Route) bool {
	g := e.InternetGateways[r.Gateway]
	return g == nil || g.VPC != t.VPC
}

// rules returns what the interface's groups allow in one direction, with groups as peers resolved to their members.
func rules(e *state.EC2, i *state.NetworkInterface, egress bool) []machine.Rule {
	var all []machine.Rule
	if i.LoadBalancer != "" && len(i.Groups) == 0 { // a balancer without groups lets everything through
		return []machine.Rule{{Protocol: "-1", From: -1, To: -1, Peers: []string{"0.0.0.0/0"}}}
	}
	for _, id := range slices.Sorted(slices.Values(i.Groups)) {
		g := e.SecurityGroups[id]
		if g == nil {
			continue
		}
		for _, r := range g.Rules {
			if r.Egress != egress {
				continue
			}
			peers := []string{r.CIDR}
			if r.Group != "" {
				peers = members(e, r.Group)
			}
			if len(peers) > 0 {
				all = append(all, machine.Rule{Protocol: r.Protocol, From: r.From, To: r.To, Peers: peers})
			}
		}
	}
	return all
}

// members returns the private addresses of a group's interfaces as blocks, sorted.
func members(e *state.EC2, group string) []string {
	var all []string
	for _, i := range e.NetworkInterfaces {
		if slices.Contains(i.Groups, group) {
			all = append(all, netip.PrefixFrom(netip.MustParseAddr(i.PrivateIP), 32).String())
		}
	}
	slices.Sort(all)
	return all
}

func balancer(r *state.Region, lb *state.LoadBalancer) machine.Balancer {
	out := machine.Balancer{ID: lb.ARN, Endpoint: lb.Interfaces[0]}
	for _, arn := range slices.Sorted(maps.Keys(r.ELB.Listeners)) {
		l := r.ELB.Listeners[arn]
		if l.LoadBalancer != lb.ARN {
			continue
		}
		tg := r.ELB.TargetGroups[l.TargetGroup]
		out.Listeners = append(out.Listeners, machine.Listener{
			Port: l.Port, TargetGroup: tg.ARN, Health: healthCheck(tg.HealthCheck), Targets: targets(r, lb, tg),
		})
	}
	return out
}

func healthCheck(h state.TargetHealthCheck) machine.HealthCheck {
	port, err := strconv.Atoi(h.Port)
	if err != nil { // traffic-port
		port = 0
	}
	return machine.HealthCheck{
		Protocol: strings.ToLower(h.Protocol), Port: port, Path: h.Path,
		Interval: h.Interval, Timeout: h.Timeout, Healthy: h.Healthy, Unhealthy: h.Unhealthy,
	}
}

// targets returns the group's targets that the balancer may send connections to. Without cross-zone balancing those are
// the ones in the zone of the balancer's address.
func targets(r *state.Region, lb *state.LoadBalancer, tg *state.TargetGroup) []machine.Target {
	zone := r.EC2.Subnets[lb.Subnets[0]].Zone
	var all []machine.Target
	for _, t := range tg.Targets {
		i := TargetInterface(&r.EC2, tg, t.ID)
		if t.Draining || i == nil || !CrossZone(lb, tg) && i.Zone != zone {
			continue
		}
		if instance := r.EC2.Instances[i.Instance]; instance == nil || instance.State != state.InstanceRunning {
			continue
		}
		all = append(all, machine.Target{ID: t.ID, IP: i.PrivateIP, Port: t.Port})
	}
	return all
}

// TargetInterface returns the interface behind a target: an instance's, or the one that has the address; nil if there is none.
func TargetInterface(e *state.EC2, tg *state.TargetGroup, id string) *state.NetworkInterface {
	for _, i := range e.NetworkInterfaces {
		if tg.TargetType == "instance" && i.Instance == id && id != "" || tg.TargetType == "ip" && i.VPC == tg.VPC && i.PrivateIP == id {
			return i
		}
	}
	return nil
}

// CrossZone reports whether the balancer uses the group's targets in other zones.
func CrossZone(lb *state.LoadBalancer, tg *state.TargetGroup) bool {
	const key = "load_balancing.cross_zone.enabled"
	switch tg.Attributes[key] {
	case "true":
		return true
	case "false":
		return false
	}
	return lb.Attributes[key] == "true"
}
