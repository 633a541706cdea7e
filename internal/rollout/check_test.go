package rollout

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/rollout/swarm"
)

func (f *fixture) check(t *testing.T) *Health {
	t.Helper()
	h, err := f.rollout().Check(t.Context(), f.doc, f.inv)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCheckHealthy(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	f.mustApply(t)
	f.fleet.Forget()
	h := f.check(t)
	if !h.Healthy || len(h.Problems) != 0 || len(h.Notices) != 0 {
		t.Errorf("problems %q, notices %q", h.Problems, h.Notices)
	}
	if h.Quorum != (swarm.Quorum{Managers: 3, Reachable: 3, Needed: 2}) || h.Leader != "manager-1" {
		t.Errorf("quorum %+v, leader %q", h.Quorum, h.Leader)
	}
	want := NodeHealth{
		Name: "linux-1", Zone: "us-east-1a", Role: "worker", Instance: "i-4", State: "running", SSH: true, Engine: "20.10.24",
		Own: OwnView{State: "active"}, Manager: ManagerView{ID: h.Nodes[3].Manager.ID, Role: "worker", Availability: "active", State: "ready"}, Problems: []string{},
	}
	if diff := cmp.Diff(want, h.Nodes[3]); diff != "" {
		t.Error(diff)
	}
	if writes := f.fleet.Writes(); len(writes) != 0 {
		t.Errorf("a check wrote %v", writes)
	}
	text, err := json.Marshal(h)
	if err != nil || !strings.Contains(string(text), `"quorum":{"managers":3,"reachable":3,"needed":2}`) || strings.Contains(string(text), "null") {
		t.Errorf("as JSON: %s, %v", text, err)
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(f *fixture)
		want  []string // beginnings of problems, in order
		notes []string // beginnings of notices
	}{
		{"a manager is cut off", func(f *fixture) { f.host("manager-2").Down = true }, []string{
			"manager-2 (us-east-1b): unreachable: ",
			"manager-2 (us-east-1b): the swarm sees it as down",
			"manager-2 (us-east-1b): the other managers cannot reach it",
		}, nil},
		{"the leader and another manager are cut off", func(f *fixture) { f.host("manager-1").Down, f.host("manager-2").Down = true, true }, []string{
			"manager-1 (us-east-1a): unreachable: ", "manager-2 (us-east-1b): unreachable: ", "the swarm has no quorum: ",
		}, nil},
		{"all managers are cut off", func(f *fixture) {
			f.host("manager-1").Down, f.host("manager-2").Down, f.host("manager-3").Down = true, true, true
		}, []string{
			"manager-1 (us-east-1a): unreachable: ", "manager-2 (us-east-1b): unreachable: ", "manager-3 (us-east-1c): unreachable: ",
			"the swarm cannot be asked: no manager answers",
		}, nil},
		{"an engine is down", func(f *fixture) { f.host("linux-1").Active = false }, []string{
			"linux-1 (us-east-1a): its engine does not answer: ", "linux-1 (us-east-1a): the swarm sees it as down",
		}, nil},
		{"an instance is stopped", func(f *fixture) { f.host("linux-1").Down, f.node("linux-1").State = true, "stopped" }, []string{
			"linux-1 (us-east-1a): its instance i-4 is stopped", "linux-1 (us-east-1a): unreachable: ", "linux-1 (us-east-1a): the swarm sees it as down",
		}, nil},
		{"an instance was replaced and not rolled out", func(f *fixture) { f.replace("linux-1") }, []string{
			"linux-1 (us-east-1a): its engine does not answer: ", "linux-1 (us-east-1a): the swarm does not know it",
			"linux-1 (us-east-1a): the swarm has a node of the instance i-4, which is gone",
		}, nil},
		{"a node is missing", func(f *fixture) { f.doc.Workers[0].Count = 3 }, []string{"linux-3: it has no instance"}, nil},
		{"a node is too many", func(f *fixture) { f.doc.Workers[0].Count = 1 }, nil, []string{"linux-2 (us-east-1b): the document does not ask for it"}},
		{"a disk is nearly full", func(f *fixture) { f.host("linux-2").FreeKiB = 10 << 10 }, []string{"linux-2 (us-east-1b): its disk is nearly full: 10 MiB of 40960 are free on /"}, nil},
		{"labels differ", func(f *fixture) { f.node("linux-2").Zone = "us-east-1c" }, []string{"linux-2 (us-east-1c): its swarm labels are not as they should be"}, nil},
		{"a role differs", func(f *fixture) { f.node("linux-2").Role = cluster.RoleManager }, []string{
			"linux-2 (us-east-1b): its engine is no manager", "linux-2 (us-east-1b): it is a worker in the swarm, not a manager",
			"linux-2 (us-east-1b): its swarm labels are not as they should be",
		}, nil},
		{"the operator drained a node", func(f *fixture) { f.fleet.Drain(f.node("linux-2").InstanceID) }, nil, []string{"linux-2 (us-east-1b): its availability is drain"}},
		{"no IPVS", func(f *fixture) { f.host("linux-2").IPVS = false }, nil, []string{"linux-2: no IPVS in the kernel"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 2)
			f.mustApply(t)
			tt.spoil(f)
			h := f.check(t)
			if h.Healthy != (len(tt.want) == 0) {
				t.Errorf("healthy: %t", h.Healthy)
			}
			begins(t, "problems", h.Problems, tt.want)
			begins(t, "notices", h.Notices, tt.notes)
		})
	}
}

// begins compares texts by their beginnings.
func begins(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
		return
	}
	for i := range got {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%s: got %q, want %q", what, got[i], want[i])
		}
	}
}

func TestCheckDoesNotWaitForHostsThatHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 2)
		f.mustApply(t)
		f.host("manager-3").Hangs = true
		f.host("linux-1").Hangs = true
		began := time.Now()
		h := f.check(t)
		if took := time.Since(began); took > 11*time.Second {
			t.Errorf("took %s", took)
		}
		if len(h.Problems) < 2 || !strings.HasPrefix(h.Problems[0], "manager-3 (us-east-1c): unreachable") {
			t.Errorf("problems %q", h.Problems)
		}
	})
}

// TestCheckWhileALeaderIsElected: an engine keeps /info waiting while its swarm has no leader. It is the swarm that does not answer then, not the engine.
func TestCheckWhileALeaderIsElected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		f.mustApply(t)
		f.host("manager-1").Down = true
		f.host("manager-2").Leaderless, f.host("manager-3").Leaderless = true, true
		began := time.Now()
		h := f.check(t)
		begins(t, "problems", h.Problems, []string{
			"manager-1 (us-east-1a): unreachable: ",
			"manager-2 (us-east-1b): its engine does not tell of the swarm, which has no leader, or elects one: ask for its state through the engine of manager-2: no answer in time",
			"manager-3 (us-east-1c): its engine does not tell of the swarm, which has no leader, or elects one: ",
			"the swarm cannot be asked: no manager answers",
		})
		if h.Nodes[1].Engine != "20.10.24" || time.Since(began) > 11*time.Second {
			t.Errorf("engine %q, took %s", h.Nodes[1].Engine, time.Since(began))
		}
	})
}
