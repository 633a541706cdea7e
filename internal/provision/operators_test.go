package provision_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision"
	"github.com/slipway-project/slipway/internal/provision/lease"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// TestTwoOperators start together: one works, the other is told who does and changes nothing.
func TestTwoOperators(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{Latency: cloud.AWS})
		r := &runs{}
		doc := load(t, small)
		ann, bob := newOperator(c, r, "ann@desk"), newOperator(c, r, "bob@lab")

		done := make(chan error)
		go func() {
			_, err := ann.tryUp(t.Context(), doc)
			done <- err
		}()
		<-time.After(5 * time.Second) // ann is at work
		began := time.Now()
		_, err := bob.tryUp(t.Context(), doc)
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "ann@desk") {
			t.Errorf("bob is told %v, want a conflict that names ann", err)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("bob had to wait %v", took)
		}
		if err := <-done; err != nil {
			t.Errorf("ann failed: %v", err)
		}
		wantNoChange(t.Context(), t, c, bob, doc)
	})
}

// TestAStalePlan: what another operator did between plan and apply is not done again, and what goes beyond the plan is not done.
func TestAStalePlan(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		ann, bob := newOperator(c, r, "ann"), newOperator(c, r, "bob")
		plan, err := bob.Plan(t.Context(), load(t, small))
		if err != nil {
			t.Fatal(err)
		}
		ann.up(t.Context(), t, load(t, small))
		c.ForgetCalls()
		if _, err := bob.Apply(t.Context(), plan); err != nil {
			t.Errorf("a plan that is done already: %v", err)
		}
		for _, call := range c.Mutating() {
			if call.Service != "ssm" {
				t.Errorf("a plan that is done already calls %s", call.Action)
			}
		}

		bigger := small
		bigger.workers = 2
		plan, err = bob.Plan(t.Context(), load(t, bigger))
		if err != nil {
			t.Fatal(err)
		}
		ann.up(t.Context(), t, load(t, shape{zones: 1, managers: 1, workers: 3}))
		_, err = bob.Apply(t.Context(), plan)
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "delete instance/linux-3") {
			t.Errorf("a plan that would now remove a node: %v", err)
		}
	})
}

// TestTakingOverWhereNothingIsKnown: from another machine a dead holder is overtaken after a minute without a sign of life.
func TestTakingOverWhereNothingIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		doc := load(t, small)
		kill(t, c, r, 5, func(ctx context.Context, o operator) error {
			_, err := o.tryUp(ctx, doc)
			return err
		})
		bob := operatorWith(c, provision.Config{Holder: r.next("bob"), Alive: func(lease.Holder) (alive, known bool) { return false, false }})
		began := time.Now()
		bob.up(t.Context(), t, doc)
		if took := time.Since(began); took < 40*time.Second || took > 80*time.Second {
			t.Errorf("took %v, want about a minute", took)
		}
		wantNoChange(t.Context(), t, c, bob, doc)
	})
}

// TestADeadLeaseIsCleanedUp: a run that dies just before it gives the lease back leaves nothing but the lease, and the
// next run removes that.
func TestADeadLeaseIsCleanedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		doc := load(t, small)
		newOperator(c, r, "ann").up(t.Context(), t, doc)
		before := c.Resources()

		bigger := small
		bigger.workers = 2
		kill(t, c, r, 1, func(ctx context.Context, o operator) error { // the lease itself
			_, err := o.tryUp(ctx, load(t, bigger))
			return err
		})
		if cloud.Diff(before, c.Resources()) == "" {
			t.Fatal("the dead run left no lease: this test tests nothing")
		}
		newOperator(c, r, "ann").up(t.Context(), t, doc)
		if diff := cloud.Diff(before, c.Resources()); diff != "" {
			t.Errorf("the lease is not cleaned up:\n%s", diff)
		}
	})
}
