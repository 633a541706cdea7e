package provision_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// TestNearTheCriticalPath: with AWS's own times, making a whole cluster takes as long as its longest chain of steps.
func TestNearTheCriticalPath(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{Latency: settings.AWS})
		o := newOperator(c, &runs{}, "ann")
		doc := load(t, whole)
		began := time.Now()
		plan, err := o.Plan(t.Context(), doc)
		if err != nil {
			t.Fatal(err)
		}
		planned := time.Since(began)
		result, err := o.Apply(t.Context(), plan)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("plan %v, apply %v, graph %v, critical path %v by %v, calls %d, mutating %d", planned, time.Since(began)-planned, result.Wall, result.Critical, result.Path, len(c.Calls()), len(c.Mutating()))
		if ratio := float64(result.Wall) / float64(result.Critical); ratio > 1.15 {
			t.Errorf("took %v, %.2f of the critical path %v (%v)", result.Wall, ratio, result.Critical, result.Path)
		}
		by := map[string]int{}
		for _, call := range c.Calls() {
			by[call.Action]++
		}
		t.Log(by)
	})
}
