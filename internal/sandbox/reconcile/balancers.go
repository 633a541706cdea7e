package reconcile

import (
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

func (p *pass) walkBalancers() {
	for _, lb := range p.region.ELB.LoadBalancers {
		if lb.State == state.BalancerProvisioning && p.due(lb.Due) {
			p.change(func() {
				lb.State = state.BalancerActive
				p.r.deps.Logger.Info("load balancer is active", "name", lb.Name)
			})
		}
	}
	for id, n := range p.region.EC2.NetworkInterfaces {
		if !n.Release.IsZero() && p.due(n.Release) {
			p.change(func() { network.DeleteInterface(&p.region.EC2, id) })
		}
	}
	for _, tg := range p.region.ELB.TargetGroups {
		p.walkTargets(tg)
	}
}

// walkTargets notes the health of a group's targets, and forgets those that have drained.
func (p *pass) walkTargets(tg *state.TargetGroup) {
	drained := func(t state.Target) bool { return t.Draining && p.due(t.DrainedAt) }
	if slices.ContainsFunc(tg.Targets, drained) {
		p.change(func() { tg.Targets = slices.DeleteFunc(tg.Targets, drained) })
	}
	for i := range tg.Targets {
		t := &tg.Targets[i]
		seen := p.targets[targetKey{tg.ARN, t.ID, t.Port}] // zero for one that is not probed
		if t.Health != seen.State || t.Reason != seen.Reason {
			p.change(func() { t.Health, t.Reason = seen.State, seen.Reason })
		}
	}
}
