package rollout

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/rollout/rollouttest"
)

// fixture is a cluster of doubles.
type fixture struct {
	fleet *rollouttest.Fleet
	doc   *cluster.Document
	inv   *cluster.Inventory
	log   *bytes.Buffer
	ids   int
}

// newFixture returns a cluster of three managers and as many workers as wanted, whose hosts have just booted.
func newFixture(t *testing.T, workers int) *fixture {
	t.Helper()
	f := &fixture{fleet: rollouttest.New(), doc: cluster.Defaults(cluster.ProviderSandbox), inv: &cluster.Inventory{Cluster: "demo"}, log: &bytes.Buffer{}}
	f.doc.Name = "demo"
	f.doc.Workers = []cluster.WorkerGroup{{Name: "linux", Count: workers}}
	for _, spec := range f.doc.NodeSpecs([]string{"us-east-1a", "us-east-1b", "us-east-1c"}) {
		f.inv.Nodes = append(f.inv.Nodes, f.boot(spec.Name, spec.Role, spec.Group, spec.Zone))
	}
	return f
}

// boot makes an instance and its host.
func (f *fixture) boot(name string, role cluster.Role, group, zone string) cluster.Node {
	f.ids++
	n := cluster.Node{
		Name: name, Role: role, Group: group, Zone: zone, Type: "m5.large", InstanceID: fmt.Sprintf("i-%d", f.ids), State: "running",
		PrivateIP: fmt.Sprintf("172.31.0.%d", f.ids), PublicIP: fmt.Sprintf("198.18.0.%d", f.ids), User: "admin", DataVolume: fmt.Sprintf("vol-%d", f.ids),
	}
	f.fleet.Add(n)
	return n
}

// node returns a node of the inventory.
func (f *fixture) node(name string) *cluster.Node {
	for i := range f.inv.Nodes {
		if f.inv.Nodes[i].Name == name {
			return &f.inv.Nodes[i]
		}
	}
	panic("no node " + name)
}

// host returns the host of a node.
func (f *fixture) host(name string) *rollouttest.Host { return f.fleet.Host(f.node(name).InstanceID) }

// replace gives a node another instance, as provisioning does when the old one was terminated.
func (f *fixture) replace(name string) {
	old := f.node(name)
	f.fleet.Terminate(old.InstanceID)
	*old = f.boot(old.Name, old.Role, old.Group, old.Zone)
}

func (f *fixture) rollout() *Rollout {
	return New(Deps{Dialer: f.fleet, Logger: slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, Config{SwarmPatience: 3 * time.Second})
}

func (f *fixture) apply(ctx context.Context) (*Report, error) {
	return f.rollout().Apply(ctx, f.doc, f.inv)
}

// mustApply applies without an error.
func (f *fixture) mustApply(t *testing.T) *Report {
	t.Helper()
	report, err := f.apply(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// membership returns the swarm as manager-1 knows it.
func (f *fixture) membership() []string { return f.fleet.Membership(f.node("manager-1").InstanceID) }

// wanted returns the membership that the inventory asks for.
func (f *fixture) wanted() []string {
	var all []string
	for _, n := range f.inv.Nodes {
		all = append(all, fmt.Sprintf("%s %s active %s", n.Name, n.Role, n.InstanceID))
	}
	return sorted(all)
}

// changes returns the changes of a node as text.
func changes(r *Report, node string) string {
	var all []string
	for _, c := range r.Changes {
		if c.Node == node {
			all = append(all, c.Phase+": "+c.What)
		}
	}
	return strings.Join(all, "\n")
}
