package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	api "github.com/moby/moby/api/types/swarm"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/rollout/engine"
	"github.com/slipway-project/slipway/internal/rollout/swarm"
)

// reach is how long Retire tries to reach one host.
const reach = 10 * time.Second

// Retire takes a node out of the swarm before its instance ends: its tasks move to other nodes, a manager is demoted, the host leaves and the
// swarm forgets it. A node whose host cannot be reached is removed without its help. It does nothing where there is no swarm, or where the swarm
// does not know the node, so it may be run again at any time.
func (r *Rollout) Retire(ctx context.Context, inv *cluster.Inventory, node cluster.Node) error {
	step := obs.Event{Step: "rollout/retire/" + node.Name, Title: "retire " + node.Name, Expected: 15 * time.Second}
	emit := func(state obs.StepState, detail string, err error) {
		step.Time, step.State, step.Detail, step.Err = time.Now(), state, detail, err
		r.Progress.Emit(step)
	}
	emit(obs.StepRunning, "looks for a manager", nil)
	err := r.retire(ctx, inv, node, func(what string) { emit(obs.StepRunning, what, nil) })
	if err != nil {
		emit(obs.StepFailed, "", err)
		return fmt.Errorf("retire %s (%s): %w", node.Name, node.Zone, err)
	}
	emit(obs.StepDone, "is out of the swarm", nil)
	return nil
}

func (r *Rollout) retire(ctx context.Context, inv *cluster.Inventory, node cluster.Node, progress func(string)) error {
	control, done, err := r.findManager(ctx, inv, node)
	if err != nil || control == nil {
		return err
	}
	defer done()
	if node.Role == cluster.RoleManager {
		r.managers.Lock()
		defer r.managers.Unlock()
	}
	own, release := r.ownEngine(ctx, node)
	defer release()
	return swarm.Retire(ctx, swarm.Retirement{Node: node, Control: control, Own: own, Patience: r.DrainTimeout, Logger: r.Logger, Progress: progress})
}

// findManager returns the engine of a manager, other than the node, that speaks for the swarm; nil when it is certain that there is no swarm.
func (r *Rollout) findManager(ctx context.Context, inv *cluster.Inventory, node cluster.Node) (*swarm.Engine, func(), error) {
	var failures []error
	for _, n := range inv.Nodes {
		if n.Role != cluster.RoleManager || n.InstanceID == node.InstanceID {
			continue
		}
		e, done, err := r.manager(ctx, n)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if e != nil {
			return e, done, nil
		}
	}
	if len(failures) == 0 {
		return nil, nil, nil
	}
	return nil, nil, errs.Wrap(errs.Unavailable, errors.Join(failures...), "no manager can be asked to take the node out of the swarm").WithRetry().
		WithRemedy("bring the managers back (`slipway status` names them) and run again")
}

// manager returns the engine of a node that is a manager with quorum; nil for one that is in no swarm. One that is in a swarm and cannot speak
// for it, as while it comes back or is locked, is an error: it is no proof that there is no swarm.
func (r *Rollout) manager(ctx context.Context, n cluster.Node) (*swarm.Engine, func(), error) {
	bounded, cancel := context.WithTimeout(ctx, 2*reach)
	defer cancel()
	h, err := r.Dialer.DialOnce(bounded, n)
	if err != nil {
		return nil, nil, err
	}
	e, info, err := r.engineOf(bounded, h)
	switch {
	case err != nil || e == nil || info.LocalNodeState == api.LocalNodeStateInactive:
	case info.LocalNodeState != api.LocalNodeStateActive || !info.ControlAvailable:
		err = errs.New(errs.Unavailable, fmt.Sprintf("%s is in a swarm, but does not speak for it (%s)", n.Name, info.LocalNodeState)).WithRetry()
	default:
		if _, err = e.Nodes(bounded); err == nil {
			return e, func() { _ = e.Close(); _ = h.Close() }, nil
		}
	}
	if e != nil {
		_ = e.Close()
	}
	_ = h.Close()
	return nil, nil, err
}

// engineOf returns the engine of a host and its view of the swarm; nil where no engine is installed.
func (r *Rollout) engineOf(ctx context.Context, h host.Host) (*swarm.Engine, api.Info, error) {
	facts, err := host.Gather(ctx, h)
	if err != nil {
		return nil, api.Info{}, err
	}
	if _, installed := engine.Installed(facts.Engine); !installed && facts.Engine.CLI == "" {
		return nil, api.Info{}, nil
	}
	e, err := swarm.NewEngine(h)
	if err != nil {
		return nil, api.Info{}, err
	}
	info, err := e.Info(ctx)
	return e, info.Swarm, err
}

// ownEngine returns the engine of the node that is retired; nil when it cannot be reached.
func (r *Rollout) ownEngine(ctx context.Context, node cluster.Node) (*swarm.Engine, func()) {
	bounded, cancel := context.WithTimeout(ctx, reach)
	defer cancel()
	h, err := r.Dialer.DialOnce(bounded, node)
	if err != nil {
		r.Logger.Info("node cannot be reached; it is taken out of the swarm without its help", "node", node.Name, "err", err)
		return nil, func() {}
	}
	e, err := swarm.NewEngine(h)
	if err != nil {
		_ = h.Close()
		return nil, func() {}
	}
	return e, func() { _ = e.Close(); _ = h.Close() }
}
