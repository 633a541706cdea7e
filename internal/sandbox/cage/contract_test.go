//go:build linux

package cage_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/sandbox/image"
	"github.com/slipway-project/slipway/internal/sandbox/machine/machinetest"
)

func TestCageKeepsTheContract(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	machinetest.Run(t, r, machinetest.Options{
		Image: image.Debian12, PublicIP: r.public(1), Patience: patience,
		PowerOff: func(*testing.T, string) { r.turnOff(1, "sudo poweroff") },
		Kill: func(t *testing.T, host string) {
			if err := unix.Kill(initOf(t, r.cfg.ID, host), unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
		},
	})
}

// initOf finds the init of a host by its control group and by its number in its own namespace.
func initOf(t *testing.T, sandbox, host string) int {
	t.Helper()
	statuses, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range statuses {
		groups, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cgroup"))
		if err != nil || !strings.Contains(string(groups), "slipway-"+sandbox+"/"+host) {
			continue
		}
		status, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if numbers, ok := strings.CutPrefix(line, "NSpid:"); ok && strings.HasSuffix(strings.TrimSpace(numbers), "\t1") {
				if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
					return pid
				}
			}
		}
	}
	t.Fatalf("host %s has no init", host)
	return 0
}
