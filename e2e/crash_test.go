//go:build e2e

package e2e

import (
	"bytes"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// second is a small cluster beside the main one, for what would take too long on five hosts.
const second = `version: v1
name: second
cloud: {provider: sandbox, zones: 1}
managers: {count: 1, type: m5.large}
`

// background starts slipway and returns it running, with what it writes.
func (w *world) background(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(binary, args...)
	var out bytes.Buffer
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = w.env, w.dir, &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // of a process that was waited for already it is an error, which is fine
	})
	return cmd, &out
}

// killAfter runs slipway and ends it by SIGKILL after the time, unless it has ended by itself, and reports which it was.
func (w *world) killAfter(t *testing.T, after time.Duration, args ...string) (killed bool) {
	t.Helper()
	cmd, out := w.background(t, args...)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return false
	case <-timer.C:
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		t.Logf("killed %s after %s: %v", strings.Join(args, " "), after.Round(time.Millisecond), <-ended)
		return true
	}
}

// crashes kills `up` and `destroy` of the second cluster at random points and runs them again until they come to their
// end; each ends with exactly what the document wants. The first cluster must not notice.
func (w *world) crashes(t *testing.T) {
	document := w.write(t, "second.yaml", second)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	mainBefore := w.tagged(t, "demo")
	for range 6 {
		limit := 20 * time.Second
		if !w.killAfter(t, time.Duration(random.Int64N(int64(limit))), "up", "--yes", "-f", document) {
			break
		}
	}
	w.must(t, "up", "--yes", "-f", document)
	w.want(t, 0, "status", "-f", document)
	w.want(t, 0, "plan", "-f", document)
	once := map[string]int{}
	for _, arn := range w.tagged(t, "second") {
		once[kindOf(arn)]++
	}
	for _, kind := range []string{"vpc", "internet-gateway", "subnet", "instance", "loadbalancer"} {
		if once[kind] != 1 {
			t.Errorf("the second cluster has %d of %s, want 1 (%v)", once[kind], kind, once)
		}
	}
	for range 4 {
		limit := 8 * time.Second
		if !w.killAfter(t, time.Duration(random.Int64N(int64(limit))), "destroy", "--yes", "-f", document) {
			break
		}
	}
	if r := w.run(t, "destroy", "--yes", "-f", document); r.code != 0 && r.code != 4 {
		t.Fatalf("%s", r.failure(0))
	}
	if left := w.tagged(t, "second"); len(left) > 0 {
		t.Errorf("left of the second cluster: %v", left)
	}
	if mainAfter := w.tagged(t, "demo"); strings.Join(mainBefore, " ") != strings.Join(mainAfter, " ") {
		t.Errorf("the first cluster was %v and is %v", mainBefore, mainAfter)
	}
	w.healthy(t)
}

// excludesOperators starts a second `up` while one works, then kills the first: the second is refused with the holder's
// name while that lives, and takes over when it is dead.
func (w *world) excludesOperators(t *testing.T) {
	document := w.write(t, "second.yaml", second)
	w.must(t, "sandbox", "set", "--latency", "aws", "--scale", "0.2")
	defer w.must(t, "sandbox", "set", "--latency", "fast", "--scale", "1")
	first, out := w.background(t, "up", "--yes", "--infra-only", "-f", document)
	within(t, time.Minute, "the first run holding the lease", func() bool {
		var found struct{ Parameters []struct{ Name string } }
		w.aws(t, &found, "ssm", "get-parameters-by-path", "--path", "/slipway/second/lease")
		return len(found.Parameters) > 0
	})
	r := w.want(t, 5, "up", "--yes", "--infra-only", "-f", document)
	if !strings.Contains(r.stderr, "root@") {
		t.Errorf("the refusal does not name the holder:\n%s", r.stderr)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // killed: an error by design
	began := time.Now()
	w.must(t, "up", "--yes", "--infra-only", "-f", document)
	if took := time.Since(began); took > 3*time.Minute {
		t.Errorf("the take-over took %s; the first run said:\n%s", took, out)
	}
	w.must(t, "destroy", "--yes", "-f", document)
}

// sweepsKilledRun kills a sandbox that hangs on this test, as a killed test run would, and starts another.
func (w *world) sweepsKilledRun(t *testing.T, before machineState) {
	document := w.write(t, "second.yaml", second)
	cmd, out := w.background(t, "sandbox", "start", "--foreground")
	within(t, 30*time.Second, "a sandbox in the foreground", func() bool { return w.run(t, "sandbox", "status").code == 0 })
	w.cloud = nil // a new account
	w.must(t, "up", "--yes", "--infra-only", "-f", document)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed: an error by design
	within(t, 10*time.Second, "no process of the killed sandbox", func() bool {
		return strings.Join(namespacedProcesses(t), "\n") == strings.Join(before["processes in other namespaces"], "\n")
	})
	w.must(t, "sandbox", "start")
	w.must(t, "sandbox", "reset", "--yes")
	if left := before.difference(lookAtMachine(t)); left != "" {
		t.Errorf("the machine differs:\n%s\nthe killed sandbox said:\n%s", left, out)
	}
}
