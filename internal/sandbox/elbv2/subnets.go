package elbv2

import (
	"slices"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// subnetsInput is what SetSubnets is asked for.
type subnetsInput struct {
	ARN     string
	Subnets []string
}

func (a *api) setSubnetsAction() awswire.Action {
	return op[subnetsInput]{
		name: "SetSubnets", decode: decodeSubnets, handle: (*scope).setSubnets, touches: func(in subnetsInput) []string { return []string{in.ARN} },
	}.write(a)
}

func decodeSubnets(p *awswire.Params) subnetsInput {
	in := subnetsInput{p.Required("LoadBalancerArn"), p.Strings("Subnets")}
	for _, m := range p.List("SubnetMappings") {
		in.Subnets = append(in.Subnets, m.Required("SubnetId"))
	}
	p.OneOf("IpAddressType", "ipv4", "ipv4")
	if len(in.Subnets) == 0 {
		p.Invalid("A load balancer needs at least one subnet")
	}
	return in
}

// setSubnets moves a load balancer to the subnets. It keeps its address; what it had in the subnets that it leaves stays
// for a while, as after its deletion.
func (s *scope) setSubnets(in subnetsInput) (any, error) {
	lb, err := s.balancer(in.ARN)
	if err != nil {
		return nil, err
	}
	vpc, err := s.checkSubnets(balancerInput{Scheme: lb.Scheme, Subnets: in.Subnets})
	if err != nil {
		return nil, err
	}
	if vpc != lb.VPC {
		return nil, refuse("InvalidConfigurationRequest", "The subnets must belong to the load balancer's VPC %s", lb.VPC)
	}
	kept := map[string]*state.NetworkInterface{} // by subnet
	var left []*state.NetworkInterface
	var public string
	for _, id := range lb.Interfaces {
		n := s.ec2.NetworkInterfaces[id]
		if n.PublicIP != "" {
			public, n.PublicIP, n.AssignPublic = n.PublicIP, "", false
		}
		if slices.Contains(in.Subnets, n.Subnet) {
			kept[n.Subnet] = n
		} else {
			left = append(left, n)
		}
	}
	lb.Subnets, lb.Interfaces = in.Subnets, nil
	for _, subnet := range in.Subnets {
		n := kept[subnet]
		if n == nil {
			if n, err = s.newInterface(lb, subnet, false); err != nil {
				return nil, err
			}
		}
		lb.Interfaces = append(lb.Interfaces, n.ID)
	}
	first := s.ec2.NetworkInterfaces[lb.Interfaces[0]]
	first.PublicIP, first.AssignPublic = public, public != ""
	if public == "" {
		lb.DNSName = first.PrivateIP
	}
	gone := s.now.Add(max(s.api.Delay(settings.BalancerDelete), time.Nanosecond))
	for _, n := range left {
		network.ReleaseInterface(s.ec2, n.ID, gone)
	}
	return struct {
		Zones       members[xmlZone] `xml:"AvailabilityZones"`
		AddressType string           `xml:"IpAddressType"`
	}{s.renderBalancer(lb).Zones, "ipv4"}, nil
}
