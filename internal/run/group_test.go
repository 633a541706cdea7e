package run_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/run"
)

func newGroup(cfg run.Config) *run.Group { return run.New(slog.New(slog.DiscardHandler), cfg) }

// recorder notes what tasks do, in order. Only tests inside one synctest bubble share it, so no two write at once
// unless the group's own order is broken.
type recorder struct{ events []string }

// task is ready after the wait and stops when it is told to.
func (r *recorder) task(name string, wait time.Duration) run.Task {
	return run.Task{Name: name, Run: func(ctx context.Context, ready func()) error {
		r.events = append(r.events, "start "+name)
		if err := run.Wait(ctx, wait); err != nil {
			return err
		}
		ready()
		<-ctx.Done()
		r.events = append(r.events, "stop "+name)
		return ctx.Err()
	}}
}

func TestGroupStartsInOrderAndStopsInReverse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		g := newGroup(run.Config{})
		g.Add(r.task("state", 3*time.Second))
		g.Add(r.task("server", time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.Run(ctx) }()

		time.Sleep(2 * time.Second)
		synctest.Wait()
		want := []run.Health{{Task: "state", State: run.StateStarting}, {Task: "server", State: run.StateWaiting}}
		if diff := cmp.Diff(want, g.Health()); diff != "" {
			t.Errorf("health after 2 s (-want +got):\n%s", diff)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		want = []run.Health{{Task: "state", State: run.StateReady}, {Task: "server", State: run.StateReady}}
		if diff := cmp.Diff(want, g.Health()); diff != "" {
			t.Errorf("health after 5 s (-want +got):\n%s", diff)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		if diff := cmp.Diff([]string{"start state", "start server", "stop server", "stop state"}, r.events); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestGroupFailure(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, fail := range map[string]func(ctx context.Context, ready func()) error{
		"before ready": func(context.Context, func()) error { return boom },
		"after ready": func(ctx context.Context, ready func()) error {
			ready()
			_ = run.Wait(ctx, time.Hour)
			return boom
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var r recorder
				g := newGroup(run.Config{})
				g.Add(r.task("first", 0))
				g.Add(run.Task{Name: "bad", Run: fail})
				err := g.Run(t.Context())
				if !errors.Is(err, boom) || !strings.Contains(err.Error(), "run task bad") {
					t.Errorf("Run = %v, want the failure of the task bad", err)
				}
				if diff := cmp.Diff([]string{"start first", "stop first"}, r.events); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if h := g.Health()[1]; h.State != run.StateFailed || h.Error != "boom" {
					t.Errorf("health of the failed task = %+v", h)
				}
			})
		})
	}
}

// TestGroupKeepsEveryFailure: neither a failure right at readiness nor one while it stops is lost.
func TestGroupKeepsEveryFailure(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for range 200 { // which of two events a select sees is chance
		g := newGroup(run.Config{})
		g.Add(run.Task{Name: "bad", Run: func(_ context.Context, ready func()) error {
			ready()
			return boom
		}})
		if err := g.Run(t.Context()); !errors.Is(err, boom) {
			t.Fatalf("Run = %v, want the failure right at readiness", err)
		}
	}
	g := newGroup(run.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	g.Add(run.Task{Name: "last words", Run: func(ctx context.Context, ready func()) error {
		ready()
		cancel()
		<-ctx.Done()
		return boom
	}})
	if err := g.Run(ctx); !errors.Is(err, boom) {
		t.Errorf("Run = %v, want the failure of the stop", err)
	}
}

func TestGroupRestarts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		g := newGroup(run.Config{})
		g.Add(run.Task{Name: "flaky", Restart: &run.Backoff{Min: time.Second, Max: time.Second}, Run: func(context.Context, func()) error {
			if attempts++; attempts < 3 {
				return errors.New("not yet")
			}
			return nil
		}})
		begin := time.Now()
		if err := g.Run(t.Context()); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		if waited := time.Since(begin); attempts != 3 || waited < 1500*time.Millisecond || waited > 2*time.Second {
			t.Errorf("%d attempts in %s, want 3 in two waits of nearly a second", attempts, waited)
		}
	})
}

func TestGroupStopsWhileRestarting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGroup(run.Config{})
		g.Add(run.Task{Name: "bad", Restart: &run.Backoff{Min: time.Hour}, Run: func(context.Context, func()) error { return errors.New("never") }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := g.Run(ctx); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}

func TestGroupDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		g := newGroup(run.Config{StopTimeout: 5 * time.Second})
		g.Add(run.Task{Name: "deaf", Run: func(_ context.Context, ready func()) error {
			ready()
			<-release
			return nil
		}})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.Run(ctx); err != nil {
			t.Errorf("Run with a context that is done = %v, want nil: nothing was started", err)
		}

		g = newGroup(run.Config{StopTimeout: 5 * time.Second})
		g.Add(run.Task{Name: "deaf", Run: func(_ context.Context, ready func()) error {
			ready()
			<-release
			return nil
		}})
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		err := g.Run(ctx)
		if err == nil || err.Error() != "the task deaf did not stop within 5s" {
			t.Errorf("Run = %v, want the name of the task that did not stop", err)
		}
		if took := time.Since(begin); took != 6*time.Second {
			t.Errorf("Run took %s, want 6s", took)
		}
	})
}
