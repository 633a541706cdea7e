package watch

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-project/slipway/internal/provision/graph"
)

// clock loads things whose value is how many seconds have passed.
type clock struct {
	mu    sync.Mutex
	loads int
	start time.Time
	err   error
}

func (c *clock) load(context.Context) (map[string]int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loads++
	now := int(time.Since(c.start) / time.Second)
	return map[string]int{"a": now, "b": now}, c.err
}

func until(n int) func(int, bool) (bool, error) {
	return func(thing int, found bool) (bool, error) { return found && thing >= n, nil }
}

func TestManyWaitWithOneStreamOfLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &clock{start: time.Now()}
		g := New(graph.Pace{Least: time.Second}, c.load)
		var wait sync.WaitGroup
		for i := range 50 {
			wait.Go(func() {
				id := "a"
				if i%2 == 0 {
					id = "b"
				}
				if err := g.Wait(t.Context(), id, until(10)); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if c.loads != 10 {
			t.Errorf("%d looks, want 10", c.loads)
		}
		// Nobody waits any more: whoever comes later is served as well.
		if err := g.Wait(t.Context(), "a", until(12)); err != nil {
			t.Error(err)
		}
	})
}

// TestOneWhoLeavesEndsNobodysWait: the context of the first one may end with its own work, long before the others'.
func TestOneWhoLeavesEndsNobodysWait(t *testing.T) {
	t.Parallel()
	for name, stay := range map[string]int{"served": 1, "called off": 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := New(graph.Pace{Least: time.Second}, (&clock{start: time.Now()}).load)
				first, leave := context.WithTimeout(t.Context(), 2*time.Second)
				var wait sync.WaitGroup
				wait.Go(func() {
					_ = g.Wait(first, "a", until(stay)) // how it ends is the other test's
					leave()
				})
				synctest.Wait()
				wait.Go(func() {
					if err := g.Wait(t.Context(), "b", until(10)); err != nil {
						t.Errorf("who stays is told %v", err)
					}
				})
				wait.Wait()
			})
		})
	}
}

func TestWaitsEnd(t *testing.T) {
	t.Parallel()
	failed := errors.New("failed")
	tests := map[string]struct {
		load  error
		until func(int, bool) (bool, error)
		id    string
		want  error
	}{
		"by a failed look":        {failed, until(1), "a", failed},
		"by what it sees":         {nil, func(int, bool) (bool, error) { return false, failed }, "a", failed},
		"with the context":        {nil, until(1000), "a", context.DeadlineExceeded},
		"when the thing is gone":  {nil, func(_ int, found bool) (bool, error) { return !found, nil }, "nobody", nil},
		"though others wait more": {nil, until(2), "b", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				g := New(graph.Pace{}, (&clock{start: time.Now(), err: test.load}).load)
				if err := g.Wait(ctx, test.id, test.until); !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
				cancel()
			})
		})
	}
}
