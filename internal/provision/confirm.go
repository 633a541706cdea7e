package provision

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/provision/graph"
	"github.com/slipway-project/slipway/internal/provision/resource"
	"github.com/slipway-project/slipway/internal/run"
)

// creations are what a run has made.
type creations struct {
	mu   sync.Mutex
	made []resource.Object
	last time.Time
}

// note notes that an object was made just now.
func (c *creations) note(o resource.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, o)
	c.last = time.Now()
}

// confirm waits until what a failed run has made is visible, as long as that may take: whoever runs the command again
// at once must not make it a second time. That it cannot tell is no failure of its own.
func (a *application) confirm(ctx context.Context) {
	a.mu.Lock()
	missing, until := slices.Clone(a.made), a.last.Add(a.window)
	a.mu.Unlock()
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
	defer cancel()
	var pace graph.Pace
	for began := time.Now(); len(missing) > 0 && ctx.Err() == nil; {
		found, _, err := discover(ctx, a.plan.cloud)
		if err != nil {
			return
		}
		missing = slices.DeleteFunc(missing, func(o resource.Object) bool {
			return found.Denied[o.Key.Kind()] != nil || slices.ContainsFunc(found.Objects, func(f resource.Object) bool { return f.ID == o.ID })
		})
		if len(missing) > 0 && run.Wait(ctx, pace.Next(time.Since(began))) != nil {
			return
		}
	}
}
