package swarm

import (
	"context"
	"log/slog"
	"time"

	api "github.com/moby/moby/api/types/swarm"

	"github.com/slipway-project/slipway/internal/cluster"
)

// Retirement is how a node is taken out of the swarm.
type Retirement struct {
	Node     cluster.Node
	Control  *Engine // of a manager that is not the node
	Own      *Engine // of the node itself; nil: it cannot be reached
	Patience time.Duration
	Logger   *slog.Logger
	Progress func(what string) // told what is being done
}

// Retire drains the node's tasks to the others, demotes a manager, makes the host leave and removes the node. A node that the swarm does not
// know is retired. A node whose host cannot be reached is removed without its help.
func Retire(ctx context.Context, r Retirement) error {
	nodes, err := r.Control.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.Spec.Labels[LabelInstance] == r.Node.InstanceID || n.Spec.Labels[LabelInstance] == "" && n.Description.Hostname == r.Node.Name {
			if err := r.retire(ctx, n, Count(nodes)); err != nil {
				return err
			}
		}
	}
	return nil
}

// retire takes out one swarm node.
func (r Retirement) retire(ctx context.Context, n api.Node, q Quorum) error {
	if n.ManagerStatus != nil && !q.without(n).Held() {
		return quorumKept(r.Node.Name, q)
	}
	r.Progress("drains")
	if err := r.Control.Update(ctx, n.ID, func(spec *api.NodeSpec) bool { return setReplacing(spec, r.Node.InstanceID) }); err != nil {
		return err
	}
	if n.Status.State == api.NodeStateReady {
		if err := r.drained(ctx, n.ID); err != nil {
			return err
		}
	}
	if n.ManagerStatus != nil {
		r.Progress("is demoted")
		rec := reconciler{Options: Options{Patience: r.Patience, Logger: r.Logger}}
		if err := rec.setRole(ctx, r.Control, step{node: r.Node, id: n.ID}, api.NodeRoleWorker); err != nil {
			return err
		}
	}
	if r.Own != nil {
		r.Progress("leaves the swarm")
		r.leave(ctx, n.ID)
	}
	r.Progress("is removed from the swarm")
	return r.Control.Remove(ctx, n.ID)
}

// drained waits until the node's tasks have ended. Tasks that do not end in time are ended with the host: the operator wants it gone.
func (r Retirement) drained(ctx context.Context, id string) error {
	left := 0
	err := until(ctx, r.Patience, "tasks of "+r.Node.Name+" to end", func(ctx context.Context) (bool, error) {
		busy, err := r.Control.Busy(ctx, id)
		left = busy
		return busy == 0, err
	})
	if err != nil && ctx.Err() == nil && left > 0 {
		r.Logger.Warn("tasks did not end in time and end with their node", "node", r.Node.Name, "tasks", left)
		return nil
	}
	return err
}

// leave makes the host leave. The swarm would take some 15 s to see it go, which is not waited for: the node is removed by force.
func (r Retirement) leave(ctx context.Context, id string) {
	info, err := r.Own.Info(ctx)
	if err == nil && info.Swarm.LocalNodeState != api.LocalNodeStateInactive && info.Swarm.NodeID == id {
		err = r.Own.Leave(ctx)
	}
	if err != nil {
		r.Logger.Warn("failed to leave the swarm; the node is removed without its help", "node", r.Node.Name, "err", err)
	}
}
