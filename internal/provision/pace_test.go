package provision_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// TestNearTheCriticalPath: with AWS's own times, making a whole cluster takes as long as its longest chain of steps.
func TestNearTheCriticalPath(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{Latency: cloud.AWS})
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

// TestThen: the hosts are worked on while the load balancer is still being made, with the lease held, and without one
// where nothing was to be changed.
func TestThen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{Latency: cloud.AWS})
		r := &runs{}
		doc := load(t, small)
		ann, bob := newOperator(c, r, "ann"), newOperator(c, r, "bob")
		began := time.Now()
		plan, err := ann.Plan(t.Context(), doc)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ann.ApplyAnd(t.Context(), plan, func(ctx context.Context) error {
			if waited := time.Since(began); waited > time.Minute {
				t.Errorf("the hosts waited %v for the load balancer", waited)
			}
			for _, n := range []string{"manager-1", "linux-1"} {
				if n := node(t, ann, doc, n); n.State != "running" || n.PublicIP == "" {
					t.Errorf("work begins on %+v", n)
				}
			}
			if err := bob.Hold(ctx, doc.Name, func(context.Context) error { return nil }); !errs.Is(err, errs.Conflict) {
				t.Errorf("the lease is not held: %v", err)
			}
			return errs.New(errs.Unavailable, "no engine").WithRetry()
		})
		if err == nil || err.Error() != "nodes: no engine" {
			t.Errorf("error is %v", err)
		}
		if took := time.Since(began); took < 150*time.Second {
			t.Errorf("the failure of the hosts ended the work on the load balancer after %v", took)
		}

		c.ForgetCalls()
		if plan, err = ann.Plan(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
		done := false
		if _, err := ann.ApplyAnd(t.Context(), plan, func(context.Context) error { done = true; return nil }); err != nil || !done || len(c.Mutating()) > 0 {
			t.Errorf("without changes: done %t, error %v, calls %v", done, err, c.Mutating())
		}
	})
}

// TestVolumesHoldNothingUp: the volumes of all instances are looked for together while the rest of the cluster goes, and
// destroy ends when they are gone.
func TestVolumesHoldNothingUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const slow = time.Minute
		c := cloud.Start(t, cloud.Options{})
		o := newOperator(c, &runs{}, "ann")
		o.up(t.Context(), t, load(t, whole))

		var vpcGone time.Time
		terminating, looks := false, 0
		c.Interfere(func(call cloud.Call, _ int) cloud.Fault {
			switch call.Action {
			case "TerminateInstances":
				terminating = true
			case "DeleteVpc":
				vpcGone = time.Now()
			case "DescribeVolumes":
				if terminating {
					looks++
					return cloud.Fault{Before: func() { <-time.After(slow) }}
				}
			}
			return cloud.Fault{}
		})
		began := time.Now()
		o.destroy(t.Context(), t, "demo")
		if took := vpcGone.Sub(began); took > slow {
			t.Errorf("the VPC waited %v for volumes", took)
		}
		if took := time.Since(began); took < slow || looks != 1 {
			t.Errorf("destroy took %v and looked %d times for volumes, want one look of %v", took, looks, slow)
		}
	})
}
