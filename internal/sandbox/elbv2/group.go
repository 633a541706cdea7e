package elbv2

import (
	"slices"
	"strconv"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlGroup struct {
	ARN         string          `xml:"TargetGroupArn"`
	Name        string          `xml:"TargetGroupName"`
	Protocol    string          `xml:"Protocol"`
	Port        int             `xml:"Port"`
	VPC         string          `xml:"VpcId"`
	HCProtocol  string          `xml:"HealthCheckProtocol"`
	HCPort      string          `xml:"HealthCheckPort"`
	HCEnabled   bool            `xml:"HealthCheckEnabled"`
	HCInterval  int             `xml:"HealthCheckIntervalSeconds"`
	HCTimeout   int             `xml:"HealthCheckTimeoutSeconds"`
	HCHealthy   int             `xml:"HealthyThresholdCount"`
	HCUnhealthy int             `xml:"UnhealthyThresholdCount"`
	HCPath      string          `xml:"HealthCheckPath,omitempty"`
	Matcher     *xmlMatcher     `xml:"Matcher"`
	Balancers   members[string] `xml:"LoadBalancerArns"`
	TargetType  string          `xml:"TargetType"`
	AddressType string          `xml:"IpAddressType"`
}

type xmlMatcher struct {
	Codes string `xml:"HttpCode"`
}

type xmlGroups struct {
	Groups members[xmlGroup] `xml:"TargetGroups"`
	Next   string            `xml:"NextMarker,omitempty"`
}

func (s *scope) renderGroup(tg *state.TargetGroup) xmlGroup {
	h := tg.HealthCheck
	x := xmlGroup{
		ARN: tg.ARN, Name: tg.Name, Protocol: tg.Protocol, Port: tg.Port, VPC: tg.VPC, HCProtocol: h.Protocol, HCPort: h.Port, HCEnabled: true,
		HCInterval: h.Interval, HCTimeout: h.Timeout, HCHealthy: h.Healthy, HCUnhealthy: h.Unhealthy, HCPath: h.Path, TargetType: tg.TargetType,
		AddressType: "ipv4", Balancers: members[string]{s.balancersOf(tg.ARN)},
	}
	if h.Matcher != "" {
		x.Matcher = &xmlMatcher{h.Matcher}
	}
	return x
}

// balancersOf returns the ARNs of the load balancers that forward to a target group: one at the most.
func (s *scope) balancersOf(group string) []string {
	var all []string
	for _, l := range sorted(s.Listeners) {
		if l.TargetGroup == group && !slices.Contains(all, l.LoadBalancer) {
			all = append(all, l.LoadBalancer)
		}
	}
	return all
}

func (a *api) groupActions() []awswire.Action {
	return []awswire.Action{
		op[groupInput]{
			name: "CreateTargetGroup", decode: decodeGroup, handle: (*scope).createGroup,
			creates: func(in groupInput) map[string]string { return in.Tags },
		}.write(a),
		op[groupQuery]{name: "DescribeTargetGroups", decode: decodeGroupQuery, handle: (*scope).describeGroups}.read(a),
		op[modifyGroupInput]{
			name: "ModifyTargetGroup", handle: (*scope).modifyGroup, touches: func(in modifyGroupInput) []string { return []string{in.ARN} },
			decode: func(p *awswire.Params) modifyGroupInput {
				return modifyGroupInput{p.Required("TargetGroupArn"), decodeHealthCheck(p)}
			},
		}.write(a),
		op[one]{name: "DeleteTargetGroup", decode: decodeOne("TargetGroupArn"), handle: (*scope).deleteGroup, touches: oneARN}.write(a),
	}
}

// groupInput is what CreateTargetGroup is asked for.
type groupInput struct {
	Name, VPC, TargetType string
	Port                  int
	Health                state.TargetHealthCheck // zero fields are not said
	Tags                  map[string]string
}

func decodeGroup(p *awswire.Params) groupInput {
	in := groupInput{
		Name: decodeName(p, "target group"), VPC: p.Required("VpcId"), TargetType: p.OneOf("TargetType", "instance", "instance", "ip"),
		Port: p.IntBetween("Port", 0, 1, 65535), Health: decodeHealthCheck(p), Tags: decodeTags(p),
	}
	if p.Required("Protocol"); !p.Has("Port") {
		p.Required("Port")
	}
	if protocol := p.String("Protocol"); protocol != "" && protocol != "TCP" {
		p.Invalid("The sandbox has target groups of protocol TCP only, not '%s'", protocol)
	}
	p.OneOf("IpAddressType", "ipv4", "ipv4")
	return in
}

func decodeHealthCheck(p *awswire.Params) state.TargetHealthCheck {
	h := state.TargetHealthCheck{
		Protocol: p.OneOf("HealthCheckProtocol", "", "TCP", "HTTP", "HTTPS"), Port: p.String("HealthCheckPort"), Path: p.String("HealthCheckPath"),
		Matcher: p.Sub("Matcher").String("HttpCode"), Interval: p.IntBetween("HealthCheckIntervalSeconds", 0, 5, 300),
		Timeout: p.IntBetween("HealthCheckTimeoutSeconds", 0, 2, 120), Healthy: p.IntBetween("HealthyThresholdCount", 0, 2, 10),
		Unhealthy: p.IntBetween("UnhealthyThresholdCount", 0, 2, 10),
	}
	if n, err := strconv.Atoi(h.Port); h.Port != "" && h.Port != "traffic-port" && (err != nil || n < 1 || n > 65535) {
		p.Invalid("Health check port '%s' is not valid: it must be 'traffic-port' or 1 to 65535", h.Port)
	}
	if !p.Bool("HealthCheckEnabled", true) {
		p.Invalid("Health check enabled must be true for target groups with target type 'instance' or 'ip'")
	}
	return h
}

// complete returns what is wanted with the rest as it was, or at the defaults of the protocol, and refuses what does not
// go together.
func complete(want, old state.TargetHealthCheck) (state.TargetHealthCheck, error) {
	h := old
	pick(&h.Protocol, want.Protocol, "TCP")
	if h.Protocol != old.Protocol && old.Protocol != "" {
		h.Timeout, h.Path, h.Matcher = 0, "", ""
	}
	pick(&h.Port, want.Port, "traffic-port")
	pick(&h.Interval, want.Interval, 30)
	pick(&h.Healthy, want.Healthy, 5)
	pick(&h.Unhealthy, want.Unhealthy, 2)
	timeout := 10
	if h.Protocol == "HTTP" {
		timeout = 6
	}
	pick(&h.Timeout, want.Timeout, min(timeout, h.Interval))
	if h.Timeout > h.Interval {
		return h, refuse("ValidationError", "Health check timeout '%d' must be smaller than or equal to the interval '%d'", h.Timeout, h.Interval)
	}
	if h.Protocol == "TCP" {
		if want.Path != "" || want.Matcher != "" {
			return h, refuse("InvalidConfigurationRequest", "Health check path and matcher are not supported for health checks of protocol TCP")
		}
		return h, nil
	}
	pick(&h.Path, want.Path, "/")
	pick(&h.Matcher, want.Matcher, "200-399")
	return h, nil
}

// pick sets a field to what is wanted, or to its default if it has no value yet.
func pick[T comparable](field *T, want, def T) {
	var zero T
	switch {
	case want != zero:
		*field = want
	case *field == zero:
		*field = def
	}
}

func (s *scope) createGroup(in groupInput) (any, error) {
	if s.ec2.VPCs[in.VPC] == nil {
		return nil, refuse("ValidationError", "The VPC ID '%s' is not found", in.VPC)
	}
	health, err := complete(in.Health, state.TargetHealthCheck{})
	if err != nil {
		return nil, err
	}
	tg := s.groupNamed(in.Name)
	switch {
	case tg != nil && (tg.VPC != in.VPC || tg.Port != in.Port || tg.TargetType != in.TargetType || tg.HealthCheck != health):
		return nil, refuse("DuplicateTargetGroupName", "A target group with the same name '%s' exists, but with different settings", in.Name)
	case tg == nil && len(s.TargetGroups) >= maxTargetGroups:
		return nil, refuse("TooManyTargetGroups", "The maximum number of target groups has been reached")
	case tg == nil:
		tg = &state.TargetGroup{
			ARN: s.arn("targetgroup/" + in.Name + "/" + awswire.NewHex(16)), Name: in.Name, Protocol: "TCP", Port: in.Port, VPC: in.VPC,
			TargetType: in.TargetType, HealthCheck: health, Attributes: map[string]string{},
		}
		s.TargetGroups[tg.ARN] = tg
		s.setTags(tg.ARN, in.Tags)
	}
	return xmlGroups{Groups: members[xmlGroup]{[]xmlGroup{s.renderGroup(tg)}}}, nil
}

func (s *scope) groupNamed(name string) *state.TargetGroup {
	for _, tg := range s.TargetGroups {
		if tg.Name == name {
			return tg
		}
	}
	return nil
}

// group returns the target group of that ARN.
func (s *scope) group(arn string) (*state.TargetGroup, error) {
	if tg := s.TargetGroups[arn]; tg != nil {
		return tg, nil
	}
	return nil, refuse("TargetGroupNotFound", "Target groups '%s' not found", arn)
}

type groupQuery struct {
	Balancer    string
	ARNs, Names []string
	Page        awswire.Page
}

func decodeGroupQuery(p *awswire.Params) groupQuery {
	return groupQuery{p.String("LoadBalancerArn"), p.Strings("TargetGroupArns"), p.Strings("Names"), p.Marker("PageSize", 0, describeLimit)}
}

func (s *scope) describeGroups(q groupQuery) (any, error) {
	for _, name := range q.Names {
		tg := s.groupNamed(name)
		if tg == nil {
			return nil, refuse("TargetGroupNotFound", "One or more target groups not found: '%s'", name)
		}
		q.ARNs = append(q.ARNs, tg.ARN)
	}
	for _, arn := range q.ARNs {
		if _, err := s.group(arn); err != nil {
			return nil, err
		}
	}
	if q.Balancer != "" {
		if _, err := s.balancer(q.Balancer); err != nil {
			return nil, err
		}
	}
	all := slices.DeleteFunc(sorted(s.TargetGroups), func(tg *state.TargetGroup) bool {
		return len(q.ARNs) > 0 && !slices.Contains(q.ARNs, tg.ARN) || q.Balancer != "" && !slices.Contains(s.balancersOf(tg.ARN), q.Balancer)
	})
	all, next, err := awswire.Cut(all, q.Page, func(tg *state.TargetGroup) string { return tg.ARN }, awswire.DialectOf(awswire.AWSQuery))
	return xmlGroups{membersOf(all, s.renderGroup), next}, err
}

type modifyGroupInput struct {
	ARN    string
	Health state.TargetHealthCheck
}

func (s *scope) modifyGroup(in modifyGroupInput) (any, error) {
	tg, err := s.group(in.ARN)
	if err != nil {
		return nil, err
	}
	if tg.HealthCheck, err = complete(in.Health, tg.HealthCheck); err != nil {
		return nil, err
	}
	return xmlGroups{Groups: members[xmlGroup]{[]xmlGroup{s.renderGroup(tg)}}}, nil
}

// deleteGroup removes a target group; one that is not there is no fault, as on AWS.
func (s *scope) deleteGroup(in one) (any, error) {
	if len(s.balancersOf(in.ARN)) > 0 {
		return nil, refuse("ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", in.ARN)
	}
	delete(s.Tags, in.ARN)
	delete(s.TargetGroups, in.ARN)
	return struct{}{}, nil
}
