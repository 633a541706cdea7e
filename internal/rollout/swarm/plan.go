package swarm

import (
	"fmt"
	"slices"
	"strings"

	api "github.com/moby/moby/api/types/swarm"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
)

// verb is what a step does.
type verb string

// The verbs, in the order in which they are planned: the dead go before the new come, so that they never count against the quorum;
// managers come before others go.
const (
	verbInit    verb = "init"    // make the swarm on the node
	verbLeave   verb = "leave"   // the host leaves a membership that is over
	verbDemote  verb = "demote"  // the swarm node becomes a worker
	verbRemove  verb = "remove"  // the swarm node is taken off the list
	verbPromote verb = "promote" // the swarm node becomes a manager
	verbJoin    verb = "join"    // the host joins
	verbLabel   verb = "label"   // labels and availability
)

// step is one change to the membership.
type step struct {
	verb   verb
	node   cluster.Node // the host that it is about; only its name is set for a node whose host is gone
	id     string       // of the swarm node, where there is one
	reason string       // for people
}

// plan returns the steps to take next, all of one verb; they may be taken at once, except that managers join, are promoted and are
// demoted one by one, so of those there is only one. No steps: the membership is as it should be, except for what notices say.
func plan(v View) (steps []step, notices []string, err error) {
	p := planner{View: v}
	if err := p.check(); err != nil {
		return nil, nil, err
	}
	if v.Swarm == nil {
		steps, err := p.init()
		return steps, nil, err
	}
	for _, stage := range []func() ([]step, error){p.leave, p.dead, p.promote, p.joinManager, p.demote, p.joinWorkers, p.label} {
		steps, err := stage()
		if err != nil || len(steps) > 0 {
			return steps, p.notices, err
		}
	}
	return nil, p.notices, nil
}

// planner plans from one view.
type planner struct {
	View
	notices []string
}

// check refuses what a person must decide on.
func (p *planner) check() error {
	for _, h := range p.Hosts {
		if h.Own.LocalNodeState == api.LocalNodeStateLocked {
			return errs.New(errs.Conflict, "the swarm on "+h.Node.Name+" is locked").
				WithRemedy("unlock it with the key that you keep (slipway ssh " + h.Node.Name + " -- sudo docker swarm unlock) and run again")
		}
	}
	if p.NoQuorum != nil && p.Swarm == nil || p.Swarm != nil && !Count(p.Swarm.Members).Held() {
		return p.quorumLost()
	}
	if p.Swarm == nil {
		return nil
	}
	for _, h := range p.Hosts {
		if h.manager() && h.Own.Cluster != nil && h.Own.Cluster.ID != p.Swarm.ID {
			return errs.New(errs.Conflict, fmt.Sprintf("%s and %s are managers of different swarms (%s and %s)", p.Through, h.Node.Name, p.Swarm.ID, h.Own.Cluster.ID)).
				WithRemedy("decide which swarm is to stay; on the other's hosts run `sudo docker swarm leave --force`, then run again")
		}
	}
	if len(p.Swarm.Pool) != 1 || p.Swarm.Pool[0] != p.Pool {
		return errs.New(errs.Conflict, fmt.Sprintf("the swarm gives its networks addresses from %v, the document says %s (half of network.pods)", p.Swarm.Pool, p.Pool)).
			WithRemedy("the pool is fixed when the swarm is made: set network.pods back to what it was, or build a new cluster")
	}
	return nil
}

// quorumLost says who is missing.
func (p *planner) quorumLost() error {
	var alive, gone []string
	for _, h := range p.Hosts {
		switch {
		case h.manager():
			alive = append(alive, h.Node.Name) // at least one: the others know of no swarm
		case h.Node.Role == cluster.RoleManager:
			gone = append(gone, h.Node.Name+" (not in the swarm)")
		}
	}
	for _, n := range p.Unreached {
		if n.Role == cluster.RoleManager {
			gone = append(gone, n.Name+" (not reached)")
		}
	}
	return errs.Wrap(errs.Unavailable, p.NoQuorum, fmt.Sprintf("the swarm has lost its quorum: managers that answer: %s; missing: %s", join(alive), join(gone))).
		WithRemedy("bring a missing manager back (start its instance) and run again. If none can come back, make the swarm anew from the state that " + alive[0] +
			" holds: slipway ssh " + alive[0] + " -- sudo docker swarm init --force-new-cluster, then run again")
}

// init plans a new swarm, when it is certain that there is none.
func (p *planner) init() ([]step, error) {
	for _, h := range p.Hosts {
		if h.Own.LocalNodeState != api.LocalNodeStateInactive {
			return nil, errs.New(errs.Conflict, fmt.Sprintf("%s is in a swarm (%s) that none of the cluster's managers is in%s", h.Node.Name, h.Own.LocalNodeState, ownError(h))).
				WithRemedy("if that swarm is not needed any more, leave it (slipway ssh " + h.Node.Name + " -- sudo docker swarm leave --force) and run again")
		}
	}
	var missing []string
	for _, n := range p.Unreached {
		if n.Role == cluster.RoleManager {
			missing = append(missing, n.Name)
		}
	}
	if len(missing) > 0 {
		return nil, errs.New(errs.Unavailable, "no swarm is made while managers cannot be asked whether they are in one: "+join(missing)).
			WithRemedy("bring them back, or let `slipway up` replace them, and run again")
	}
	for _, h := range p.Hosts {
		if h.Node.Role == cluster.RoleManager {
			return []step{{verb: verbInit, node: h.Node, reason: "no host is in a swarm"}}, nil
		}
	}
	return nil, errs.New(errs.Invalid, "the cluster has no manager that could make a swarm")
}

// leave plans for hosts whose membership is over or broken.
func (p *planner) leave() ([]step, error) {
	var steps []step
	for _, h := range p.Hosts {
		if h.Own.LocalNodeState == api.LocalNodeStateInactive {
			continue
		}
		_, listed := p.Swarm.node(h.Own.NodeID)
		switch {
		case listed && h.Own.LocalNodeState == api.LocalNodeStateError && h.Node.Role == cluster.RoleManager:
			return nil, errs.New(errs.Conflict, "the swarm on "+h.Node.Name+" does not run"+ownError(h)).
				WithRemedy("read the engine's log there (slipway ssh " + h.Node.Name + " -- sudo journalctl -u docker); what the manager held may be worth keeping")
		case listed && h.Own.LocalNodeState != api.LocalNodeStateError:
			continue
		case !listed && !p.ours(h):
			return nil, errs.New(errs.Conflict, fmt.Sprintf("%s is in another swarm, with the managers %s", h.Node.Name, remotes(h))).
				WithRemedy("if that swarm is not needed on it, leave it (slipway ssh " + h.Node.Name + " -- sudo docker swarm leave --force) and run again")
		}
		steps = append(steps, step{verb: verbLeave, node: h.Node, id: h.Own.NodeID, reason: "its membership is over" + ownError(h)})
	}
	return steps, nil
}

// ours reports whether all managers that the host knows are addresses of the cluster: then its membership was of this swarm.
func (p *planner) ours(h HostView) bool {
	addresses := map[string]bool{}
	for _, other := range p.Hosts {
		addresses[other.Node.PrivateIP] = true
	}
	for _, n := range p.Unreached {
		addresses[n.PrivateIP] = true
	}
	for _, remote := range h.Own.RemoteManagers {
		if address, _, _ := strings.Cut(remote.Addr, ":"); !addresses[address] {
			return false
		}
	}
	return true
}

// dead plans the end of swarm nodes whose host is gone: managers first and one by one, demoted before they are removed.
func (p *planner) dead() ([]step, error) {
	q := Count(p.Swarm.Members)
	var steps []step
	for _, n := range p.Swarm.Members {
		reason, dead := p.stale(n)
		if !dead {
			continue
		}
		gone := cluster.Node{Name: n.Description.Hostname, InstanceID: n.Spec.Labels[LabelInstance]}
		// One that is a manager by name only, as after a swarm was made anew from one manager's state, cannot be demoted, nor need it be.
		if n.ManagerStatus != nil {
			if !q.without(n).Held() {
				return nil, errs.New(errs.Unavailable, fmt.Sprintf("the dead manager %s cannot be removed: of %d managers only %d answer", gone.Name, q.Managers, q.Reachable)).
					WithRemedy("bring another manager back and run again")
			}
			return []step{{verb: verbDemote, node: gone, id: n.ID, reason: reason}}, nil
		}
		steps = append(steps, step{verb: verbRemove, node: gone, id: n.ID, reason: reason})
	}
	return steps, nil
}

// stale reports whether a swarm node's host is gone, and how that is known.
func (p *planner) stale(n api.Node) (string, bool) {
	instance := n.Spec.Labels[LabelInstance]
	for _, h := range p.Hosts {
		if h.Own.NodeID == n.ID && h.Own.LocalNodeState != api.LocalNodeStateInactive {
			return "", false
		}
	}
	for _, h := range p.Hosts {
		// The host answers and is not this swarm node: it forgot its membership, or it is a new host of the same name.
		if instance == h.Node.InstanceID || instance == "" && n.Description.Hostname == h.Node.Name && n.Status.State == api.NodeStateDown {
			return "its host " + h.Node.InstanceID + " is not in the swarm as this node any more", true
		}
	}
	for _, u := range p.Unreached {
		if instance == u.InstanceID || instance == "" && n.Description.Hostname == u.Name {
			return "", false
		}
	}
	if instance == "" {
		p.notices = append(p.notices, fmt.Sprintf("swarm node %s (%s) is not Slipway's: it is left alone", n.Description.Hostname, n.ID))
		return "", false
	}
	return "its instance " + instance + " is gone", true
}

// promote plans for workers that are to be managers, one by one.
func (p *planner) promote() ([]step, error) {
	for _, h := range p.Hosts {
		if n, ok := p.Swarm.node(h.Own.NodeID); ok && h.Node.Role == cluster.RoleManager && n.Spec.Role != api.NodeRoleManager {
			return []step{{verb: verbPromote, node: h.Node, id: n.ID, reason: "the document says manager"}}, nil
		}
	}
	return nil, nil
}

// joinManager plans for managers that are not in the swarm, one by one.
func (p *planner) joinManager() ([]step, error) {
	for _, s := range p.outside(cluster.RoleManager) {
		return []step{s}, nil
	}
	return nil, nil
}

// joinWorkers plans for workers that are not in the swarm.
func (p *planner) joinWorkers() ([]step, error) { return p.outside(cluster.RoleWorker), nil }

func (p *planner) outside(r cluster.Role) []step {
	var steps []step
	for _, h := range p.Hosts {
		if h.Own.LocalNodeState == api.LocalNodeStateInactive && h.Node.Role == r {
			steps = append(steps, step{verb: verbJoin, node: h.Node, reason: "it is not in the swarm"})
		}
	}
	return steps
}

// demote plans for managers that are to be workers, one by one and while the quorum holds.
func (p *planner) demote() ([]step, error) {
	q := Count(p.Swarm.Members)
	for _, h := range p.Hosts {
		n, ok := p.Swarm.node(h.Own.NodeID)
		if !ok || h.Node.Role == cluster.RoleManager || n.Spec.Role != api.NodeRoleManager {
			continue
		}
		if !q.without(n).Held() {
			return nil, quorumKept(h.Node.Name, q)
		}
		return []step{{verb: verbDemote, node: h.Node, id: n.ID, reason: "the document says worker"}}, nil
	}
	return nil, nil
}

// quorumKept refuses to take a manager away.
func quorumKept(name string, q Quorum) error {
	return errs.New(errs.Conflict, fmt.Sprintf("%s cannot stop being a manager: %d of %d managers answer, and the swarm would lose its quorum", name, q.Reachable, q.Managers)).
		WithRemedy("bring the other managers back (`slipway status` names them) and run again")
}

// label plans for nodes whose labels are not right.
func (p *planner) label() ([]step, error) {
	var steps []step
	for _, h := range p.Hosts {
		if n, ok := p.Swarm.node(h.Own.NodeID); ok && needsLabels(n.Spec, h.Node) {
			steps = append(steps, step{verb: verbLabel, node: h.Node, id: n.ID, reason: "its labels differ"})
		}
	}
	return steps, nil
}

func ownError(h HostView) string {
	if h.Own.Error == "" {
		return ""
	}
	return ": " + h.Own.Error
}

func remotes(h HostView) string {
	var all []string
	for _, r := range h.Own.RemoteManagers {
		all = append(all, r.Addr)
	}
	slices.Sort(all)
	return join(all)
}

func join(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
