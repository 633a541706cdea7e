package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	api "github.com/moby/moby/api/types/swarm"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/rollout/fleet"
	"github.com/slipway-project/slipway/internal/rollout/swarm"
)

// checkLimit is how many hosts are asked at once: those that do not answer must not hold up the others.
const checkLimit = 64

// Check asks every host, its engine and the swarm's managers how they are, all at once and each within the timeout. What is wrong is in the
// health, not in the error. Without a document it checks what there is. It changes nothing.
func (r *Rollout) Check(ctx context.Context, doc *cluster.Document, inv *cluster.Inventory) (*Health, error) {
	answers := make([]answer, len(inv.Nodes))
	index := make([]int, len(inv.Nodes))
	for i := range index {
		index[i] = i
	}
	fleet.Each(ctx, checkLimit, index, func(ctx context.Context, i int) error {
		answers[i] = r.ask(ctx, inv.Nodes[i])
		return nil
	})
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("check cluster %s: %w", inv.Cluster, err)
	}
	h := &Health{Cluster: inv.Cluster, Problems: []string{}, Notices: []string{}}
	c := checker{Health: h, inv: inv, answers: answers}
	c.view()
	c.nodes()
	c.swarm()
	if doc != nil {
		c.wanted(doc)
	}
	c.kernels()
	h.Healthy = len(h.Problems) == 0
	return h, nil
}

// answer is what one host answered.
type answer struct {
	err      error // why it could not be asked
	facts    host.Facts
	factErr  error
	version  string
	engErr   error
	own      api.Info
	swarmErr error      // why it could not tell of its membership
	members  []api.Node // of a manager: its view of the swarm
	viewErr  error
}

// ask asks one host: the machine and its engine at once, over one connection.
func (r *Rollout) ask(ctx context.Context, n cluster.Node) (a answer) {
	ctx, cancel := context.WithTimeout(ctx, r.CheckTimeout)
	defer cancel()
	h, err := r.Dialer.DialOnce(ctx, n)
	if err != nil {
		return answer{err: err}
	}
	defer h.Close() //nolint:errcheck // nothing was written
	var both sync.WaitGroup
	both.Go(func() { a.facts, a.factErr = host.Gather(ctx, h) })
	both.Go(func() { a.askEngine(ctx, h) })
	both.Wait()
	return a
}

// askEngine asks a host's engine for its version, for its membership and, if it is a manager, for its view of the swarm.
func (a *answer) askEngine(ctx context.Context, h host.Host) {
	e, err := swarm.NewEngine(h)
	if err != nil {
		a.engErr = err
		return
	}
	defer e.Close() //nolint:errcheck // only idle connections
	if a.version, a.engErr = e.Version(ctx); a.engErr != nil {
		return
	}
	info, err := e.Info(ctx)
	if err != nil {
		a.swarmErr = err
		return
	}
	a.own = info.Swarm
	if a.own.ControlAvailable {
		a.members, a.viewErr = e.Nodes(ctx)
	}
}

// checker makes the answers a Health.
type checker struct {
	*Health
	inv     *cluster.Inventory
	answers []answer
	members []api.Node // the swarm as a manager sees it; nil: none could say
	viewErr error
}

// view takes the view of the manager that leads, or else of the first that has one.
func (c *checker) view() {
	for _, a := range c.answers {
		switch {
		case a.viewErr != nil:
			c.viewErr = a.viewErr
		case a.members == nil:
		case c.members == nil || leads(a):
			c.members = a.members
		}
	}
	if c.members != nil {
		c.Quorum = swarm.Count(c.members)
	}
}

// leads reports whether the manager that answered sees itself as the leader.
func leads(a answer) bool {
	for _, n := range a.members {
		if n.ID == a.own.NodeID {
			return n.ManagerStatus != nil && n.ManagerStatus.Leader
		}
	}
	return false
}

// nodes judges each node by all that is known of it.
func (c *checker) nodes() {
	c.Health.Nodes = make([]NodeHealth, len(c.inv.Nodes))
	for i, n := range c.inv.Nodes {
		a := c.answers[i]
		h := &c.Health.Nodes[i]
		*h = NodeHealth{
			Name: n.Name, Zone: n.Zone, Role: n.Role, Instance: n.InstanceID, State: n.State, SSH: a.err == nil, Engine: a.version,
			Own:      OwnView{State: string(a.own.LocalNodeState), Control: a.own.ControlAvailable, Error: a.own.Error},
			Problems: []string{},
		}
		c.infrastructure(h, n)
		c.reached(h, a)
		c.member(h, n, a)
	}
}

// infrastructure judges what the cloud says of the instance.
func (c *checker) infrastructure(h *NodeHealth, n cluster.Node) {
	if n.State != "" && n.State != "running" {
		c.problem(h, "its instance %s is %s", n.InstanceID, n.State)
	}
	if n.Impaired {
		c.problem(h, "a status check of its instance %s fails", n.InstanceID)
	}
}

// reached judges whether host and engine answer.
func (c *checker) reached(h *NodeHealth, a answer) {
	switch {
	case a.err != nil:
		c.problem(h, "unreachable: %s", line(a.err))
		return
	case a.factErr != nil:
		c.problem(h, "its facts cannot be read: %s", line(a.factErr))
	case a.engErr != nil:
		c.problem(h, "its engine does not answer: %s", line(a.engErr))
	case a.swarmErr != nil:
		c.problem(h, "its engine does not tell of the swarm, which has no leader, or elects one: %s", line(a.swarmErr))
	}
	for _, dir := range slices.Sorted(maps.Keys(a.facts.Free)) {
		if space := a.facts.Free[dir]; space.TotalMiB > 0 && space.FreeMiB < min(1024, space.TotalMiB/20) {
			c.problem(h, "its disk is nearly full: %d MiB of %d are free on %s", space.FreeMiB, space.TotalMiB, dir)
		}
	}
}

// member judges the node's membership: its own view, the managers', and that both agree.
func (c *checker) member(h *NodeHealth, n cluster.Node, a answer) {
	answered := a.err == nil && a.engErr == nil && a.swarmErr == nil
	if answered && h.Own.State != string(api.LocalNodeStateActive) {
		c.problem(h, "its engine is not in the swarm (%s)%s", h.Own.State, ifAny(": ", h.Own.Error))
	}
	if answered && n.Role == cluster.RoleManager && h.Own.State == string(api.LocalNodeStateActive) && !h.Own.Control {
		c.problem(h, "its engine is no manager")
	}
	if c.members == nil {
		return
	}
	seen, ok := find(c.members, n, a)
	if !ok {
		c.problem(h, "the swarm does not know it")
		return
	}
	h.Manager = ManagerView{ID: seen.ID, Role: string(seen.Spec.Role), Availability: string(seen.Spec.Availability), State: string(seen.Status.State)}
	if m := seen.ManagerStatus; m != nil {
		h.Manager.Reachability, h.Manager.Leader = string(m.Reachability), m.Leader
		if m.Leader {
			c.Leader = n.Name
		}
	}
	c.seen(h, n, seen)
}

// seen judges what the managers say of a node.
func (c *checker) seen(h *NodeHealth, n cluster.Node, seen api.Node) {
	if seen.Status.State != api.NodeStateReady {
		c.problem(h, "the swarm sees it as %s%s", seen.Status.State, ifAny(": ", seen.Status.Message))
	}
	if string(seen.Spec.Role) != string(n.Role) {
		c.problem(h, "it is a %s in the swarm, not a %s", seen.Spec.Role, n.Role)
	}
	if m := seen.ManagerStatus; n.Role == cluster.RoleManager && m != nil && m.Reachability != api.ReachabilityReachable {
		c.problem(h, "the other managers cannot reach it")
	}
	if swarm.Mislabelled(seen.Spec, n) {
		c.problem(h, "its swarm labels are not as they should be")
	}
	if seen.Spec.Availability != api.NodeAvailabilityActive && seen.Spec.Labels[swarm.LabelReplacing] == "" {
		c.Notices = append(c.Notices, fmt.Sprintf("%s (%s): its availability is %s; somebody set it", n.Name, n.Zone, seen.Spec.Availability))
	}
}

// find returns the swarm node of a node: by its instance, or, before it has labels, by its own word.
func find(members []api.Node, n cluster.Node, a answer) (api.Node, bool) {
	for _, m := range members {
		if m.Spec.Labels[swarm.LabelInstance] == n.InstanceID && (a.own.NodeID == "" || a.own.NodeID == m.ID) {
			return m, true
		}
	}
	for _, m := range members {
		if a.own.NodeID != "" && m.ID == a.own.NodeID {
			return m, true
		}
	}
	return api.Node{}, false
}

// swarm judges the quorum, and finds swarm nodes without an instance.
func (c *checker) swarm() {
	if c.members == nil {
		text := "the swarm cannot be asked: no manager answers"
		if c.viewErr != nil {
			text = "the swarm has no quorum: " + line(c.viewErr)
		}
		c.Problems = append(c.Problems, text)
		return
	}
	if !c.Quorum.Held() {
		c.Problems = append(c.Problems, fmt.Sprintf("the swarm has no quorum: %d of %d managers are reachable, %d are needed", c.Quorum.Reachable, c.Quorum.Managers, c.Quorum.Needed))
	}
	known := map[string]bool{}
	for _, n := range c.Health.Nodes {
		known[n.Manager.ID] = true
	}
	for _, m := range c.members {
		switch instance := m.Spec.Labels[swarm.LabelInstance]; {
		case known[m.ID]:
		case instance != "":
			c.Problems = append(c.Problems, fmt.Sprintf("%s (%s): the swarm has a node of the instance %s, which is gone; `slipway up` removes it",
				m.Description.Hostname, m.Spec.Labels[swarm.LabelZone], instance))
		default:
			c.Notices = append(c.Notices, fmt.Sprintf("the swarm node %s (%s) is not Slipway's", m.Description.Hostname, m.ID))
		}
	}
}

// wanted compares with the document: which nodes are missing, and which are too many.
func (c *checker) wanted(doc *cluster.Document) {
	have := map[string]bool{}
	for _, n := range c.inv.Nodes {
		have[n.Name] = true
	}
	wanted := map[string]bool{}
	for _, spec := range doc.NodeSpecs(nil) {
		wanted[spec.Name] = true
		if !have[spec.Name] {
			c.Problems = append(c.Problems, spec.Name+": it has no instance; `slipway up` makes one")
		}
	}
	for i := range c.Health.Nodes {
		if n := &c.Health.Nodes[i]; !wanted[n.Name] {
			c.Notices = append(c.Notices, fmt.Sprintf("%s (%s): the document does not ask for it; `slipway up` takes it away", n.Name, n.Zone))
		}
	}
}

// kernels remarks on what hosts cannot do.
func (c *checker) kernels() {
	var without []string
	for i, a := range c.answers {
		if a.err == nil && a.factErr == nil && !a.facts.IPVS {
			without = append(without, c.inv.Nodes[i].Name)
		}
	}
	if len(without) > 0 {
		c.Notices = append(c.Notices, strings.Join(without, ", ")+": no IPVS in the kernel: virtual addresses and the routing mesh of services do not work; "+
			"use --endpoint-mode dnsrr and ports with mode=host")
	}
}

func line(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func ifAny(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}
