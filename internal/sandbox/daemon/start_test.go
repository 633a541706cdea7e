package daemon_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/daemon"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
)

// TestEnsureRunning starts a real process; several callers at once get the same one.
func TestEnsureRunning(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Latency = settings.None
	pids := make([]int, 4)
	var all sync.WaitGroup
	for i := range pids {
		all.Go(func() {
			s, err := daemon.EnsureRunning(t.Context(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			pids[i] = s.PID
			if s.Settings.Latency != settings.None {
				t.Errorf("got latency %s", s.Settings.Latency)
			}
		})
	}
	all.Wait()
	for _, pid := range pids {
		if pid != pids[0] || pid == os.Getpid() {
			t.Errorf("got daemons %v", pids)
		}
	}
	if err := daemon.Stop(t.Context(), cfg, discard); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pids[0], 0); err == nil {
		// The process may be a zombie for a moment; the lock says that it does not run any more.
		if _, err := daemon.NewClient(cfg.RunDir).Status(t.Context()); !errs.Is(err, errs.Unavailable) {
			t.Errorf("the daemon still answers: %v", err)
		}
	}
	if err := daemon.Stop(t.Context(), cfg, discard); err != nil {
		t.Errorf("stop of a stopped sandbox: %v", err)
	}
}

// TestKilledDaemonIsReplaced: after SIGKILL the next one takes over sockets and state.
func TestKilledDaemonIsReplaced(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	first, err := daemon.EnsureRunning(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(first.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitGone(t, cfg)
	second, err := daemon.EnsureRunning(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = daemon.Stop(context.Background(), cfg, discard) })
	if second.PID == first.PID {
		t.Error("the killed daemon answers")
	}
	if again, _ := os.ReadFile(second.Credentials); string(again) != string(key) {
		t.Error("the credentials changed")
	}
	if err := daemon.Stop(t.Context(), cfg, discard); err != nil {
		t.Fatal(err)
	}
}

// waitGone returns when nothing holds the daemon's lock.
func waitGone(t *testing.T, cfg daemon.Config) {
	t.Helper()
	if err := daemon.WaitGone(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
}

// TestFailedStartIsReported: what the daemon refuses reaches who started it, with its kind.
func TestFailedStartIsReported(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Listen = "nowhere"
	_, err := daemon.EnsureRunning(t.Context(), cfg)
	if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("got %v, want invalid", err)
	}
}

func TestResetRemovesEverything(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	if _, err := daemon.EnsureRunning(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Reset(t.Context(), cfg, discard); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{cfg.StateDir, cfg.RunDir} {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", dir, err)
		}
	}
}
