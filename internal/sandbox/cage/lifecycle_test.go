//go:build linux

package cage_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/cage"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/vpcnet"
)

// The tests of this file compare what is on the whole machine with what was before, as far as it can be told which
// sandbox something is of: for that each has a range of its own. They do not need the rest to hold still.

// traces lists all that a sandbox has on the machine, except in its own directories.
func traces(t *testing.T, cfg cage.Config) []string {
	t.Helper()
	var found []string
	if _, err := netlink.LinkByName(vpcnet.MachineLink(cfg.ID)); err == nil {
		found = append(found, "link "+vpcnet.MachineLink(cfg.ID))
	}
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range routes {
		if route.Dst != nil && route.Dst.String() == cfg.PublicRange.String() {
			found = append(found, fmt.Sprintf("route %s of type %d", route.Dst, route.Type))
		}
	}
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/slipway-" + cfg.ID)
	found = append(found, groups...)
	backing, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, path := range backing {
		if file, err := os.ReadFile(path); err == nil && strings.HasPrefix(string(file), cfg.StateDir) {
			found = append(found, "loop device of "+strings.TrimSpace(string(file)))
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, cfg.RunDir) || strings.Contains(line, cfg.StateDir) {
			found = append(found, "mount "+line)
		}
	}
	return append(found, processes(cfg)...)
}

// processes lists those in the sandbox's control groups.
func processes(cfg cage.Config) []string { return processesOf(cfg.ID, "") }

// processesOf lists those in the control groups of one member of a sandbox, or of all.
func processesOf(sandbox, member string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "/slipway-"+sandbox+"/"+member) {
			found = append(found, "process "+filepath.Base(filepath.Dir(file)))
		}
	}
	return found
}

// busy boots a host in a new rig, so that there is much to leave behind.
func busy(t *testing.T, configure ...func(*cage.Config)) *rig {
	t.Helper()
	r := newRig(t, configure...)
	r.endpoint(1)
	r.apply()
	r.boot(1)
	r.cfg.PublicRange = r.PublicRange()
	if len(traces(t, r.cfg)) < 5 {
		t.Fatalf("traces find little of what there must be: %v", traces(t, r.cfg))
	}
	return r
}

func TestDestroyLeavesNothing(t *testing.T) {
	r := busy(t, ownRange)
	if err := r.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, r.cfg); len(left) > 0 {
		t.Errorf("left on the machine: %q", left)
	}
	if entries, _ := os.ReadDir(r.cfg.RunDir); len(entries) > 1 { // the stub's metadata.sock is there
		t.Errorf("left in the run directory: %v", entries)
	}
}

func TestFailedStartLeavesNothing(t *testing.T) {
	needCage(t)
	cfg := newConfig(t)
	t.Setenv("PATH", t.TempDir()) // without nft, the holder fails half-way
	if _, err := cage.Start(t.Context(), cfg); err == nil {
		t.Fatal("a cage without nft was started")
	}
	if left := traces(t, cfg); len(left) > 0 {
		t.Errorf("left on the machine: %q", left)
	}
	if entries, err := os.ReadDir(cfg.RunDir); err != nil || len(entries) > 0 {
		t.Errorf("left in the run directory: %v, %v", entries, err)
	}
	if _, err := cage.Adopt(t.Context(), cfg); !errs.Is(err, errs.NotFound) {
		t.Errorf("adopting what did not start: %v, want NotFound", err)
	}
}

func TestKilledHolderTakesAllWithIt(t *testing.T) {
	r := busy(t, ownRange)
	killed := time.Now()
	signalHolder(t, r.cfg, unix.SIGKILL)
	<-r.Done()
	// All but what lives in the file systems of the kernel is gone at once.
	until(t, "things of the cage are still there", func() bool {
		return !slices.ContainsFunc(traces(t, r.cfg), func(trace string) bool {
			return !strings.HasPrefix(trace, "/sys/fs/cgroup") && !strings.Contains(trace, fmt.Sprintf("of type %d", unix.RTN_UNREACHABLE))
		})
	})
	if took := time.Since(killed); took > 5*time.Second {
		t.Errorf("the cage took %v to vanish", took)
	}
	// What is unreachable must not leave the machine meanwhile: the backstop stands.
	if !slices.Contains(traces(t, r.cfg), fmt.Sprintf("route %s of type %d", r.PublicRange(), unix.RTN_UNREACHABLE)) {
		t.Errorf("no backstop route among: %q", traces(t, r.cfg))
	}
	if _, err := r.Status(t.Context()); !errs.Is(err, errs.Unavailable) {
		t.Errorf("status of a dead cage: %v, want Unavailable", err)
	}

	// Another sandbox's sweep is enough.
	other := r.cfg
	other.ID += "x"
	if err := cage.Sweep(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, r.cfg); len(left) > 0 {
		t.Errorf("left after the sweep: %q", left)
	}

	// The next cage of the same name begins where the last one ended: without hosts, with its volumes.
	again, err := cage.Start(t.Context(), r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.Cage = again
	r.apply()
	status, err := r.Status(t.Context())
	if diff := cmp.Diff(machine.Status{Hosts: []machine.HostStatus{}}, status); diff != "" || err != nil {
		t.Errorf("status of the next cage: %v\n%s", err, diff)
	}
	r.boot(1)
	if err := again.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// signalHolder sends a signal to the working half of a holder: a kill is as a crash would be.
func signalHolder(t *testing.T, cfg cage.Config, signal unix.Signal) {
	t.Helper()
	procs, err := os.ReadFile(filepath.Join(anyHierarchy(t), "slipway-"+cfg.ID, "holder", "cgroup.procs"))
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(procs))
	if len(pids) == 0 {
		t.Fatal("the holder has no process")
	}
	pid, err := strconv.Atoi(pids[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}

func anyHierarchy(t *testing.T) string {
	t.Helper()
	for _, dir := range []string{"/sys/fs/cgroup/memory", "/sys/fs/cgroup"} {
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil {
			return dir
		}
	}
	t.Fatal("no cgroup hierarchy found")
	return ""
}

func TestSecondStartAdoptsTheHolder(t *testing.T) {
	r := busy(t, ownRange)
	again, err := cage.Start(t.Context(), r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	status, err := again.Status(t.Context())
	if want := []machine.HostStatus{{ID: "i-1", Running: true}}; err != nil || !slices.Equal(status.Hosts, want) {
		t.Errorf("hosts of the adopted cage: %v, %v; want %v", status.Hosts, err, want)
	}
	other := r.cfg
	other.PublicRange = netip.MustParsePrefix("198.19.224.0/20")
	if _, err := cage.Start(t.Context(), other); !errs.Is(err, errs.Conflict) {
		t.Errorf("adopting with another range: %v, want Conflict", err)
	}
	if err := again.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-r.Done()
}

func TestHolderThatDoesNotAnswerCanBeEnded(t *testing.T) {
	r := newRig(t, ownRange)
	signalHolder(t, r.cfg, unix.SIGSTOP)
	if _, err := cage.Start(t.Context(), r.cfg); err == nil {
		t.Error("a holder that does not answer was adopted to work with")
	}
	c, err := cage.Adopt(t.Context(), r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, r.cfg); len(left) > 0 {
		t.Errorf("left on the machine: %q", left)
	}
}

func TestSandboxesLiveSideBySide(t *testing.T) {
	one, two := busy(t), busy(t)
	if one.PublicRange().Overlaps(two.PublicRange()) {
		t.Fatalf("ranges %s and %s overlap", one.PublicRange(), two.PublicRange())
	}
	if err := one.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	two.run(1, "true")
}

func TestDeathOfTheParentIsTheCages(t *testing.T) {
	needCage(t)
	cfg := newConfig(t)
	ownRange(&cfg)
	cfg.Logger = nil
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0], "sandbox", "parent", string(text))
	parent.Stderr = os.Stderr
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil { // the cage is there
		t.Fatal(err)
	}
	if len(traces(t, cfg)) == 0 {
		t.Fatal("no cage was started")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	until(t, "the cage outlives its parent", func() bool {
		return len(processes(cfg)) == 0 && !slices.Contains(traces(t, cfg), "link "+vpcnet.MachineLink(cfg.ID))
	})
	if err := cage.Sweep(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if left := traces(t, cfg); len(left) > 0 {
		t.Errorf("left on the machine: %q", left)
	}
}

func TestStartThatIsKilledAtAnyPointLeavesNothing(t *testing.T) {
	needCage(t)
	for after := time.Duration(0); after <= 300*time.Millisecond; after += 20 * time.Millisecond {
		cfg := newConfig(t)
		ownRange(&cfg)
		cfg.Logger = nil
		text, err := json.Marshal(cfg)
		if err != nil {
			t.Fatal(err)
		}
		parent := exec.Command(os.Args[0], "sandbox", "parent", string(text))
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(after)
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = parent.Wait() // it was killed
		// The sweep waits for a holder that still starts; one that was ready meanwhile ends by its lifeline.
		if err := cage.Sweep(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		until(t, "the cage outlives its parent", func() bool { return len(processes(cfg)) == 0 })
		until(t, "the link outlives its cage", func() bool { return !slices.Contains(traces(t, cfg), "link "+vpcnet.MachineLink(cfg.ID)) })
		if err := cage.Sweep(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		if left := traces(t, cfg); len(left) > 0 {
			t.Errorf("killed after %v, left on the machine: %q", after, left)
		}
	}
}

// parent is a process that starts a cage with a lifeline and waits to be killed.
func parent(text string) error {
	var cfg cage.Config
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return err
	}
	c, err := cage.Start(context.Background(), cfg)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, c.PublicRange())
	<-c.Done()
	return fmt.Errorf("the cage ended by itself")
}

func TestMachineKeepsItsSettings(t *testing.T) {
	settings := func() map[string]string {
		all := map[string]string{}
		for _, name := range []string{"net/ipv4/ip_forward", "net/ipv4/conf/all/rp_filter", "kernel/hostname", "fs/inotify/max_user_instances", "kernel/panic"} {
			text, err := os.ReadFile("/proc/sys/" + name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = string(text)
		}
		rules, err := exec.Command("nft", "list", "ruleset").Output()
		if err != nil {
			t.Fatal(err)
		}
		all["nft"] = string(rules)
		return all
	}
	before := settings()
	r := busy(t)
	if diff := cmp.Diff(before, settings()); diff != "" {
		t.Errorf("a running sandbox changed the machine:\n%s", diff)
	}
	if err := r.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, settings()); diff != "" {
		t.Errorf("a sandbox that ran changed the machine:\n%s", diff)
	}
}
