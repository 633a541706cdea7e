// Package watch lets many goroutines wait for things of one kind with one stream of look-ups: what each of them asks
// for comes out of the same answer.
//
// It imports the graph's pace only. A Group is safe for concurrent use and runs a goroutine while somebody waits.
package watch

import (
	"context"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/provision/graph"
	"github.com/slipway-project/slipway/internal/run"
)

// Group is the things that are looked up together.
type Group[T any] struct {
	load func(ctx context.Context) (map[string]T, error)
	pace graph.Pace

	mu      sync.Mutex
	waiters map[*waiter[T]]bool
	stop    context.CancelFunc // ends the look-ups; nil while nobody waits
}

// New returns a group whose things load returns by their IDs, in the given pace.
func New[T any](pace graph.Pace, load func(ctx context.Context) (map[string]T, error)) *Group[T] {
	return &Group[T]{load: load, pace: pace, waiters: map[*waiter[T]]bool{}}
}

type waiter[T any] struct {
	id    string
	until func(T, bool) (bool, error)
	began time.Time
	ended chan error
}

// Wait returns when until says so of the thing with the ID, or with until's error, a failed look-up's, or ctx's. until
// is given whether the thing was found; it is called by one goroutine at a time. The look-ups go on for as long as
// anybody waits, whoever came first and leaves.
func (g *Group[T]) Wait(ctx context.Context, id string, until func(thing T, found bool) (bool, error)) error {
	w := &waiter[T]{id: id, until: until, began: time.Now(), ended: make(chan error, 1)}
	g.mu.Lock()
	g.waiters[w] = true
	if g.stop == nil {
		looking, stop := context.WithCancel(context.WithoutCancel(ctx))
		g.stop = stop
		go func() {
			defer stop()
			g.run(looking)
		}()
	}
	g.mu.Unlock()
	select {
	case err := <-w.ended:
		return err
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		if delete(g.waiters, w); len(g.waiters) == 0 {
			g.end()
		}
		return ctx.Err()
	}
}

// run looks things up until nobody waits.
func (g *Group[T]) run(ctx context.Context) {
	for {
		err := run.Wait(ctx, g.next())
		var things map[string]T
		if err == nil {
			things, err = g.load(ctx)
		}
		if !g.tell(ctx, things, err) {
			return
		}
	}
}

// next returns the pause before the next look, by the one who came last.
func (g *Group[T]) next() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	delay := g.pace.Next(time.Hour)
	for w := range g.waiters {
		delay = min(delay, g.pace.Next(time.Since(w.began)))
	}
	return delay
}

// tell gives everybody their thing and reports whether somebody still waits. Whoever comes when nobody does starts a run
// of their own, which the end of an older one does not touch.
func (g *Group[T]) tell(ctx context.Context, things map[string]T, err error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	for w := range g.waiters {
		done, failure := true, err
		if err == nil {
			thing, found := things[w.id]
			done, failure = w.until(thing, found)
		}
		if done || failure != nil {
			delete(g.waiters, w)
			w.ended <- failure
		}
	}
	if len(g.waiters) == 0 {
		g.end()
		return false
	}
	return true
}

// end ends the look-ups. The caller holds the lock, and nobody waits.
func (g *Group[T]) end() {
	if g.stop != nil {
		g.stop()
		g.stop = nil
	}
}
