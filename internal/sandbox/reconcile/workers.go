package reconcile

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/run"
)

// workers run actions, one at a time for each object, and hold back those that failed a moment ago.
type workers struct {
	logger *slog.Logger
	slots  chan struct{}
	done   chan struct{} // has a value when an action ended since it was last received from
	group  sync.WaitGroup

	mu       sync.Mutex
	running  map[string]bool
	failures map[string]failure
	doubt    bool // an action failed since it was last asked
}

// failure is how often an object's actions failed in a row, why the last one did, and when the next one may be tried.
type failure struct {
	count int
	err   error
	until time.Time
}

// backoff is between the tries of an action that fails.
var backoff = run.Backoff{Min: 500 * time.Millisecond, Max: 15 * time.Second} //nolint:gochecknoglobals // a constant

func newWorkers(logger *slog.Logger, parallel int) *workers {
	return &workers{
		logger: logger, slots: make(chan struct{}, parallel), done: make(chan struct{}, 1),
		running: map[string]bool{}, failures: map[string]failure{},
	}
}

// start runs the action in the background, unless one on the object runs already or failed too recently.
func (w *workers) start(ctx context.Context, a action) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.running[a.id] || time.Now().Before(w.failures[a.id].until) {
		return
	}
	w.running[a.id] = true
	w.group.Go(func() {
		var err error
		select {
		case w.slots <- struct{}{}:
			err = a.do(ctx)
			<-w.slots
		case <-ctx.Done():
			err = ctx.Err()
		}
		w.end(ctx, a, err)
	})
}

func (w *workers) end(ctx context.Context, a action, err error) {
	w.mu.Lock()
	delete(w.running, a.id)
	switch {
	case err == nil && a.boots: // the host may die at once: earlier failures are forgotten when it is seen alive
	case err == nil:
		delete(w.failures, a.id)
	default:
		f := w.failures[a.id]
		f.until = time.Now().Add(backoff.Delay(f.count))
		f.count++
		f.err = err
		w.failures[a.id] = f
		w.doubt = true
		if ctx.Err() == nil {
			w.logger.Warn("failed to act on machine, trying again", "action", a.what, "id", a.id, "attempt", f.count, "err", err)
		}
	}
	w.mu.Unlock()
	select {
	case w.done <- struct{}{}:
	default: // the loop has not looked at the last one yet
	}
}

// busy returns the objects that an action runs on.
func (w *workers) busy() map[string]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.running)
}

// failing returns the objects whose last action failed.
func (w *workers) failing() map[string]failure {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.failures)
}

// forget forgets an object's failures: what is wanted of it has changed.
func (w *workers) forget(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.failures, id)
}

// suspicious reports whether an action failed since it was last asked: the machine may not be what it was thought to be.
func (w *workers) suspicious() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	doubt := w.doubt
	w.doubt = false
	return doubt
}

// wait returns when no action runs.
func (w *workers) wait() { w.group.Wait() }
