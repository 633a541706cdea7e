//go:build e2e

package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"
)

// noticesSoon is how long status may take to name a node that does not answer.
const noticesSoon = 15 * time.Second

// names fails the test unless status, asked now, names the node and its zone soon.
func (w *world) names(t *testing.T, n node) {
	t.Helper()
	began := time.Now()
	s := w.status(t)
	if took := time.Since(began); took > noticesSoon {
		t.Errorf("status took %s", took)
	}
	for _, p := range s.Problems {
		if strings.Contains(p, n.Name) && strings.Contains(p, n.Zone) {
			return
		}
	}
	t.Errorf("no problem names %s in %s: %q", n.Name, n.Zone, s.Problems)
}

func (w *world) keepsQuorum(t *testing.T, through string) {
	t.Helper()
	if out := w.on(t, through, "", `docker node ls --format "{{.ManagerStatus}}"`); !strings.Contains(out, "Leader") {
		t.Errorf("the swarm has no leader: %q", out)
	}
}

func (w *world) namesCutManager(t *testing.T) {
	n := w.healthy(t).node(t, "manager-2")
	w.must(t, "sandbox", "cut", "manager-2")
	w.names(t, n)
	w.keepsQuorum(t, "manager-1")
	w.must(t, "sandbox", "heal", "manager-2")
	within(t, time.Minute, "a healthy cluster after the network was healed", func() bool { return w.status(t).Healthy })
}

func (w *world) repairsDeadManager(t *testing.T) {
	n := w.healthy(t).node(t, "manager-3")
	w.must(t, "sandbox", "kill", "manager-3")
	w.names(t, n)
	w.keepsQuorum(t, "manager-1")
	w.must(t, "up", "--yes")
	if now := w.healthy(t).node(t, "manager-3"); now.InstanceID != n.InstanceID {
		t.Errorf("manager-3 was %s and is %s: the repair should start the same instance", n.InstanceID, now.InstanceID)
	}
}

func (w *world) replacesManager(t *testing.T) {
	n := w.healthy(t).node(t, "manager-1")
	if r := w.aws(t, nil, "ec2", "terminate-instances", "--instance-ids", n.InstanceID); r.code != 0 {
		t.Fatalf("%s", r.failure(0))
	}
	s := w.status(t)
	if s.Healthy || !strings.Contains(strings.Join(s.Problems, "\n"), "manager-1") {
		t.Errorf("status does not miss manager-1: %q", s.Problems)
	}
	w.keepsQuorum(t, "manager-2")
	w.must(t, "up", "--yes")
	s = w.healthy(t)
	if now := s.node(t, "manager-1"); now.InstanceID == n.InstanceID || now.Zone != n.Zone {
		t.Errorf("manager-1 was %+v and is %+v", n, now)
	}
	if out := w.on(t, "manager-2", "", `docker node ls -q`); len(strings.Fields(out)) != len(s.Inventory.Nodes) {
		t.Errorf("the swarm has %d nodes, the cluster %d", len(strings.Fields(out)), len(s.Inventory.Nodes))
	}
}

// survivesDaemon kills the API's daemon: the hosts are the holder's, and the next daemon adopts them.
func (w *world) survivesDaemon(t *testing.T) {
	var s struct {
		PID int `json:"pid"`
	}
	decode(t, w.must(t, "sandbox", "status", "-o", "json").stdout, &s)
	w.on(t, "linux-1", "", "touch /run/e2e-lives")
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r := w.want(t, 8, "plan")
	if !strings.Contains(r.stderr, "sandbox start") {
		t.Errorf("plan without a sandbox does not say how to start it:\n%s", r.stderr)
	}
	w.must(t, "sandbox", "start")
	w.on(t, "linux-1", "", "test -e /run/e2e-lives")
	w.healthy(t)
	w.want(t, 0, "plan")
}
