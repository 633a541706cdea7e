package swarm

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	api "github.com/moby/moby/api/types/swarm"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
)

var pool = netip.MustParsePrefix("10.64.0.0/13")

// picture builds a View from a drawing with a line for each host and each swarm node:
//
//	host m1 manager i-1 active n1        a host, its role, its instance, its engine's state and its swarm node
//	node n1 m1 manager i-1 reachable     a swarm node, its host name, its role, its instance label, what its manager status says
//
// A dash stands for nothing. A host that is not reached has the state unreached. "nodes -" says that the swarm has a view with no nodes.
func picture(t *testing.T, drawing string) View {
	t.Helper()
	v := View{Pool: pool}
	dash := func(s string) string { return strings.TrimPrefix(s, "-") }
	for line := range strings.Lines(drawing) {
		w := strings.Fields(line)
		switch {
		case len(w) == 0:
		case w[0] == "host":
			n := cluster.Node{Name: w[1], Role: cluster.Role(w[2]), InstanceID: w[3], PrivateIP: w[1] + ".test"}
			if w[4] == "unreached" {
				v.Unreached = append(v.Unreached, n)
				continue
			}
			h := HostView{Node: n, Own: api.Info{LocalNodeState: api.LocalNodeState(w[4])}}
			if len(w) > 5 {
				h.Own.NodeID = w[5]
			}
			for _, remote := range w[min(6, len(w)):] {
				h.Own.RemoteManagers = append(h.Own.RemoteManagers, api.Peer{Addr: remote + ":2377"})
			}
			v.Hosts = append(v.Hosts, h)
		case w[0] == "node":
			if v.Swarm == nil {
				v.Swarm = &Swarm{ID: "s1", Pool: []netip.Prefix{pool}}
			}
			n := api.Node{ID: w[1]}
			n.Description.Hostname, n.Spec.Role, n.Status.State = w[2], api.NodeRole(w[3]), api.NodeStateReady
			n.Spec.Labels = map[string]string{}
			if instance := dash(w[4]); instance != "" {
				n.Spec.Labels = map[string]string{LabelInstance: instance, LabelRole: w[3], LabelZone: "", LabelGroup: ""}
			}
			switch w[5] {
			case "down":
				n.Status.State = api.NodeStateDown
			case "reachable", "unreachable":
				n.ManagerStatus = &api.ManagerStatus{Reachability: api.Reachability(w[5])}
			}
			v.Swarm.Members = append(v.Swarm.Members, n)
		default:
			t.Fatalf("unknown line %q", line)
		}
	}
	for i := range v.Hosts {
		if v.Swarm == nil {
			continue
		}
		if n, ok := v.Swarm.node(v.Hosts[i].Own.NodeID); ok && n.ManagerStatus != nil {
			v.Hosts[i].Own.ControlAvailable, v.Hosts[i].Own.Cluster = true, &api.ClusterInfo{ID: "s1"}
		}
	}
	return v
}

// three is a healthy swarm of three managers and a worker.
const three = `
host m1 manager i-1 active n1
host m2 manager i-2 active n2
host m3 manager i-3 active n3
host w1 worker  i-4 active n4
node n1 m1 manager i-1 reachable
node n2 m2 manager i-2 reachable
node n3 m3 manager i-3 reachable
node n4 w1 worker  i-4 ready
`

func TestPlan(t *testing.T) {
	t.Parallel()
	replaced := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(three) }
	tests := []struct {
		name    string
		drawing string
		want    string // steps, or "refuse kind: text"
		notices int
	}{
		{"healthy", three, "", 0},
		{"nothing yet", "host m1 manager i-1 inactive\nhost m2 manager i-2 inactive\nhost w1 worker i-3 inactive", "init m1", 0},
		{"nothing yet, a worker not reached", "host m1 manager i-1 inactive\nhost w1 worker i-3 unreached", "init m1", 0},
		{"nothing yet, a manager not reached", "host m1 manager i-1 inactive\nhost m2 manager i-2 unreached", "refuse unavailable: no swarm is made while managers cannot be asked", 0},
		{"no manager at all", "host w1 worker i-3 inactive", "refuse invalid: the cluster has no manager", 0},
		{"managers are new, a worker is in the old swarm", "host m1 manager i-1 inactive\nhost w1 worker i-3 active n9", "refuse conflict: w1 is in a swarm (active) that none of the cluster's managers is in", 0},
		{"managers join one by one", "host m1 manager i-1 active n1\nhost m2 manager i-2 inactive\nhost m3 manager i-3 inactive\nhost w1 worker i-4 inactive\nnode n1 m1 manager i-1 reachable", "join m2", 0},
		{"workers join at once", "host m1 manager i-1 active n1\nhost w1 worker i-2 inactive\nhost w2 worker i-3 inactive\nnode n1 m1 manager i-1 reachable", "join w1, join w2", 0},
		{"labels come last", replaced("node n4 w1 worker  i-4", "node n4 w1 worker  -"), "label w1", 0},
		{"a dead manager is demoted first", replaced("host m2 manager i-2 active n2", "host m2 manager i-9 inactive", "m2 manager i-2 reachable", "m2 manager i-2 unreachable"), "demote m2 n2", 0},
		{"and removed then", replaced("host m2 manager i-2 active n2", "host m2 manager i-9 inactive", "node n2 m2 manager i-2 reachable", "node n2 m2 worker i-2 down"), "remove m2 n2", 0},
		{"and its successor joins then", replaced("host m2 manager i-2 active n2", "host m2 manager i-9 inactive", "node n2 m2 manager i-2 reachable", ""), "join m2", 0},
		{"a manager by name only is removed", replaced("host m2 manager i-2 active n2", "host m2 manager i-9 inactive", "m2 manager i-2 reachable", "m2 manager i-2 down"), "remove m2 n2", 0},
		{"a manager that is not reached stays", replaced("host m2 manager i-2 active n2", "host m2 manager i-2 unreached", "m2 manager i-2 reachable", "m2 manager i-2 unreachable"), "", 0},
		{"a host that forgot its membership", replaced("active n4", "inactive"), "remove w1 n4", 0},
		{"a node whose instance is gone", three + "node n5 w2 worker i-7 down", "remove w2 n5", 0},
		{"a node that is not ours", three + "node n5 laptop worker - ready", "", 1},
		{"a dead node of ours without labels", replaced("active n4", "active n6", "node n4 w1 worker  i-4 ready", "node n4 w1 worker - down\nnode n6 w1 worker i-4 ready"), "remove w1 n4", 0},
		{
			"two of three managers are gone", replaced("host m2 manager i-2 active n2", "host m2 manager i-8 inactive", "m2 manager i-2 reachable", "m2 manager i-2 unreachable",
				"host m3 manager i-3 active n3", "host m3 manager i-3 unreached", "m3 manager i-3 reachable", "m3 manager i-3 unreachable"),
			"refuse unavailable: the swarm has lost its quorum: managers that answer: m1; missing: m2 (not in the swarm), m3 (not reached)", 0,
		},
		{"a worker is to be a manager", replaced("host w1 worker", "host w1 manager"), "promote w1 n4", 0},
		{"a manager is to be a worker", replaced("host m3 manager", "host m3 worker"), "demote m3 n3", 0},
		{
			"a manager is to be a worker, but the quorum", replaced("host m3 manager", "host m3 worker", "host m2 manager i-2 active n2", "host m2 manager i-2 unreached", "m2 manager i-2 reachable", "m2 manager i-2 unreachable"),
			"refuse conflict: m3 cannot stop being a manager: 2 of 3 managers answer", 0,
		},
		{"removed behind its back", replaced("active n4", "active n8 m1.test m2.test"), "leave w1", 0},
		{"in somebody else's swarm", replaced("active n4", "active n8 10.9.9.9"), "refuse conflict: w1 is in another swarm, with the managers 10.9.9.9:2377", 0},
		{"a broken worker", replaced("active n4", "error n4"), "leave w1", 0},
		{"a broken manager", replaced("active n2", "error n2"), "refuse conflict: the swarm on m2 does not run", 0},
		{"a locked manager", replaced("active n2", "locked n2"), "refuse conflict: the swarm on m2 is locked", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := picture(t, tt.drawing)
			steps, notices, err := plan(v)
			var all []string
			for _, s := range steps {
				all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", s.verb, s.node.Name, map[bool]string{true: s.id}[s.verb == verbDemote || s.verb == verbRemove || s.verb == verbPromote])))
			}
			got := strings.Join(all, ", ")
			if err != nil {
				got = fmt.Sprintf("refuse %s: %s", errs.KindOf(err), err)
				if tt.name != "no manager at all" && len(errs.Remedies(err)) == 0 {
					t.Error("nothing says what to do")
				}
			}
			if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if len(notices) != tt.notices {
				t.Errorf("notices %q", notices)
			}
		})
	}
}

func TestPlanWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	v := picture(t, "host m1 manager i-1 active n1\nhost m2 manager i-2 unreached")
	v.Hosts[0].Own.ControlAvailable, v.NoQuorum = true, errors.New("the swarm does not have a leader")
	_, _, err := plan(v)
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "managers that answer: m1; missing: m2 (not reached)") {
		t.Errorf("got %v", err)
	}
}

func TestQuorumWithout(t *testing.T) {
	t.Parallel()
	managers := func(states ...api.Reachability) (all []api.Node) {
		for _, s := range states {
			all = append(all, api.Node{ManagerStatus: &api.ManagerStatus{Reachability: s}})
		}
		return append(all, api.Node{})
	}
	const up, down = api.ReachabilityReachable, api.ReachabilityUnreachable
	for _, tt := range []struct {
		nodes []api.Node
		who   int
		held  bool
	}{
		{managers(up), 0, false}, // the last one
		{managers(up, up), 0, true},
		{managers(up, down, up), 1, true},
		{managers(up, down, up), 0, false},
		{managers(up, up, up, down, down), 3, true},
		{managers(up, up, up, down, down), 0, false},
		{managers(up, up, up), 3, true}, // a worker
	} {
		if got := Count(tt.nodes).without(tt.nodes[tt.who]).Held(); got != tt.held {
			t.Errorf("%d of %+v: %t", tt.who, Count(tt.nodes), got)
		}
	}
}

func TestLabels(t *testing.T) {
	t.Parallel()
	n := cluster.Node{Zone: "us-east-1a", Role: cluster.RoleWorker, Group: "linux", InstanceID: "i-1"}
	want := map[string]string{"slipway.zone": "us-east-1a", "slipway.role": "worker", "slipway.group": "linux", "slipway.instance": "i-1", "mine": "yes"}

	spec := api.NodeSpec{Availability: api.NodeAvailabilityDrain, Annotations: api.Annotations{Labels: map[string]string{"mine": "yes", "slipway.zone": "old"}}}
	if !setLabels(&spec, n) || spec.Availability != api.NodeAvailabilityDrain {
		t.Errorf("the operator's drain was taken back: %+v", spec)
	}
	if diff := cmp.Diff(want, spec.Labels); diff != "" {
		t.Error(diff)
	}
	if setLabels(&spec, n) {
		t.Error("changed again")
	}
	if !setReplacing(&spec, "i-1") || setReplacing(&spec, "i-1") || spec.Labels["slipway.replacing"] != "i-1" || !needsLabels(spec, n) {
		t.Errorf("%+v", spec)
	}
	if !setLabels(&spec, n) || spec.Availability != api.NodeAvailabilityActive {
		t.Errorf("our own drain was not taken back: %+v", spec)
	}
	if diff := cmp.Diff(want, spec.Labels); diff != "" {
		t.Error(diff)
	}
}
