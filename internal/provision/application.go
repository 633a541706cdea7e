package provision

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision/awstask"
	"github.com/slipway-project/slipway/internal/provision/graph"
	"github.com/slipway-project/slipway/internal/provision/resource"
)

// application is one run of a plan.
type application struct {
	creations
	plan    *Plan
	world   *resource.World
	retirer Retirer
	window  time.Duration               // how long what was made may stay invisible
	user    string                      // the document's ssh.user
	then    func(context.Context) error // what to do with the nodes as soon as they can be reached; may be nil
}

// The suffixes and prefixes of the nodes that belong to one resource.
const (
	readySuffix  = " ready"
	thenID       = "then"
	deletePrefix = "delete "
	goneSuffix   = " gone"
	// disksID is the node that ends when the volumes of instances that went are gone too. Nothing else waits for it.
	disksID = deletePrefix + awstask.KindVolume + "/*" + goneSuffix
)

// nodes makes the graph of the plan's steps: what is made waits for what it needs, what goes for what needs it.
func (a *application) nodes() []graph.Node {
	var nodes []graph.Node
	removal := a.removals(&nodes)
	exists := map[string]bool{}
	for _, s := range a.plan.result.Steps {
		if s.Task == nil {
			continue
		}
		exists[string(s.Key)] = true
		if s.Task.Ready != nil {
			exists[string(s.Key)+readySuffix] = true
		}
	}
	for _, s := range a.plan.result.Steps {
		if s.Task == nil {
			continue
		}
		id := string(s.Key)
		var needs []string
		for _, need := range s.Task.Needs {
			switch ready := string(need.Key) + readySuffix; {
			case need.Ready && exists[ready]:
				needs = append(needs, ready)
			case exists[string(need.Key)]:
				needs = append(needs, string(need.Key))
			}
		}
		if s.Action == resource.Recast {
			needs = append(needs, removal[s.Key])
		}
		m := &maker{application: a, task: s.Task, have: s.Have}
		if s.Action != resource.Update {
			m.have = nil
		}
		nodes = append(nodes, graph.Node{ID: id, Title: s.Key.String(), Needs: needs, Do: m.do})
		if s.Task.Ready != nil {
			nodes = append(nodes, graph.Node{
				ID: id + readySuffix, Title: s.Key.String() + " ready", Needs: []string{id}, Waits: true, Takes: s.Task.Takes, Do: m.ready,
			})
		}
	}
	if a.then != nil {
		nodes = append(nodes, a.continuation(nodes))
	}
	return nodes
}

// continuation is the node of what comes after: it needs everything but the load balancer and what belongs to it, and the
// end of volumes.
func (a *application) continuation(nodes []graph.Node) graph.Node {
	n := graph.Node{
		ID: thenID, Title: "nodes", Waits: true, Once: true,
		Do: func(ctx context.Context, _ func(string)) (string, error) { return "", a.then(ctx) },
	}
	for _, other := range nodes {
		if other.ID == disksID {
			continue
		}
		switch resource.Key(other.ID).Kind() {
		case awstask.KindBalancer, awstask.KindListener, awstask.KindTargetGroup, awstask.KindTargets:
		default:
			n.Needs = append(n.Needs, other.ID)
		}
	}
	return n
}

// removals adds the nodes of what goes and returns, by key, the last node of each.
func (a *application) removals(nodes *[]graph.Node) map[resource.Key]string {
	kinds := map[string]resource.Kind{}
	for _, k := range a.plan.cloud.Kinds() {
		kinds[k.Name] = k
	}
	last := map[resource.Key]string{}
	ends := map[string][]string{} // by kind, what says that its removals are over
	var going []resource.Step
	for _, s := range a.plan.result.Steps {
		if s.Action != resource.Delete && s.Action != resource.Recast {
			continue
		}
		going = append(going, s)
		end := deletePrefix + string(s.Key) + " " + s.Have.ID
		if kinds[s.Key.Kind()].Gone != nil {
			end += goneSuffix
		}
		last[s.Key] = end
		ends[s.Key.Kind()] = append(ends[s.Key.Kind()], end)
	}
	manager := "" // the removal of the manager before: they go one by one, so that the quorum can follow
	for _, s := range going {
		kind := kinds[s.Key.Kind()]
		id := deletePrefix + string(s.Key) + " " + s.Have.ID
		var needs []string
		for _, other := range kind.After {
			needs = append(needs, ends[other]...)
		}
		if s.Action == resource.Delete {
			needs = append(needs, a.leavers(s.Have.ID)...)
		}
		if s.Have.Labels["role"] == string(cluster.RoleManager) && !a.plan.Destroy {
			if manager != "" {
				needs = append(needs, manager)
			}
			if a.changesTargets() {
				needs = append(needs, string(awstask.TargetsKey))
			}
			manager = last[s.Key]
		}
		r := &remover{application: a, kind: kind, have: *s.Have}
		title := "remove " + s.Key.String()
		*nodes = append(*nodes, graph.Node{ID: id, Title: title, Needs: needs, Do: r.do})
		if kind.Gone != nil {
			*nodes = append(*nodes, graph.Node{ID: id + goneSuffix, Title: title + ", until it is gone", Needs: []string{id}, Waits: true, Takes: kind.Takes, Do: r.gone})
		}
	}
	if ended := ends[awstask.KindInstance]; len(ended) > 0 {
		*nodes = append(*nodes, a.disks(going, ended))
	}
	return last
}

// leavers returns the nodes that change what uses the object now, which cannot go before: the load balancer that is in a
// subnet.
func (a *application) leavers(id string) []string {
	var nodes []string
	for _, s := range a.plan.result.Steps {
		if s.Task != nil && s.Action == resource.Update && slices.Contains(s.Have.Uses, id) {
			nodes = append(nodes, string(s.Key))
		}
	}
	return nodes
}

// disks is the node that waits for the volumes of the instances that go.
func (a *application) disks(going []resource.Step, ended []string) graph.Node {
	var instances []resource.Object
	for _, s := range going {
		if s.Key.Kind() == awstask.KindInstance {
			instances = append(instances, *s.Have)
		}
	}
	return graph.Node{
		ID: disksID, Title: "remove volumes, until they are gone", Needs: ended, Waits: true,
		Do: func(ctx context.Context, note func(string)) (string, error) {
			return "the nodes' volumes are gone", awstask.Removing(a.plan.cloud.DisksGone(ctx, instances, note))
		},
	}
}

// changesTargets reports whether the plan changes who stands behind the load balancer, which comes before a manager goes.
func (a *application) changesTargets() bool {
	for _, s := range a.plan.result.Steps {
		if s.Key == awstask.TargetsKey && s.Task != nil {
			return true
		}
	}
	return false
}

// remover removes one object.
type remover struct {
	*application
	kind    resource.Kind
	have    resource.Object
	retired bool
}

func (r *remover) do(ctx context.Context, note func(string)) (string, error) {
	if r.have.Key.Kind() == awstask.KindInstance && !r.plan.Destroy && r.retirer != nil && !r.retired {
		note("takes the node out of service")
		if err := r.retirer.Retire(ctx, r.node()); err != nil {
			return "", fmt.Errorf("take %s out of service: %w", r.have.Key.Name(), err)
		}
		r.retired = true
	}
	note("")
	if err := r.kind.Delete(ctx, r.have, note); err != nil {
		return "", awstask.Removing(err)
	}
	return "removed " + r.have.ID, nil
}

func (r *remover) gone(ctx context.Context, note func(string)) (string, error) {
	return r.have.ID + " is gone", awstask.Removing(r.kind.Gone(ctx, r.have, note))
}

// node returns the node that the instance is, for whoever takes it out of service.
func (r *remover) node() cluster.Node {
	o := r.have
	user := r.user
	if user == "" {
		user = awstask.UserOf(o.Fields["image"])
	}
	return cluster.Node{
		Name: o.Key.Name(), Role: cluster.Role(o.Labels["role"]), Group: o.Labels["group"], Zone: o.Fields["zone"], Type: o.Fields["type"],
		InstanceID: o.ID, State: o.Fields["state"], Impaired: o.Fields["checks"] != "ok",
		PrivateIP: o.Labels["private"], PublicIP: o.Labels["public"], User: user, DataVolume: o.Labels["data"], HostKey: o.Labels["hostkey"],
	}
}

// summary says which fields were changed.
func summary(changes []resource.FieldChange) string {
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.Name
	}
	return "changed " + strings.Join(names, ", ")
}

// conflict is the refusal of what exists under a name of ours and is not ours.
func conflict(key resource.Key, cause error) error {
	return errs.Wrap(errs.Conflict, cause, fmt.Sprintf("%s exists already, but without this cluster's tags", key)).
		WithRemedy("remove it if nobody needs it, or give the cluster another name")
}
