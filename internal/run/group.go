package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
)

// Task is one thing that a process does for as long as it lives.
type Task struct {
	Name string
	// Run does the work until ctx is done, and calls ready once others may count on it. Returning nil earlier means
	// that the work is finished, and counts as ready. An error stops the group, unless Restart is set.
	Run func(ctx context.Context, ready func()) error
	// Restart makes an error restart the task after a wait, instead of stopping the group.
	Restart *Backoff
}

// Config of a Group.
type Config struct {
	// StopTimeout is how long all tasks together may take to stop. 0 means 10 s.
	StopTimeout time.Duration
}

// Group runs tasks. Add them all, then call Run once.
type Group struct {
	logger  *slog.Logger
	stop    time.Duration
	members []*member
}

// New returns an empty group.
func New(logger *slog.Logger, cfg Config) *Group {
	g := &Group{logger: logger, stop: cfg.StopTimeout}
	if g.stop <= 0 {
		g.stop = 10 * time.Second
	}
	return g
}

// Add adds a task, to be started after those added before it.
func (g *Group) Add(t Task) {
	g.members = append(g.members, &member{task: t, ready: make(chan struct{}), ended: make(chan struct{})})
}

// Run starts the tasks in order, each when the one before is ready, and returns when all have ended. They end when ctx
// is done or when one of them fails: then the last started is stopped first, and each only after those that were
// started after it. The error joins those of the tasks that failed, while they ran or as they stopped; it is nil when ctx
// was done and everything stopped in time.
func (g *Group) Run(ctx context.Context) error {
	failed := make(chan error, len(g.members))
	// Tasks are cancelled one by one, in reverse order, so they must not see the end of ctx by themselves.
	base := context.WithoutCancel(ctx)
	var started []*member
	var failures []error
	for _, m := range g.members {
		if ctx.Err() != nil || len(failures) > 0 {
			break
		}
		g.start(base, m, failed)
		started = append(started, m)
		select {
		case <-m.ready:
		case err := <-failed:
			failures = append(failures, err)
		case <-ctx.Done():
		}
	}
	if len(failures) == 0 && ctx.Err() == nil {
		select {
		case err := <-failed:
			failures = append(failures, err)
		case <-ctx.Done():
		case <-allEnded(started):
		}
	}
	stop := g.stopAll(started)
	for {
		select {
		case err := <-failed: // of a task that failed beside the first, or as it stopped
			failures = append(failures, err)
		default:
			return errors.Join(append(failures, stop)...)
		}
	}
}

// Health returns the state of every task, in the order in which they were added. It may be called at any time.
func (g *Group) Health() []Health {
	all := make([]Health, len(g.members))
	for i, m := range g.members {
		all[i] = m.health()
	}
	return all
}

func (g *Group) start(base context.Context, m *member, failed chan<- error) {
	ctx, cancel := context.WithCancel(base)
	m.cancel = cancel
	m.set(StateStarting, nil)
	go func() {
		defer close(m.ended)
		defer cancel()
		if err := g.keep(ctx, m); err != nil {
			failed <- err
		}
	}()
}

// keep runs the task, again and again where it may be restarted.
func (g *Group) keep(ctx context.Context, m *member) error {
	for attempt := 0; ; attempt++ {
		err := m.task.Run(ctx, m.markReady)
		switch {
		case ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())):
			m.set(StateEnded, nil)
			return nil
		case err == nil:
			m.markReady()
			m.set(StateEnded, nil)
			return nil
		case ctx.Err() != nil || m.task.Restart == nil:
			m.set(StateFailed, err)
			return fmt.Errorf("run task %s: %w", m.task.Name, err)
		}
		m.set(StateFailed, err)
		delay := m.task.Restart.Delay(attempt)
		g.logger.Warn("restarting failed task", "task", m.task.Name, "err", err, "delay", delay)
		if Wait(ctx, delay) != nil {
			return nil //nolint:nilerr // the group stops; the task's last error was logged
		}
		m.set(StateStarting, err)
	}
}

// stopAll stops the tasks, last first.
func (g *Group) stopAll(started []*member) error {
	deadline := time.NewTimer(g.stop)
	defer deadline.Stop()
	for i := len(started) - 1; i >= 0; i-- {
		m := started[i]
		m.cancel()
		select {
		case <-m.ended:
		case <-deadline.C:
			for _, other := range started[:i] {
				other.cancel()
			}
			return errs.New(errs.Internal, fmt.Sprintf("the task %s did not stop within %s", m.task.Name, g.stop))
		}
	}
	return nil
}

// allEnded returns a channel that is closed when every member has ended.
func allEnded(members []*member) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, m := range members {
			<-m.ended
		}
	}()
	return done
}

// member is a task with its state.
type member struct {
	task   Task
	cancel context.CancelFunc
	ready  chan struct{} // closed when the task was ready for the first time
	ended  chan struct{} // closed when the task's goroutine is gone
	once   sync.Once

	mu    sync.Mutex
	state State
	err   error
}

func (m *member) markReady() {
	m.once.Do(func() { close(m.ready) })
	m.set(StateReady, nil)
}

func (m *member) set(s State, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state, m.err = s, err
}

func (m *member) health() Health {
	m.mu.Lock()
	defer m.mu.Unlock()
	h := Health{Task: m.task.Name, State: m.state}
	if m.err != nil {
		h.Error = m.err.Error()
	}
	return h
}
