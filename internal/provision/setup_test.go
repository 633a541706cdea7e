package provision_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/provision"
	"github.com/slipway-project/slipway/internal/provision/lease"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// publicKey is no one's.
const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ4z9g0xv7l9z1k1t7v2m2q0m5z4q1xg1o2b3c4d5e6 test"

const region = "us-east-1"

// document is the form of most tests' clusters.
const document = `
version: v1
name: demo
cloud: {provider: sandbox, region: us-east-1, zones: %d}
managers: {count: %d}
workers:
  - {name: linux, count: %d}
protect: %t
`

type shape struct {
	zones, managers, workers int
	protect                  bool
}

// whole is the shape that the issue asks for, small the least that has every kind.
var (
	whole = shape{zones: 3, managers: 3, workers: 2}
	small = shape{zones: 1, managers: 1, workers: 1}
)

func load(t testing.TB, s shape) *cluster.Document {
	t.Helper()
	return parse(t, fmt.Sprintf(document, s.zones, s.managers, s.workers, s.protect))
}

func parse(t testing.TB, text string) *cluster.Document {
	t.Helper()
	doc, _, err := cluster.Load("cluster.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// operator is one who runs commands, with what a test knows of their runs.
type operator struct {
	*provision.Provisioner
	retired *retired
}

// runs numbers the runs of a test, and knows which of them are dead.
type runs struct {
	mu   sync.Mutex
	last int
	dead map[string]bool
}

func (r *runs) next(who string) lease.Holder {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	return lease.Holder{Name: who, PID: r.last, Run: fmt.Sprintf("run-%d", r.last)}
}

func (r *runs) kill(h lease.Holder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead == nil {
		r.dead = map[string]bool{}
	}
	r.dead[h.Run] = true
}

func (r *runs) alive(h lease.Holder) (alive, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.dead[h.Run], true
}

type retired struct {
	mu    sync.Mutex
	nodes []string
	do    func(cluster.Node) error
}

func (r *retired) Retire(_ context.Context, node cluster.Node) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes = append(r.nodes, node.Name)
	if r.do != nil {
		return r.do(node)
	}
	return nil
}

func newOperator(c *cloud.Cloud, r *runs, who string) operator {
	return operatorWith(c, provision.Config{Holder: r.next(who), Alive: r.alive})
}

func operatorWith(c *cloud.Cloud, config provision.Config) operator {
	out := &retired{}
	return operator{retired: out, Provisioner: provision.New(provision.Deps{
		Clients:   awsapi.New(c.AWS(region), awsapi.Options{}),
		Retirer:   out,
		PublicKey: func(context.Context) ([]byte, error) { return []byte(publicKey), nil },
	}, config)}
}

// up plans and applies, and fails the test when either fails.
func (o operator) up(ctx context.Context, t testing.TB, doc *cluster.Document) *provision.Plan {
	t.Helper()
	plan, err := o.tryUp(ctx, doc)
	if err != nil {
		t.Fatalf("up: %v", err)
	}
	return plan
}

func (o operator) tryUp(ctx context.Context, doc *cluster.Document) (*provision.Plan, error) {
	plan, err := o.Plan(ctx, doc)
	if err != nil {
		return nil, err
	}
	_, err = o.Apply(ctx, plan)
	return plan, err
}

func (o operator) tryDestroy(ctx context.Context, name string) error {
	plan, err := o.PlanDestroy(ctx, name, region)
	if err != nil {
		return err
	}
	_, err = o.Apply(ctx, plan)
	return err
}

func (o operator) destroy(ctx context.Context, t testing.TB, name string) {
	t.Helper()
	if err := o.tryDestroy(ctx, name); err != nil {
		t.Fatalf("destroy: %v", err)
	}
}

// wantNoChange fails the test when a plan has something to do, or when running it would change something.
func wantNoChange(ctx context.Context, t testing.TB, c *cloud.Cloud, o operator, doc *cluster.Document) {
	t.Helper()
	c.ForgetCalls()
	plan := o.up(ctx, t, doc)
	if diff := cmp.Diff([]provision.Change{}, plan.Changes, cmp.AllowUnexported(provision.Change{})); diff != "" {
		t.Errorf("the second plan changes something (-want +got):\n%s", diff)
	}
	for _, call := range c.Mutating() {
		t.Errorf("the second run calls %s", call.Action)
	}
}

func names(inventory *cluster.Inventory) []string {
	var all []string
	for _, n := range inventory.Nodes {
		all = append(all, n.Name)
	}
	return all
}

func actions(plan *provision.Plan) []string {
	var all []string
	for _, c := range plan.Changes {
		all = append(all, string(c.Action)+" "+c.Key)
	}
	slices.Sort(all)
	return all
}
