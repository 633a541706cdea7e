package elbv2

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlBalancer struct {
	ARN         string           `xml:"LoadBalancerArn"`
	DNSName     string           `xml:"DNSName"`
	HostedZone  string           `xml:"CanonicalHostedZoneId"`
	Created     awswire.Time     `xml:"CreatedTime"`
	Name        string           `xml:"LoadBalancerName"`
	Scheme      string           `xml:"Scheme"`
	VPC         string           `xml:"VpcId"`
	State       string           `xml:"State>Code"`
	Type        string           `xml:"Type"`
	Zones       members[xmlZone] `xml:"AvailabilityZones"`
	Groups      members[string]  `xml:"SecurityGroups"`
	AddressType string           `xml:"IpAddressType"`
}

type xmlZone struct {
	Name      string   `xml:"ZoneName"`
	Subnet    string   `xml:"SubnetId"`
	Addresses struct{} `xml:"LoadBalancerAddresses"`
}

type xmlBalancers struct {
	Balancers members[xmlBalancer] `xml:"LoadBalancers"`
	Next      string               `xml:"NextMarker,omitempty"`
}

func (s *scope) renderBalancer(lb *state.LoadBalancer) xmlBalancer {
	return xmlBalancer{
		ARN: lb.ARN, DNSName: lb.DNSName, HostedZone: "Z26RNL4JYFTOTI", Created: awswire.At(lb.Created), Name: lb.Name, Scheme: lb.Scheme,
		VPC: lb.VPC, State: lb.State, Type: "network", Groups: members[string]{lb.SecurityGroups}, AddressType: "ipv4",
		Zones: membersOf(lb.Subnets, func(id string) xmlZone { return xmlZone{Name: s.zoneOf(id), Subnet: id} }),
	}
}

func (s *scope) zoneOf(subnet string) string {
	if n := s.ec2.Subnets[subnet]; n != nil {
		return n.Zone
	}
	return ""
}

func (a *api) balancerActions() []awswire.Action {
	return []awswire.Action{
		op[balancerInput]{
			name: "CreateLoadBalancer", decode: decodeBalancer, handle: (*scope).createBalancer,
			creates: func(in balancerInput) map[string]string { return in.Tags },
		}.write(a),
		op[balancerQuery]{name: "DescribeLoadBalancers", decode: decodeBalancerQuery, handle: (*scope).describeBalancers}.read(a),
		op[one]{name: "DeleteLoadBalancer", decode: decodeOne("LoadBalancerArn"), handle: (*scope).deleteBalancer, touches: oneARN}.write(a),
		op[groupsInput]{
			name: "SetSecurityGroups", handle: (*scope).setGroups, touches: func(in groupsInput) []string { return []string{in.ARN} },
			decode: func(p *awswire.Params) groupsInput {
				return groupsInput{p.Required("LoadBalancerArn"), p.Strings("SecurityGroups")}
			},
		}.write(a),
		a.setSubnetsAction(),
	}
}

// balancerInput is what CreateLoadBalancer is asked for.
type balancerInput struct {
	Name, Scheme string
	Subnets      []string
	Groups       []string
	Tags         map[string]string
}

func decodeBalancer(p *awswire.Params) balancerInput {
	in := balancerInput{
		Name: decodeName(p, "load balancer"), Scheme: p.OneOf("Scheme", "internet-facing", "internet-facing", "internal"),
		Subnets: p.Strings("Subnets"), Groups: p.Strings("SecurityGroups"), Tags: decodeTags(p),
	}
	for _, m := range p.List("SubnetMappings") {
		in.Subnets = append(in.Subnets, m.Required("SubnetId"))
	}
	p.OneOf("IpAddressType", "ipv4", "ipv4")
	if kind := p.OneOf("Type", "application", "application", "network", "gateway"); kind != "network" {
		p.Invalid("The sandbox has load balancers of type 'network' only, not '%s'", kind)
	}
	if len(in.Subnets) == 0 {
		p.Invalid("A load balancer needs at least one subnet")
	}
	if len(in.Groups) > maxSecurityGroups {
		p.Invalid("A load balancer has at most %d security groups", maxSecurityGroups)
	}
	return in
}

func (s *scope) createBalancer(in balancerInput) (any, error) {
	vpc, err := s.checkSubnets(in)
	if err != nil {
		return nil, err
	}
	if err := s.checkGroups(vpc, in.Groups); err != nil {
		return nil, err
	}
	if lb := s.balancerNamed(in.Name); lb != nil {
		if !slices.Equal(lb.Subnets, in.Subnets) || !sameSet(lb.SecurityGroups, in.Groups) || lb.Scheme != in.Scheme {
			return nil, refuse("DuplicateLoadBalancerName", "A load balancer with the same name '%s' exists, but with different settings", in.Name)
		}
		return xmlBalancers{Balancers: members[xmlBalancer]{[]xmlBalancer{s.renderBalancer(lb)}}}, nil
	}
	if len(s.LoadBalancers) >= maxBalancers {
		return nil, refuse("TooManyLoadBalancers", "The maximum number of load balancers has been reached")
	}
	lb := &state.LoadBalancer{
		ARN: s.arn("loadbalancer/net/" + in.Name + "/" + awswire.NewHex(16)), Name: in.Name, Scheme: in.Scheme, VPC: vpc,
		Subnets: in.Subnets, SecurityGroups: in.Groups, State: state.BalancerProvisioning,
		Created: s.now, Due: s.now.Add(s.api.Delay(settings.BalancerActivate)), Attributes: map[string]string{},
	}
	s.LoadBalancers[lb.ARN] = lb
	s.setTags(lb.ARN, in.Tags)
	if err := s.addInterfaces(lb); err != nil {
		return nil, err
	}
	return xmlBalancers{Balancers: members[xmlBalancer]{[]xmlBalancer{s.renderBalancer(lb)}}}, nil
}

// addInterfaces gives the balancer an interface in each subnet. The first one carries the address that it is reached by.
func (s *scope) addInterfaces(lb *state.LoadBalancer) error {
	for i, subnet := range lb.Subnets {
		n, err := s.newInterface(lb, subnet, i == 0 && lb.Scheme == "internet-facing")
		if err != nil {
			return err
		}
		lb.Interfaces = append(lb.Interfaces, n.ID)
		if i == 0 {
			lb.DNSName = n.PublicIP
			if n.PublicIP == "" {
				lb.DNSName = n.PrivateIP
			}
		}
	}
	return nil
}

// newInterface makes an interface of the balancer in the subnet, with a public address if asked.
func (s *scope) newInterface(lb *state.LoadBalancer, subnet string, public bool) (*state.NetworkInterface, error) {
	short := lb.ARN[strings.Index(lb.ARN, "loadbalancer/")+len("loadbalancer/"):]
	n, err := network.NewInterface(s.data, s.region, s.api.Public, network.InterfaceSpec{
		Subnet: subnet, Groups: lb.SecurityGroups, Description: "ELB " + short, Public: public,
	})
	if err != nil {
		return nil, err
	}
	n.LoadBalancer, n.AttachTime = lb.ARN, s.now
	return n, nil
}

// checkSubnets refuses subnets that do not exist or do not go together, and returns their VPC.
func (s *scope) checkSubnets(in balancerInput) (string, error) {
	vpc, zones := "", map[string]bool{}
	for _, id := range in.Subnets {
		n := s.ec2.Subnets[id]
		switch {
		case n == nil:
			return "", refuse("SubnetNotFound", "The subnet ID '%s' does not exist", id)
		case vpc != "" && n.VPC != vpc:
			return "", refuse("InvalidConfigurationRequest", "All subnets must belong to the same VPC")
		case zones[n.Zone]:
			return "", refuse("InvalidConfigurationRequest", "A load balancer cannot be attached to multiple subnets in the same Availability Zone")
		}
		vpc, zones[n.Zone] = n.VPC, true
	}
	for _, g := range s.ec2.InternetGateways {
		if g.VPC == vpc {
			return vpc, nil
		}
	}
	if in.Scheme == "internet-facing" {
		return "", refuse("InvalidSubnet", "VPC %s has no internet gateway", vpc)
	}
	return vpc, nil
}

func (s *scope) checkGroups(vpc string, ids []string) error {
	for _, id := range ids {
		g := s.ec2.SecurityGroups[id]
		if g == nil {
			return refuse("InvalidSecurityGroup", "One or more security groups are invalid: %s", id)
		}
		if g.VPC != vpc {
			return refuse("InvalidConfigurationRequest", "Security group %s does not belong to VPC %s", id, vpc)
		}
	}
	return nil
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func (s *scope) balancerNamed(name string) *state.LoadBalancer {
	for _, lb := range s.LoadBalancers {
		if lb.Name == name {
			return lb
		}
	}
	return nil
}

// balancer returns the load balancer of that ARN.
func (s *scope) balancer(arn string) (*state.LoadBalancer, error) {
	if lb := s.LoadBalancers[arn]; lb != nil {
		return lb, nil
	}
	return nil, refuse("LoadBalancerNotFound", "Load balancer '%s' not found", arn)
}

type balancerQuery struct {
	ARNs, Names []string
	Page        awswire.Page
}

func decodeBalancerQuery(p *awswire.Params) balancerQuery {
	return balancerQuery{p.Strings("LoadBalancerArns"), p.Strings("Names"), p.Marker("PageSize", 0, describeLimit)}
}

func (s *scope) describeBalancers(q balancerQuery) (any, error) {
	for _, name := range q.Names {
		lb := s.balancerNamed(name)
		if lb == nil {
			return nil, refuse("LoadBalancerNotFound", "Load balancers '[%s]' not found", name)
		}
		q.ARNs = append(q.ARNs, lb.ARN)
	}
	for _, arn := range q.ARNs {
		if _, err := s.balancer(arn); err != nil {
			return nil, err
		}
	}
	all := slices.DeleteFunc(sorted(s.LoadBalancers), func(lb *state.LoadBalancer) bool {
		return len(q.ARNs) > 0 && !slices.Contains(q.ARNs, lb.ARN)
	})
	all, next, err := awswire.Cut(all, q.Page, func(lb *state.LoadBalancer) string { return lb.ARN }, awswire.DialectOf(awswire.AWSQuery))
	return xmlBalancers{membersOf(all, s.renderBalancer), next}, err
}

// deleteBalancer removes a load balancer with its listeners; one that is not there is no fault, as on AWS. Its
// interfaces stay for a while, and what they use with them.
func (s *scope) deleteBalancer(in one) (any, error) {
	lb := s.LoadBalancers[in.ARN]
	if lb == nil {
		return struct{}{}, nil
	}
	if lb.Attributes[deletionProtection] == "true" {
		return nil, refuse("OperationNotPermitted", "Load balancer '%s' cannot be deleted because deletion protection is enabled", lb.ARN)
	}
	for _, arn := range slices.Collect(maps.Keys(s.Listeners)) {
		if s.Listeners[arn].LoadBalancer == lb.ARN {
			s.forgetListener(arn)
		}
	}
	gone := s.now.Add(max(s.api.Delay(settings.BalancerDelete), time.Nanosecond))
	for _, id := range lb.Interfaces {
		network.ReleaseInterface(s.ec2, id, gone)
	}
	delete(s.Tags, lb.ARN)
	delete(s.LoadBalancers, lb.ARN)
	return struct{}{}, nil
}

type groupsInput struct {
	ARN    string
	Groups []string
}

func (s *scope) setGroups(in groupsInput) (any, error) {
	lb, err := s.balancer(in.ARN)
	if err != nil {
		return nil, err
	}
	if len(lb.SecurityGroups) == 0 || len(in.Groups) == 0 {
		return nil, refuse("InvalidConfigurationRequest",
			"A network load balancer that was created without security groups cannot be given any, and one created with them must keep at least one")
	}
	if err := s.checkGroups(lb.VPC, in.Groups); err != nil {
		return nil, err
	}
	lb.SecurityGroups = in.Groups
	for _, id := range lb.Interfaces {
		s.ec2.NetworkInterfaces[id].Groups = slices.Clone(in.Groups)
	}
	return struct {
		Groups members[string] `xml:"SecurityGroupIds"`
	}{members[string]{in.Groups}}, nil
}
