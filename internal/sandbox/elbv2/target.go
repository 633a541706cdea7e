package elbv2

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// targetsInput is a target group and targets of it; a port of 0 is the group's, or any.
type targetsInput struct {
	Group   string
	Targets []state.Target
}

func decodeTargets(required bool) func(*awswire.Params) targetsInput {
	return func(p *awswire.Params) targetsInput {
		in := targetsInput{Group: p.Required("TargetGroupArn")}
		for _, item := range p.List("Targets") {
			in.Targets = append(in.Targets, state.Target{ID: item.Required("Id"), Port: item.IntBetween("Port", 0, 1, 65535)})
		}
		if required && len(in.Targets) == 0 {
			p.Invalid("Targets must be specified")
		}
		return in
	}
}

func (a *api) targetActions() []awswire.Action {
	touches := func(in targetsInput) []string { return []string{in.Group} }
	return []awswire.Action{
		op[targetsInput]{name: "RegisterTargets", decode: decodeTargets(true), handle: (*scope).register, touches: touches}.write(a),
		op[targetsInput]{name: "DeregisterTargets", decode: decodeTargets(true), handle: (*scope).deregister, touches: touches}.write(a),
		op[targetsInput]{name: "DescribeTargetHealth", decode: decodeTargets(false), handle: (*scope).describeHealth}.read(a),
	}
}

func (s *scope) register(in targetsInput) (any, error) {
	tg, err := s.group(in.Group)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Targets {
		if err := s.checkTarget(tg, t); err != nil {
			return nil, err
		}
		t.Port = cmp.Or(t.Port, tg.Port)
		at := slices.IndexFunc(tg.Targets, func(old state.Target) bool { return old.ID == t.ID && old.Port == t.Port })
		if at < 0 {
			tg.Targets = append(tg.Targets, t)
		} else if tg.Targets[at].Draining {
			tg.Targets[at] = t
		}
	}
	if len(tg.Targets) > maxTargets {
		return nil, refuse("TooManyTargets", "The maximum number of targets has been reached")
	}
	return struct{}{}, nil
}

// checkTarget refuses a target that is not there or cannot receive.
func (s *scope) checkTarget(tg *state.TargetGroup, t state.Target) error {
	if tg.TargetType == "ip" {
		a, err := netip.ParseAddr(t.ID)
		if err != nil {
			return refuse("ValidationError", "The IP address '%s' is not a valid IPv4 address", t.ID)
		}
		if v := s.ec2.VPCs[tg.VPC]; v == nil || !netip.MustParsePrefix(v.CIDR).Contains(a) {
			return refuse("InvalidTarget", "The IP address '%s' is not within the target group's VPC", t.ID)
		}
		return nil
	}
	i := s.ec2.Instances[t.ID]
	switch {
	case i == nil:
		return refuse("InvalidTarget", "The following targets are not valid instances: '%s'", t.ID)
	case i.VPC != tg.VPC:
		return refuse("InvalidTarget", "The following targets are not in the target group VPC '%s': '%s'", tg.VPC, t.ID)
	case i.State != state.InstanceRunning:
		return refuse("InvalidTarget", "The following targets are not in a running state and cannot be registered: '%s'", t.ID)
	}
	return nil
}

// deregister lets targets drain; those that are not registered are no fault, as on AWS.
func (s *scope) deregister(in targetsInput) (any, error) {
	tg, err := s.group(in.Group)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Targets {
		for i := range tg.Targets {
			if old := &tg.Targets[i]; old.ID == t.ID && (t.Port == 0 || old.Port == t.Port) && !old.Draining {
				old.Draining, old.DrainedAt = true, s.now.Add(s.drainTime(tg))
			}
		}
	}
	return struct{}{}, nil
}

// drainTime is how long a target of the group drains: its attribute, scaled as the sandbox's latencies are. A group that
// nothing forwards to has nothing to drain.
func (s *scope) drainTime(tg *state.TargetGroup) time.Duration {
	if len(s.balancersOf(tg.ARN)) == 0 {
		return 0
	}
	seconds, err := strconv.Atoi(tg.Attributes[deregistrationDelay])
	if err != nil {
		seconds = deregistrationDefault
	}
	return s.api.Delay(settings.TargetDrain) * time.Duration(seconds) / deregistrationDefault
}

type xmlTargetHealth struct {
	ID          string `xml:"Target>Id"`
	Port        int    `xml:"Target>Port"`
	CheckPort   string `xml:"HealthCheckPort"`
	State       string `xml:"TargetHealth>State"`
	Reason      string `xml:"TargetHealth>Reason,omitempty"`
	Description string `xml:"TargetHealth>Description,omitempty"`
}

func (s *scope) describeHealth(in targetsInput) (any, error) {
	tg, err := s.group(in.Group)
	if err != nil {
		return nil, err
	}
	targets := tg.Targets
	if len(in.Targets) > 0 {
		targets = nil
		for _, t := range in.Targets {
			t.Port = cmp.Or(t.Port, tg.Port)
			at := slices.IndexFunc(tg.Targets, func(old state.Target) bool { return old.ID == t.ID && old.Port == t.Port })
			if at >= 0 {
				t = tg.Targets[at]
			}
			targets = append(targets, t)
		}
	}
	return struct {
		Health members[xmlTargetHealth] `xml:"TargetHealthDescriptions"`
	}{membersOf(targets, func(t state.Target) xmlTargetHealth {
		x := xmlTargetHealth{ID: t.ID, Port: t.Port, CheckPort: tg.HealthCheck.Port}
		if x.CheckPort == "traffic-port" {
			x.CheckPort = strconv.Itoa(t.Port)
		}
		x.State, x.Reason, x.Description = s.health(tg, t)
		return x
	})}, nil
}

// health returns a target's state, reason and description.
func (s *scope) health(tg *state.TargetGroup, t state.Target) (status, reason, description string) {
	n := network.TargetInterface(s.ec2, tg, t.ID)
	balancers := s.balancersOf(tg.ARN)
	switch {
	case !slices.ContainsFunc(tg.Targets, func(old state.Target) bool { return old.ID == t.ID && old.Port == t.Port }):
		return "unused", "Target.NotRegistered", "Target is not registered to the target group"
	case t.Draining:
		return "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"
	case len(balancers) == 0:
		return "unused", "Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"
	case n == nil:
		return "unused", "Target.InvalidState", "Target is in the terminated state"
	case n.Instance != "" && s.ec2.Instances[n.Instance].State != state.InstanceRunning:
		return "unused", "Target.InvalidState", "Target is in the " + s.ec2.Instances[n.Instance].State + " state"
	case !s.zoneEnabled(balancers[0], n.Zone):
		return "unused", "Target.NotInUse", "Target is in an Availability Zone that is not enabled for the load balancer"
	}
	switch {
	case s.LoadBalancers[balancers[0]].State != state.BalancerActive:
		return "initial", "Elb.RegistrationInProgress", "Target registration is in progress"
	case t.Health == "healthy":
		return "healthy", "", ""
	case t.Health == "unhealthy":
		return "unhealthy", "Target.FailedHealthChecks", cmp.Or(t.Reason, "Health checks failed")
	}
	return "initial", "Elb.InitialHealthChecking", "Initial health checks in progress"
}

func (s *scope) zoneEnabled(balancer, zone string) bool {
	return slices.ContainsFunc(s.LoadBalancers[balancer].Subnets, func(id string) bool { return s.zoneOf(id) == zone })
}
