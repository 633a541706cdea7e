package rollouttest

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	api "github.com/moby/moby/api/types/swarm"
)

// swarm is a swarm: a raft group of managers, and the nodes that they know.
type swarm struct {
	id     string
	pool   []netip.Prefix
	tokens api.JoinTokens
	nodes  []*api.Node
	index  uint64
}

// failure is an error of the engine's API with its status.
type failure struct {
	status int
	text   string
}

func (f failure) Error() string { return f.text }

func refuse(status int, format string, args ...any) error {
	return failure{status, fmt.Sprintf(format, args...)}
}

var (
	errNoLeader = refuse(http.StatusInternalServerError, "rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that too few managers are online. "+
		"Make sure more than half of the managers are online.")
	errNotManager = refuse(http.StatusServiceUnavailable, "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.")
	errRaft       = errors.New("rpc error: code = FailedPrecondition desc = raft: member is in the group")
)

// info is the engine's own view.
func (h *Host) info() api.Info {
	switch {
	case h.swarm == nil:
		return api.Info{LocalNodeState: api.LocalNodeStateInactive}
	case h.Locked:
		return api.Info{LocalNodeState: api.LocalNodeStateLocked}
	}
	info := api.Info{NodeID: h.nodeID, NodeAddr: h.Node.PrivateIP, LocalNodeState: api.LocalNodeStateActive}
	for _, n := range h.swarm.nodes {
		if n.ManagerStatus != nil {
			info.RemoteManagers = append(info.RemoteManagers, api.Peer{NodeID: n.ID, Addr: n.Status.Addr + ":2377"})
		}
	}
	if own := h.swarm.node(h.nodeID); own != nil && own.ManagerStatus != nil {
		info.ControlAvailable = true
		info.Cluster = &api.ClusterInfo{ID: h.swarm.id}
	}
	return info
}

// init makes a swarm of this host.
func (h *Host) init(r api.InitRequest) error {
	if h.swarm != nil {
		return refuse(http.StatusServiceUnavailable, "This node is already part of a swarm.")
	}
	f := h.fleet
	f.ids++
	id := fmt.Sprintf("swarm%d", f.ids)
	h.swarm = &swarm{id: id, pool: r.DefaultAddrPool, tokens: api.JoinTokens{Worker: "SWMTKN-1-" + id + "-worker", Manager: "SWMTKN-1-" + id + "-manager"}}
	h.enter(api.NodeRoleManager)
	return nil
}

// enter makes the host a member of its swarm.
func (h *Host) enter(role api.NodeRole) {
	f := h.fleet
	f.ids++
	h.nodeID = fmt.Sprintf("node%d", f.ids)
	n := &api.Node{ID: h.nodeID}
	n.Spec.Role, n.Spec.Availability = role, api.NodeAvailabilityActive
	n.Description.Hostname = h.Hostname
	n.Status = api.NodeStatus{State: api.NodeStateReady, Addr: h.Node.PrivateIP}
	if role == api.NodeRoleManager {
		n.ManagerStatus = &api.ManagerStatus{Addr: h.Node.PrivateIP + ":2377"}
	}
	h.swarm.nodes = append(h.swarm.nodes, n)
	h.wrote("swarm %s", role)
}

// join joins the swarm of the managers that the request names.
func (h *Host) join(r api.JoinRequest) error {
	if h.swarm != nil {
		return refuse(http.StatusServiceUnavailable, "This node is already part of a swarm.")
	}
	for _, other := range h.fleet.hosts {
		if other.Down || other.Hangs || !other.Active || other.swarm == nil || !slices.Contains(r.RemoteAddrs, other.Node.PrivateIP+":2377") || !other.info().ControlAvailable {
			continue
		}
		role := api.NodeRoleWorker
		switch r.JoinToken {
		case other.swarm.tokens.Manager:
			role = api.NodeRoleManager
		case other.swarm.tokens.Worker:
		default:
			return refuse(http.StatusBadRequest, "invalid join token %s", r.JoinToken)
		}
		if !other.swarm.quorum(h.fleet) {
			return errNoLeader
		}
		h.swarm = other.swarm
		h.enter(role)
		return nil
	}
	return refuse(http.StatusServiceUnavailable, "rpc error: code = Unavailable desc = connection error: no route to host")
}

// leave makes the host forget its swarm.
func (h *Host) leave() {
	h.swarm, h.nodeID = nil, ""
	h.wrote("swarm leave")
}

// member returns the live host of a swarm node.
func (s *swarm) member(f *Fleet, id string) *Host {
	for _, h := range f.hosts {
		if h.swarm == s && h.nodeID == id && !h.Down && !h.Hangs && h.Active {
			return h
		}
	}
	return nil
}

// node returns a node by its id.
func (s *swarm) node(id string) *api.Node {
	for _, n := range s.nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// look brings what the managers see up to date: which nodes answer, who leads.
func (s *swarm) look(f *Fleet) {
	leader := false
	for _, n := range s.nodes {
		h := s.member(f, n.ID)
		n.Status.State = api.NodeStateReady
		if h == nil {
			n.Status.State = api.NodeStateDown
		}
		if h != nil && n.Spec.Availability == api.NodeAvailabilityDrain && !h.Stubborn {
			h.Tasks = 0
		}
		if m := n.ManagerStatus; m != nil {
			m.Reachability = api.ReachabilityReachable
			if h == nil {
				m.Reachability = api.ReachabilityUnreachable
			}
			m.Leader = h != nil && !leader
			leader = leader || m.Leader
		}
	}
}

// quorum reports whether more than half of the raft group answers.
func (s *swarm) quorum(f *Fleet) bool {
	managers, answer := 0, 0
	for _, n := range s.nodes {
		if n.ManagerStatus != nil {
			managers++
			if s.member(f, n.ID) != nil {
				answer++
			}
		}
	}
	return answer > managers/2
}

// update changes a node's spec.
func (s *swarm) update(f *Fleet, id string, version uint64, spec api.NodeSpec) error {
	n := s.node(id)
	if n == nil {
		return refuse(http.StatusNotFound, "node %s not found", id)
	}
	if version != n.Version.Index {
		return refuse(http.StatusInternalServerError, "rpc error: code = Unknown desc = update out of sequence")
	}
	if n.Spec.Role == api.NodeRoleManager && spec.Role == api.NodeRoleWorker {
		if n.ManagerStatus == nil {
			return refuse(http.StatusNotFound, "rpc error: code = NotFound desc = can't find manager in raft memberlist")
		}
		n.ManagerStatus = nil
	}
	if n.Spec.Role == api.NodeRoleWorker && spec.Role == api.NodeRoleManager {
		n.ManagerStatus = &api.ManagerStatus{Addr: n.Status.Addr + ":2377"}
	}
	s.index++
	n.Version.Index, n.Spec = s.index, spec
	if h := s.member(f, id); h != nil {
		h.wrote("swarm node update")
	}
	return nil
}

// remove takes a node off the list.
func (s *swarm) remove(id string) error {
	n := s.node(id)
	if n == nil {
		return refuse(http.StatusNotFound, "node %s not found", id)
	}
	if n.ManagerStatus != nil {
		return refuse(http.StatusBadRequest, "%v", errRaft)
	}
	s.nodes = slices.DeleteFunc(s.nodes, func(other *api.Node) bool { return other.ID == id })
	return nil
}

// Membership returns the swarm of a host as lines "name role availability instance", for tests to compare.
func (f *Fleet) Membership(instance string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.hosts[instance]
	if h == nil || h.swarm == nil {
		return nil
	}
	h.swarm.look(f)
	var all []string
	for _, n := range h.swarm.nodes {
		role := string(n.Spec.Role)
		if (n.ManagerStatus != nil) != (role == "manager") {
			role += "(not in the raft group)"
		}
		all = append(all, strings.Join([]string{n.Description.Hostname, role, string(n.Spec.Availability), n.Spec.Labels["slipway.instance"]}, " "))
	}
	slices.Sort(all)
	return all
}

// Tokens returns the join tokens of every swarm that there is.
func (f *Fleet) Tokens() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, h := range f.hosts {
		if h.swarm != nil {
			all = append(all, h.swarm.tokens.Manager, h.swarm.tokens.Worker)
		}
	}
	return all
}

// NewSwarm puts a host into a swarm of its own, as somebody else would have.
func (f *Fleet) NewSwarm(instance string, pool ...netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.hosts[instance].init(api.InitRequest{DefaultAddrPool: pool}); err != nil {
		panic(err)
	}
}

// Drain does what an operator does by `docker node update --availability drain`.
func (f *Fleet) Drain(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.hosts[instance]
	h.swarm.node(h.nodeID).Spec.Availability = api.NodeAvailabilityDrain
}
