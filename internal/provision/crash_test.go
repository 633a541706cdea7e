package provision_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/provision"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// dieAt ends the caller when the mutating call n has acted: its answer is lost, and nothing that it may still try,
// cleaning up for example, reaches the cloud. It reports whether the caller came that far.
func dieAt(c *cloud.Cloud, n int, die context.CancelFunc) (reached func() bool) {
	dead := false // guarded by the cloud, which decides about one call at a time
	c.Interfere(func(_ cloud.Call, mutating int) cloud.Fault {
		if dead {
			return cloud.Fault{Err: cloud.Refusal("UnauthorizedOperation", 403, "the caller is dead")}
		}
		if mutating == n {
			dead = true
			return cloud.Fault{LoseReply: true, After: die}
		}
		return cloud.Fault{}
	})
	return func() bool {
		c.Interfere(nil)
		return dead
	}
}

// census counts what the account holds by kind, so that accounts with different IDs compare.
func census(c *cloud.Cloud) map[string]int {
	n := map[string]int{}
	for _, line := range c.Resources() {
		place, _, _ := strings.Cut(line, " ")
		kind, _, _ := strings.Cut(strings.TrimPrefix(line, place+" "), " ")
		n[place+" "+kind]++
	}
	return n
}

// mutatingCalls returns how many calls of a whole run change something, and what it leaves.
func mutatingCalls(t *testing.T, run func(c *cloud.Cloud, o operator)) (int, map[string]int) {
	t.Helper()
	calls, left := 0, map[string]int{}
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		run(c, newOperator(c, &runs{}, "ann"))
		calls, left = len(c.Mutating()), census(c)
	})
	return calls, left
}

// lag is for how long lists are behind what was done.
const lag = 2 * time.Second

// lagging starts a cloud whose lists lag behind.
func lagging(t *testing.T) *cloud.Cloud {
	t.Helper()
	c := cloud.Start(t, cloud.Options{})
	c.LagBehind(t, lag)
	return c
}

// settle lets lists catch up: only a run that died or failed is followed by another at once.
func settle() { <-time.After(lag) }

// TestKilledUp kills an up after every call that changes something, and runs it again: it converges, with no duplicate
// and no orphan, and destroy then leaves nothing.
func TestKilledUp(t *testing.T) {
	t.Parallel()
	total, whole := mutatingCalls(t, func(_ *cloud.Cloud, o operator) { o.up(context.Background(), t, load(t, small)) })
	for n := 1; n <= total; n++ {
		t.Run(fmt.Sprintf("after call %d", n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := lagging(t)
				before := c.Resources()
				r := &runs{}
				doc := load(t, small)

				kill(t, c, r, n, func(ctx context.Context, o operator) error {
					_, err := o.tryUp(ctx, doc)
					return err
				})
				newOperator(c, r, "ann").up(t.Context(), t, doc)
				settle()
				if diff := cmp.Diff(whole, census(c)); diff != "" {
					t.Errorf("the account after the second run (-want +got):\n%s", diff)
				}
				wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), doc)

				newOperator(c, r, "ann").destroy(t.Context(), t, doc.Name)
				if diff := cloud.Diff(before, c.Resources()); diff != "" {
					t.Errorf("destroy left or took something:\n%s", diff)
				}
			})
		})
	}
}

// kill runs an operator's command until it dies after the mutating call n.
func kill(t *testing.T, c *cloud.Cloud, r *runs, n int, run func(context.Context, operator) error) {
	t.Helper()
	ctx, die := context.WithCancel(t.Context())
	defer die()
	holder := r.next("ann")
	o := operatorWith(c, provision.Config{Holder: holder, Alive: r.alive})
	reached := dieAt(c, n, die)
	err := run(ctx, o)
	if reached() && err == nil {
		t.Errorf("the command was killed after call %d and succeeded", n)
	}
	r.kill(holder)
}

// TestKilledDestroy does the same with destroy.
func TestKilledDestroy(t *testing.T) {
	t.Parallel()
	total, _ := mutatingCalls(t, func(c *cloud.Cloud, o operator) {
		o.up(context.Background(), t, load(t, small))
		c.ForgetCalls()
		o.destroy(context.Background(), t, "demo")
	})
	for n := 1; n <= total; n++ {
		t.Run(fmt.Sprintf("after call %d", n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := lagging(t)
				before := c.Resources()
				r := &runs{}
				newOperator(c, r, "ann").up(t.Context(), t, load(t, small))
				settle()

				kill(t, c, r, n, func(ctx context.Context, o operator) error { return o.tryDestroy(ctx, "demo") })
				newOperator(c, r, "ann").destroy(t.Context(), t, "demo")
				if diff := cloud.Diff(before, c.Resources()); diff != "" {
					t.Errorf("destroy left or took something:\n%s", diff)
				}
			})
		})
	}
}

// TestLostReplies loses the answer of every call that changes something, one in each run, while the caller lives: up
// goes on by itself, makes nothing twice, and a destroy that loses answers likewise.
func TestLostReplies(t *testing.T) {
	t.Parallel()
	total, whole := mutatingCalls(t, func(_ *cloud.Cloud, o operator) { o.up(context.Background(), t, load(t, small)) })
	for n := 1; n <= total; n++ {
		t.Run(fmt.Sprintf("of call %d", n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := lagging(t)
				before := c.Resources()
				r := &runs{}
				doc := load(t, small)
				c.LoseMutating(n)
				newOperator(c, r, "ann").up(t.Context(), t, doc)
				c.Interfere(nil)
				settle()
				if diff := cmp.Diff(whole, census(c)); diff != "" {
					t.Errorf("the account (-want +got):\n%s", diff)
				}
				wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), doc)

				c.LoseMutating(n)
				newOperator(c, r, "ann").destroy(t.Context(), t, doc.Name)
				if diff := cloud.Diff(before, c.Resources()); diff != "" {
					t.Errorf("destroy left or took something:\n%s", diff)
				}
			})
		})
	}
}

// TestThrottled: an account that refuses every third call slows the work down and stops nothing.
func TestThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{Latency: cloud.AWS})
		before := c.Resources()
		r := &runs{}
		doc := load(t, whole)
		c.Throttle(3)
		newOperator(c, r, "ann").up(t.Context(), t, doc)
		c.Interfere(nil)
		wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), doc)
		c.Throttle(3)
		newOperator(c, r, "ann").destroy(t.Context(), t, doc.Name)
		if diff := cloud.Diff(before, c.Resources()); diff != "" {
			t.Errorf("destroy left or took something:\n%s", diff)
		}
	})
}

// TestCensus guards the counting that the other tests stand on.
func TestCensus(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		newOperator(c, &runs{}, "ann").up(t.Context(), t, load(t, small))
		got := census(c)
		for _, kind := range []string{"vpc", "subnet", "internet-gateway", "security-group", "key-pair", "instance", "load-balancer", "target-group", "listener"} {
			if got[region+" "+kind] == 0 {
				t.Errorf("counts no %s: %v", kind, got)
			}
		}
		if lines := c.Resources(); !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "global ") }) {
			t.Errorf("counts nothing of IAM: %v", lines)
		}
	})
}
