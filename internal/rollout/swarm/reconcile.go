package swarm

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	api "github.com/moby/moby/api/types/swarm"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/rollout/fleet"
	"github.com/slipway-project/slipway/internal/run"
)

// Cluster is the membership as it should be.
type Cluster struct {
	Members   []Member       // hosts whose engines answer, managers first
	Unreached []cluster.Node // hosts that cannot be asked now; their swarm nodes are left as they are
	Pool      netip.Prefix   // that overlay networks get their addresses from
}

// Options bound a reconciliation.
type Options struct {
	Limit    int           // engines asked at once
	Patience time.Duration // for each thing that takes its time: an election, a join, a demotion; 0 = one minute
	Logger   *slog.Logger
}

// Change is one thing that was done to the membership.
type Change struct{ Node, What string }

// Result is what a reconciliation did.
type Result struct {
	Changes []Change
	Notices []string
	Quorum  Quorum
}

// maxSteps bounds the loop: a cluster of n hosts needs few steps a host, so that more of them mean that somebody works against us.
const maxSteps = 20

// Reconcile makes the membership as it should be, and returns what it did, also beside an error.
func Reconcile(ctx context.Context, c Cluster, o Options) (Result, error) {
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	r := &reconciler{Cluster: c, Options: o}
	for range maxSteps + 4*len(c.Members) {
		view, control, err := r.settled(ctx)
		if err != nil {
			return r.result, err
		}
		steps, notices, err := plan(view)
		r.result.Notices = notices
		if err != nil {
			return r.result, err
		}
		if len(steps) == 0 {
			return r.result, r.ready(ctx, control)
		}
		if err := r.take(ctx, view, control, steps); err != nil {
			return r.result, err
		}
	}
	return r.result, errs.New(errs.Conflict, "the swarm's membership does not come to rest: something else changes it").
		WithRemedy("stop what else manages the swarm's nodes and run again")
}

// reconciler is one reconciliation under way.
type reconciler struct {
	Cluster
	Options
	result Result
}

// settled observes until no engine is in between two states and, if there are managers, one of them can speak for the swarm; after the
// patience it returns what it sees.
func (r *reconciler) settled(ctx context.Context) (View, *Engine, error) {
	began := time.Now()
	for {
		view, control, err := observe(ctx, r.Limit, r.Members)
		if err != nil {
			return View{}, nil, err
		}
		view.Unreached, view.Pool = r.Unreached, r.Pool
		unsettled := view.NoQuorum != nil && view.Swarm == nil || view.Swarm != nil && !Count(view.Swarm.Members).Held()
		for _, h := range view.Hosts {
			unsettled = unsettled || h.Own.LocalNodeState == api.LocalNodeStatePending
		}
		if !unsettled || time.Since(began) >= r.Patience {
			return view, control, nil
		}
		if err := run.Wait(ctx, time.Second); err != nil {
			return View{}, nil, err
		}
	}
}

// take takes the steps, all at once.
func (r *reconciler) take(ctx context.Context, view View, control *Engine, steps []step) error {
	failed := fleet.Failures{Total: len(r.Members)}
	for i, err := range fleet.Each(ctx, r.Limit, steps, func(ctx context.Context, s step) error { return r.do(ctx, view, control, s) }) {
		s := steps[i]
		if err != nil {
			failed.Add(fleet.Failure{Node: s.node.Name, Zone: s.node.Zone, Phase: "swarm", Err: err})
			continue
		}
		r.Logger.Info("changed swarm membership", "node", s.node.Name, "step", string(s.verb), "reason", s.reason)
		r.result.Changes = append(r.result.Changes, Change{Node: s.node.Name, What: s.verb.done()})
	}
	return failed.Err()
}

// done says of a step that it was taken.
func (v verb) done() string {
	switch v {
	case verbInit:
		return "initialized the swarm"
	case verbLeave:
		return "left a swarm membership that was over"
	case verbDemote:
		return "demoted to worker"
	case verbRemove:
		return "removed from the swarm"
	case verbPromote:
		return "promoted to manager"
	case verbJoin:
		return "joined the swarm"
	case verbLabel:
		return "labelled the swarm node"
	}
	return string(v)
}

// do takes one step and waits until the swarm shows it.
func (r *reconciler) do(ctx context.Context, view View, control *Engine, s step) error {
	switch s.verb {
	case verbInit:
		return r.engine(s.node).Init(ctx, s.node.PrivateIP, r.Pool)
	case verbLeave:
		return r.engine(s.node).Leave(ctx)
	case verbRemove:
		return control.Remove(ctx, s.id)
	case verbDemote:
		return r.setRole(ctx, control, s, api.NodeRoleWorker)
	case verbPromote:
		return r.setRole(ctx, control, s, api.NodeRoleManager)
	case verbJoin:
		return r.join(ctx, view, control, s.node)
	case verbLabel:
		return control.Update(ctx, s.id, func(spec *api.NodeSpec) bool { return setLabels(spec, s.node) })
	}
	return errs.New(errs.Internal, fmt.Sprintf("unknown step %q", s.verb))
}

// engine returns the engine of a member.
func (r *reconciler) engine(n cluster.Node) *Engine {
	for _, m := range r.Members {
		if m.Node.InstanceID == n.InstanceID {
			return m.Engine
		}
	}
	return nil // steps are planned for members only
}

// setRole promotes or demotes, and waits until the raft group shows it: the next change to the group must not begin before. A manager
// that demotes itself cannot show it any more, so another one is asked.
func (r *reconciler) setRole(ctx context.Context, control *Engine, s step, to api.NodeRole) error {
	for _, m := range r.Members {
		if m.Engine != control || m.Node.InstanceID != s.node.InstanceID || to == api.NodeRoleManager {
			continue
		}
		for _, other := range r.Members {
			if other.Engine != control && other.Node.Role == cluster.RoleManager {
				control = other.Engine
				break
			}
		}
	}
	err := control.Update(ctx, s.id, func(spec *api.NodeSpec) bool {
		changed := spec.Role != to
		spec.Role = to
		return changed
	})
	if err != nil {
		return err
	}
	return r.until(ctx, fmt.Sprintf("%s to be a %s", s.node.Name, to), func(ctx context.Context) (bool, error) {
		nodes, err := control.Nodes(ctx)
		for _, n := range nodes {
			if n.ID == s.id {
				return roleShown(n, to), err
			}
		}
		return err == nil, err
	})
}

// roleShown reports whether the raft group is as the node's role says.
func roleShown(n api.Node, to api.NodeRole) bool {
	if to == api.NodeRoleWorker {
		return n.ManagerStatus == nil
	}
	return n.ManagerStatus != nil && n.ManagerStatus.Reachability == api.ReachabilityReachable
}

// join makes a host a member, and waits until the swarm knows it in its role.
func (r *reconciler) join(ctx context.Context, view View, control *Engine, n cluster.Node) error {
	var managers []string
	for _, h := range view.Hosts {
		if h.manager() {
			managers = append(managers, net.JoinHostPort(h.Node.PrivateIP, port))
		}
	}
	e, to := r.engine(n), role(n.Role)
	if err := e.Join(ctx, n.PrivateIP, managers, view.Swarm.Tokens[to]); err != nil {
		return err
	}
	return r.until(ctx, n.Name+" to have joined", func(ctx context.Context) (bool, error) {
		info, err := e.Info(ctx)
		if err != nil || info.Swarm.LocalNodeState == api.LocalNodeStatePending {
			return false, err
		}
		if info.Swarm.LocalNodeState != api.LocalNodeStateActive {
			return false, errs.New(errs.Unavailable, fmt.Sprintf("%s did not join: its swarm is %s %s", n.Name, info.Swarm.LocalNodeState, info.Swarm.Error)).
				WithRemedy("check that TCP 2377 and 7946 and UDP 7946 and 4789 are open between the nodes, and run again")
		}
		nodes, err := control.Nodes(ctx)
		for _, node := range nodes {
			if node.ID == info.Swarm.NodeID {
				return to == api.NodeRoleWorker || roleShown(node, to), err
			}
		}
		return false, err
	})
}

// ready waits until every member is ready and every manager is reachable as the swarm sees them.
func (r *reconciler) ready(ctx context.Context, control *Engine) error {
	return r.until(ctx, "all nodes to be ready", func(ctx context.Context) (bool, error) {
		nodes, err := control.Nodes(ctx)
		if err != nil {
			return false, err
		}
		r.result.Quorum = Count(nodes)
		byInstance := map[string]api.Node{}
		for _, n := range nodes {
			byInstance[n.Spec.Labels[LabelInstance]] = n
		}
		for _, m := range r.Members {
			n := byInstance[m.Node.InstanceID]
			if n.Status.State != api.NodeStateReady || m.Node.Role == cluster.RoleManager && !roleShown(n, api.NodeRoleManager) {
				return false, errs.New(errs.Unavailable, fmt.Sprintf("%s (%s) is %s as the swarm sees it", m.Node.Name, m.Node.Zone, orUnknown(string(n.Status.State)))).WithRetry().
					WithRemedy("check that TCP 2377 and 7946 and UDP 7946 and 4789 are open between the nodes, and run again")
			}
		}
		return true, nil
	})
}

// until asks again and again whether something is so, for as long as the patience lasts. An error that can be retried is only reported
// when the patience is over.
func (r *reconciler) until(ctx context.Context, what string, so func(context.Context) (bool, error)) error {
	return until(ctx, r.Patience, what, so)
}

func until(ctx context.Context, patience time.Duration, what string, so func(context.Context) (bool, error)) error {
	began := time.Now()
	interval := 100 * time.Millisecond
	for {
		ok, err := so(ctx)
		switch {
		case ok && err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case err != nil && !errs.Retryable(err):
			return err
		case time.Since(began) >= patience && err != nil:
			return err
		case time.Since(began) >= patience:
			return errs.New(errs.Unavailable, fmt.Sprintf("waited %s for %s", patience, what)).WithRetry().WithRemedy("run again: it goes on where it stopped")
		}
		if err := run.Wait(ctx, interval); err != nil {
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		interval = min(2*interval, time.Second)
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// Settle waits until a restarted engine is back in its swarm, if it is in one, and, if it is a manager, until the swarm has a quorum again.
func Settle(ctx context.Context, e *Engine, patience time.Duration) error {
	return until(ctx, patience, "the engine of "+e.node+" to be back in its swarm", func(ctx context.Context) (bool, error) {
		info, err := e.Info(ctx)
		if err != nil {
			return false, err
		}
		switch {
		case info.Swarm.LocalNodeState == api.LocalNodeStatePending:
			return false, nil
		case info.Swarm.LocalNodeState != api.LocalNodeStateActive || !info.Swarm.ControlAvailable:
			return true, nil
		}
		nodes, err := e.Nodes(ctx)
		for _, n := range nodes {
			if n.ID == info.Swarm.NodeID {
				return roleShown(n, api.NodeRoleManager), err
			}
		}
		return false, err
	})
}
