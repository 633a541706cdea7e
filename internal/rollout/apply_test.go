package rollout

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/obs"
)

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}

func TestApplyTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	report := f.mustApply(t)
	if diff := cmp.Diff(f.wanted(), f.membership()); diff != "" {
		t.Errorf("membership: %s", diff)
	}
	const want = `host: wrote /etc/hosts
host: wrote /etc/hostname
host: named the host linux-2
disk: formatted the data volume vol-5 with ext4
disk: wrote /etc/fstab
disk: mounted vol-5 at /var/lib/docker
engine: wrote docker.service.d/slipway.conf
engine: wrote daemon.json
engine: installed docker.io=20.10.24+dfsg1-1+deb12u1
engine: held docker.io
swarm: joined the swarm
swarm: labelled the swarm node`
	if diff := cmp.Diff(want, changes(report, "linux-2")); diff != "" {
		t.Error(diff)
	}
	if report.Engine != "docker.io=20.10.24+dfsg1-1+deb12u1" {
		t.Errorf("the engine is %s", report.Engine)
	}
	for _, n := range f.inv.Nodes {
		h := f.fleet.Host(n.InstanceID)
		if h.Loaded() == "" || h.Occupied || !h.Enabled {
			t.Errorf("the engine of %s started too early: configuration %q, wrote on the root volume: %t", n.Name, h.Loaded(), h.Occupied)
		}
	}

	f.fleet.Forget()
	second := f.mustApply(t)
	if !second.Empty() {
		t.Errorf("the second run changed %v", second.Changes)
	}
	if writes := f.fleet.Writes(); len(writes) != 0 {
		t.Errorf("the second run wrote %v", writes)
	}
}

func TestTokensStaySecret(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	var mu sync.Mutex
	var events strings.Builder
	r := f.rollout()
	r.Progress = obs.ProgressFunc(func(e obs.Event) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&events, "%+v\n", e)
	})
	report, err := r.Apply(t.Context(), f.doc, f.inv)
	if err != nil {
		t.Fatal(err)
	}
	tokens := f.fleet.Tokens()
	if len(tokens) == 0 || f.log.Len() == 0 || len(f.fleet.Commands()) == 0 {
		t.Fatal("there is nothing to look for, or nowhere to look")
	}
	seen := f.log.String() + strings.Join(f.fleet.Commands(), "\n") + events.String() + fmt.Sprintf("%+v", report)
	for _, token := range tokens {
		if strings.Contains(seen, token) {
			t.Errorf("the join token %s is in a log, a command line, an event or the report", token)
		}
	}
}

// TestApplyAfterBeingKilled stops a run at each of its commands in turn and lets another one finish.
func TestApplyAfterBeingKilled(t *testing.T) {
	t.Parallel()
	count := 0
	full := newFixture(t, 1)
	full.mustApply(t)
	total := len(full.fleet.Commands())
	for n := 1; n <= total; n += 3 {
		f := newFixture(t, 1)
		ctx, cancel := context.WithCancel(t.Context())
		left := n
		for _, node := range f.inv.Nodes {
			f.fleet.Host(node.InstanceID).Fail = func(string) error { // called under the fleet's lock
				if left--; left <= 0 {
					cancel()
					return context.Canceled
				}
				return nil
			}
		}
		if _, err := f.apply(ctx); err == nil && left <= 0 {
			t.Errorf("run %d did not notice that it was killed", n)
		}
		cancel()
		for _, node := range f.inv.Nodes {
			f.fleet.Host(node.InstanceID).Fail = nil
		}
		if _, err := f.apply(t.Context()); err != nil {
			t.Fatalf("killed at command %d of %d, a second run fails: %v", n, total, err)
		}
		if diff := cmp.Diff(f.wanted(), f.membership()); diff != "" {
			t.Fatalf("killed at command %d of %d: %s", n, total, diff)
		}
		f.fleet.Forget()
		if report := f.mustApply(t); !report.Empty() || len(f.fleet.Writes()) != 0 {
			t.Fatalf("killed at command %d of %d, a third run changes %v", n, total, report.Changes)
		}
		count++
	}
	if count < 20 {
		t.Errorf("only %d places were tried", count)
	}
}

func TestApplyEndsAnInterruptedInstallation(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.host("linux-1").Broken = true // the host lost its power while apt was at work
	f.mustApply(t)
	if f.host("linux-1").Broken || len(f.membership()) != 4 {
		t.Errorf("membership %q", f.membership())
	}
}

func TestApplyRefusesAnEngineOfUnknownOrigin(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.host("linux-1").Foreign = true
	_, err := f.apply(t.Context())
	if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "linux-1 (us-east-1a), packages: an engine is installed that came from no package (/usr/local/bin/docker)") {
		t.Errorf("got %v", err)
	}
}

func TestApplyAddsANode(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.mustApply(t)
	// The repositories have moved on since, but still have the cluster's version.
	f.inv.Nodes = append(f.inv.Nodes, f.boot("linux-2", cluster.RoleWorker, "linux", "us-east-1b"))
	f.host("linux-2").Offered["docker.io"] = []string{"20.10.25+dfsg1-1", "20.10.24+dfsg1-1+deb12u1"}
	f.fleet.Forget()
	report := f.mustApply(t)
	for _, c := range report.Changes {
		if c.Node != "linux-2" {
			t.Errorf("%s was changed: %s", c.Node, c.What)
		}
	}
	if got := f.host("linux-2").Installed["docker.io"]; got != "20.10.24+dfsg1-1+deb12u1" {
		t.Errorf("the new node has engine %s", got)
	}
	if diff := cmp.Diff(f.wanted(), f.membership()); diff != "" {
		t.Error(diff)
	}
}

func TestApplyReplacesADeadManager(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"manager-1", "manager-2", "manager-3"} {
		f := newFixture(t, 1)
		f.mustApply(t)
		f.replace(name)
		f.mustApply(t)
		if diff := cmp.Diff(f.wanted(), f.membership()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestApplyWithoutQuorum(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		f.mustApply(t)
		f.replace("manager-2")
		f.replace("manager-3")
		_, err := f.apply(t.Context())
		if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "lost its quorum: managers that answer: manager-1; missing: manager-2 (not in the swarm), manager-3 (not in the swarm)") {
			t.Errorf("got %v", err)
		}
		if r := errs.Remedies(err); len(r) == 0 || !strings.Contains(r[0], "slipway ssh manager-1 -- sudo docker swarm init --force-new-cluster") {
			t.Errorf("advises %q", r)
		}
	})
}

func TestApplyChangesTheConfiguration(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.mustApply(t)
	f.fleet.Forget()
	f.doc.Engine.LogDriver = "local"
	report := f.mustApply(t)
	for _, n := range f.inv.Nodes {
		if got := changes(report, n.Name); got != "engine: wrote daemon.json\nengine: restarted docker.service" {
			t.Errorf("%s: %s", n.Name, got)
		}
	}
	f.wantConfigured(t)
}

// wantConfigured checks that every engine runs with the configuration that its host has.
func (f *fixture) wantConfigured(t *testing.T) {
	t.Helper()
	for _, n := range f.inv.Nodes {
		if h := f.fleet.Host(n.InstanceID); h.Loaded() != h.Files["/etc/docker/daemon.json"] {
			t.Errorf("the engine of %s runs with an old configuration", n.Name)
		}
	}
}

// TestApplyStopsRestartingAtTheFirstFailure: a configuration that one engine does not start with would take the quorum away.
func TestApplyStopsRestartingAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.mustApply(t)
	f.doc.Engine.LogDriver = "local"
	f.fleet.Forget()
	f.host("manager-1").Fail = func(command string) error {
		if strings.Contains(command, "systemctl restart") {
			return errs.New(errs.Internal, "unable to configure the Docker daemon")
		}
		return nil
	}
	report, err := f.apply(t.Context())
	if err == nil || !strings.Contains(err.Error(), "manager-1 (us-east-1a), restart: ") {
		t.Errorf("got %v", err)
	}
	if writes := strings.Join(f.fleet.Writes(), "\n"); strings.Contains(writes, "restart docker") {
		t.Errorf("other engines were restarted:\n%s", writes)
	}
	if len(report.Notices) != 1 || !strings.Contains(report.Notices[0], "manager-1") {
		t.Errorf("notices %q", report.Notices)
	}
	f.host("manager-1").Fail = nil
	f.mustApply(t)
	f.wantConfigured(t)
}

// TestApplyRestartsWhatAKilledRunDidNot: the configuration is there already, but the engines run with the one before it.
func TestApplyRestartsWhatAKilledRunDidNot(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.mustApply(t)
	f.doc.Engine.LogDriver = "local"
	ctx, cancel := context.WithCancel(t.Context())
	f.host("manager-1").Fail = func(command string) error {
		if strings.Contains(command, "restart") {
			cancel()
			return context.Canceled
		}
		return nil
	}
	if _, err := f.apply(ctx); err == nil {
		t.Fatal("was not killed")
	}
	f.host("manager-1").Fail = nil
	f.mustApply(t)
	f.wantConfigured(t)
	f.fleet.Forget()
	if third := f.mustApply(t); !third.Empty() || len(f.fleet.Writes()) != 0 {
		t.Errorf("the third run changed %v", third.Changes)
	}
}

func TestApplyRefusesUnfitHostsBeforeItChangesAny(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	f.host("manager-2").Systemd = false
	f.host("linux-1").Ahead = 45
	f.host("linux-2").FreeKiB = 100 << 10
	f.host("manager-3").MemoryKiB = 4 << 20
	_, err := f.apply(t.Context())
	const want = `4 of 5 hosts failed:
  manager-2 (us-east-1b), preflight: is not run by systemd: process 1 is tini
  manager-3 (us-east-1c), preflight: has 4096 MiB of memory (m5.large); a manager needs 8192 MiB
  linux-1 (us-east-1a), preflight: its clock is 45s ahead of the other hosts'; at most 30s is allowed
  linux-2 (us-east-1b), preflight: its disk is full: 100 MiB are free on /, the engine needs 1024 MiB`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	if writes := f.fleet.Writes(); len(writes) != 0 {
		t.Errorf("hosts were changed: %v", writes)
	}
}

func TestApplyGoesOnWithoutAWorker(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	f.host("linux-1").Fail = func(command string) error {
		if strings.Contains(command, "mkfs") {
			return errs.New(errs.Exhausted, "the disk of linux-1 is full").WithRemedy("free space")
		}
		return nil
	}
	f.host("linux-2").Refuses = errs.New(errs.Unauthenticated, "linux-2 does not let admin in")
	_, err := f.apply(t.Context())
	const want = `2 of 5 hosts failed:
  linux-2 (us-east-1b), connect: linux-2 does not let admin in
  linux-1 (us-east-1a), disk: format data volume vol-4: the disk of linux-1 is full`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	if got := len(f.membership()); got != 3 {
		t.Errorf("%d nodes are in the swarm", got)
	}
	f.host("linux-1").Fail, f.host("linux-2").Refuses = nil, nil
	f.mustApply(t)
	if diff := cmp.Diff(f.wanted(), f.membership()); diff != "" {
		t.Error(diff)
	}
}

func TestApplyNamesEveryHostThatFailsInOnePhase(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 4)
	for _, name := range []string{"linux-1", "linux-2", "linux-4"} {
		f.host(name).Fail = func(command string) error {
			if strings.Contains(command, "mkfs") {
				return errors.New("no luck on " + name)
			}
			return nil
		}
	}
	_, err := f.apply(t.Context())
	const want = `3 of 7 hosts failed:
  linux-1 (us-east-1a), disk: format data volume vol-4: no luck on linux-1
  linux-2 (us-east-1b), disk: format data volume vol-5: no luck on linux-2
  linux-4 (us-east-1a), disk: format data volume vol-7: no luck on linux-4`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	if got := len(f.membership()); got != 4 {
		t.Errorf("%d nodes are in the swarm", got)
	}
}

func TestApplyMakesNoSwarmWithoutAllManagers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	f.host("manager-3").Down = true
	_, err := f.apply(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no swarm is made while managers cannot be asked whether they are in one: manager-3") {
		t.Errorf("got %v", err)
	}
	if got := f.membership(); got != nil {
		t.Errorf("a swarm was made: %v", got)
	}
}

func TestApplyRefusesStrangeSwarms(t *testing.T) {
	t.Parallel()
	pods := netip.MustParsePrefix("10.64.0.0/13")
	for _, tt := range []struct {
		name  string
		setup func(f *fixture)
		text  string
	}{
		{"a worker in a swarm of its own", func(f *fixture) {
			f.mustApply2()
			f.replace("linux-1")
			f.fleet.NewSwarm(f.node("linux-1").InstanceID, pods)
		}, "manager-1 and linux-1 are managers of different swarms"},
		{"another pool", func(f *fixture) {
			f.mustApply2()
			f.doc.Network.Pods = "10.128.0.0/12"
		}, "gives its networks addresses from [10.64.0.0/13], the document says 10.128.0.0/13"},
		{"a locked manager", func(f *fixture) {
			f.mustApply2()
			f.host("manager-2").Locked = true
		}, "the swarm on manager-2 is locked"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 1)
			tt.setup(f)
			_, err := f.apply(t.Context())
			if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), tt.text) || len(errs.Remedies(err)) == 0 {
				t.Errorf("got %v, advises %q", err, errs.Remedies(err))
			}
		})
	}
}

// mustApply2 applies during a test's setup.
func (f *fixture) mustApply2() {
	if _, err := f.apply(context.Background()); err != nil {
		panic(err)
	}
}

func TestApplyLeavesTheOperatorsDrainAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 2)
	f.mustApply(t)
	ours, theirs := f.node("linux-1"), f.node("linux-2")
	// Slipway began to take linux-1 away, and was killed; then the document asked for it again.
	f.host("linux-1").Fail = func(command string) error { return errors.New("killed before " + command) }
	f.host("linux-1").Tasks = 1
	ctx, cancel := context.WithCancel(t.Context())
	r := f.rollout()
	r.Progress = obs.ProgressFunc(func(e obs.Event) {
		if e.Detail == "leaves the swarm" || e.Detail == "is removed from the swarm" {
			cancel()
		}
	})
	if err := r.Retire(ctx, f.inv, *ours); err == nil {
		t.Fatal("was not killed")
	}
	f.host("linux-1").Fail = nil
	f.fleet.Drain(theirs.InstanceID)
	f.mustApply(t)
	got := strings.Join(f.membership(), "\n")
	if !strings.Contains(got, "linux-1 worker active") || !strings.Contains(got, "linux-2 worker drain") {
		t.Errorf("membership:\n%s", got)
	}
}
