//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain builds the binary as `make build` does.
func TestMain(m *testing.M) {
	code, err := withBinary(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func withBinary(m *testing.M) (int, error) {
	if os.Geteuid() != 0 {
		return 1, fmt.Errorf("the scenarios boot hosts, for which they must be root")
	}
	dir, err := os.MkdirTemp("", "slipway-e2e-bin-")
	if err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	// Another user must be able to run it, to be refused.
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	binary = filepath.Join(dir, "slipway")
	build := exec.Command("go", "build", "-o", binary, "../cmd/slipway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// TestScenarios tells the life of a sandbox: it is started, clusters come, change, break and go in it, and nothing of it
// is left on the machine. The scenarios share one cluster and run in this order; those that the others stand on end the
// test when they fail.
func TestScenarios(t *testing.T) {
	before := lookAtMachine(t)
	w := newWorld(t, "127.0.0.1:4671")
	t.Cleanup(func() { w.run(t, "sandbox", "reset", "--yes") })

	t.Run("bad input is refused before anything is there", w.refusesWithoutSandbox)
	essential(t, "the sandbox starts", w.startsSandbox)
	var empty map[string][]string
	essential(t, "the account is listed", func(t *testing.T) { empty = w.account(t) })
	essential(t, "up builds a healthy cluster", w.buildsCluster)
	t.Run("a second up changes nothing", w.changesNothing)
	t.Run("the stock aws CLI works", w.servesStockCLI)
	t.Run("the inventory is read by stock tools", w.printsInventory)
	t.Run("a service answers across zones", w.servesAcrossZones)
	t.Run("a rebooted host comes back", w.rebootsHost)
	t.Run("bad input changes nothing", w.refusesBadInput)
	t.Run("a full disk is named", w.namesFullDisk)
	t.Run("a host that refuses SSH is named", w.namesClosedSSH)
	t.Run("workers are added and removed", w.scalesWorkers)
	t.Run("a manager that is cut off is named", w.namesCutManager)
	t.Run("a manager that died is repaired", w.repairsDeadManager)
	t.Run("a manager that was terminated is replaced", w.replacesManager)
	t.Run("hosts survive the daemon", w.survivesDaemon)
	t.Run("a second cluster is crashed and converges", w.crashes)
	t.Run("two operators do not meet", w.excludesOperators)
	essential(t, "destroy leaves the account empty", func(t *testing.T) { w.destroys(t, empty) })
	t.Run("reset leaves the machine as it was", func(t *testing.T) {
		w.must(t, "sandbox", "reset", "--yes")
		if left := before.difference(lookAtMachine(t)); left != "" {
			t.Errorf("the machine differs:\n%s", left)
		}
	})
	t.Run("a killed sandbox leaves nothing after the next start", func(t *testing.T) { w.sweepsKilledRun(t, before) })
}

func essential(t *testing.T, name string, f func(*testing.T)) {
	t.Helper()
	if !t.Run(name, f) {
		t.FailNow()
	}
}
