package swarm

import (
	"context"
	"net/netip"
	"time"

	api "github.com/moby/moby/api/types/swarm"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/rollout/fleet"
)

// Member is a host whose engine answers.
type Member struct {
	Node   cluster.Node
	Engine *Engine
}

// View is what was seen of a swarm at one moment.
type View struct {
	Hosts     []HostView
	Unreached []cluster.Node // of the cluster, but not to be asked now
	Swarm     *Swarm         // the managers' view; nil: no host is in a swarm whose managers can be asked
	Through   string         // name of the manager that gave it
	NoQuorum  error          // why a manager could not give it
	Pool      netip.Prefix   // that the document asks for
}

// HostView is one engine's own view.
type HostView struct {
	Node cluster.Node
	Own  api.Info
}

// manager reports whether the engine is one of a swarm's managers.
func (h HostView) manager() bool {
	return h.Own.LocalNodeState == api.LocalNodeStateActive && h.Own.ControlAvailable
}

// infoPatience is how long an engine has to tell its state.
const infoPatience = 20 * time.Second

// observe asks every member's engine and then the swarm through the first manager that answers.
func observe(ctx context.Context, limit int, members []Member) (View, *Engine, error) {
	infos := make([]api.Info, len(members))
	index := make([]int, len(members))
	for i := range index {
		index[i] = i
	}
	failed := fleet.Failures{Total: len(members)}
	for i, err := range fleet.Each(ctx, limit, index, func(ctx context.Context, i int) error {
		ctx, cancel := context.WithTimeout(ctx, infoPatience)
		defer cancel()
		info, err := members[i].Engine.Info(ctx)
		infos[i] = info.Swarm
		return err
	}) {
		if err != nil {
			failed.Add(fleet.Failure{Node: members[i].Node.Name, Zone: members[i].Node.Zone, Phase: "swarm", Err: err})
		}
	}
	if err := failed.Err(); err != nil {
		return View{}, nil, err
	}
	var view View
	for i, m := range members {
		view.Hosts = append(view.Hosts, HostView{Node: m.Node, Own: infos[i]})
	}
	var control *Engine
	for i, h := range view.Hosts {
		if !h.manager() {
			continue
		}
		s, err := inspect(ctx, members[i].Engine)
		if err == nil {
			view.Swarm, view.Through, view.NoQuorum, control = &s, h.Node.Name, nil, members[i].Engine
			break
		}
		view.NoQuorum = err
	}
	return view, control, ctx.Err()
}

// inspect asks one manager, who without quorum takes long to say so.
func inspect(ctx context.Context, e *Engine) (Swarm, error) {
	ctx, cancel := context.WithTimeout(ctx, infoPatience)
	defer cancel()
	return e.Inspect(ctx)
}

// node returns the swarm node of an id.
func (s *Swarm) node(id string) (api.Node, bool) {
	for _, n := range s.Members {
		if n.ID == id {
			return n, true
		}
	}
	return api.Node{}, false
}

// Quorum counts a swarm's managers.
type Quorum struct {
	Managers  int `json:"managers"`  // in the raft group, dead ones as well
	Reachable int `json:"reachable"` // of them
	Needed    int `json:"needed"`    // for a decision
}

// Held reports whether the managers can decide.
func (q Quorum) Held() bool { return q.Managers > 0 && q.Reachable >= q.Needed }

// Count counts the managers as one of them sees them.
func Count(nodes []api.Node) Quorum {
	var q Quorum
	for _, n := range nodes {
		if n.ManagerStatus == nil {
			continue
		}
		q.Managers++
		if n.ManagerStatus.Reachability == api.ReachabilityReachable {
			q.Reachable++
		}
	}
	q.Needed = q.Managers/2 + 1
	return q
}

// without returns the quorum as it would be if the node were no manager.
func (q Quorum) without(n api.Node) Quorum {
	if n.ManagerStatus == nil {
		return q
	}
	q.Managers--
	if n.ManagerStatus.Reachability == api.ReachabilityReachable {
		q.Reachable--
	}
	q.Needed = q.Managers/2 + 1
	return q
}
