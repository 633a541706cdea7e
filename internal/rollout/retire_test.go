package rollout

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
)

// retire takes a node away and out of the inventory.
func (f *fixture) retire(t *testing.T, name string) error {
	t.Helper()
	n := *f.node(name)
	if err := f.rollout().Retire(t.Context(), f.inv, n); err != nil {
		return err
	}
	f.inv.Nodes = slices.DeleteFunc(f.inv.Nodes, func(other cluster.Node) bool { return other.Name == name })
	return nil
}

func TestRetire(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		node    string
		prepare func(f *fixture)
	}{
		{"worker with tasks", "linux-2", func(f *fixture) { f.host("linux-2").Tasks = 3 }},
		{"manager", "manager-3", func(*fixture) {}},
		{"first manager", "manager-1", func(*fixture) {}},
		{"worker that is down", "linux-1", func(f *fixture) { f.host("linux-1").Down = true }},
		{"manager that is down", "manager-2", func(f *fixture) { f.host("manager-2").Down = true }},
		{"worker whose engine is down", "linux-1", func(f *fixture) { f.host("linux-1").Active = false }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, 2)
				f.mustApply(t)
				tt.prepare(f)
				witness := f.node("manager-1").InstanceID
				if tt.node == "manager-1" {
					witness = f.node("manager-2").InstanceID
				}
				if err := f.retire(t, tt.node); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(f.wanted(), f.fleet.Membership(witness)); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestRetireTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.mustApply(t)
	n := *f.node("linux-1")
	for range 2 {
		if err := f.rollout().Retire(t.Context(), f.inv, n); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRetireBeforeThereIsASwarm(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	if err := f.retire(t, "linux-2"); err != nil {
		t.Error(err)
	}
	if writes := f.fleet.Writes(); len(writes) != 0 {
		t.Errorf("wrote %v", writes)
	}
}

func TestRetireKeepsTheQuorum(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.mustApply(t)
	f.host("manager-2").Down = true
	err := f.retire(t, "manager-3")
	if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "manager-3 cannot stop being a manager: 2 of 3 managers answer") {
		t.Errorf("got %v", err)
	}
	if got := strings.Join(f.membership(), "\n"); !strings.Contains(got, "manager-3 manager active") {
		t.Errorf("the manager was touched:\n%s", got)
	}
}

// TestRetireWhileManagersComeBack: managers that are in a swarm but cannot speak for it are no proof that there is none.
func TestRetireWhileManagersComeBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.mustApply(t)
	for _, name := range []string{"manager-1", "manager-2", "manager-3"} {
		f.host(name).Locked = true
	}
	err := f.retire(t, "linux-1")
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "manager-1 is in a swarm, but does not speak for it (locked)") {
		t.Errorf("got %v", err)
	}
}

func TestRetireWithoutAnyManager(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.mustApply(t)
	for _, name := range []string{"manager-1", "manager-2", "manager-3"} {
		f.host(name).Down = true
	}
	err := f.retire(t, "linux-1")
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "retire linux-1 (us-east-1a): no manager can be asked") {
		t.Errorf("got %v", err)
	}
}

func TestRetireDoesNotWaitForEverForTasks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		f.mustApply(t)
		f.host("linux-1").Stubborn = true
		f.host("linux-1").Tasks = 1
		if err := f.retire(t, "linux-1"); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(f.log.String(), "tasks did not end in time") {
			t.Error("nobody was told that tasks were ended")
		}
	})
}
