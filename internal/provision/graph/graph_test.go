package graph

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/obs"
)

// trace notes when nodes begin and end, in the time of the bubble.
type trace struct {
	mu      sync.Mutex
	start   time.Time
	spans   map[string][2]time.Duration
	working int
	most    int
}

func newTrace() *trace { return &trace{start: time.Now(), spans: map[string][2]time.Duration{}} }

// work returns a node's Do that takes d and fails with err.
func (tr *trace) work(id string, d time.Duration, err error) func(context.Context, func(string)) (string, error) {
	return func(ctx context.Context, _ func(string)) (string, error) {
		began := time.Since(tr.start)
		tr.enter(1)
		defer tr.enter(-1)
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return "", ctx.Err()
		}
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.spans[id] = [2]time.Duration{began, time.Since(tr.start)}
		return "", err
	}
}

func (tr *trace) enter(n int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.working += n
	tr.most = max(tr.most, tr.working)
}

func (tr *trace) node(id string, d time.Duration, needs ...string) Node {
	return Node{ID: id, Needs: needs, Takes: d, Do: tr.work(id, d, nil)}
}

func TestEveryNodeBeginsWhenItsNeedsAreDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newTrace()
		// A wave executor would hold d until c is done.
		report, err := Run(t.Context(), []Node{
			tr.node("a", time.Second), tr.node("b", time.Second, "a"), tr.node("c", 10*time.Second), tr.node("d", 5*time.Second, "b"), tr.node("e", time.Second, "c", "d"),
		}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][2]time.Duration{
			"a": {0, time.Second}, "b": {time.Second, 2 * time.Second}, "c": {0, 10 * time.Second},
			"d": {2 * time.Second, 7 * time.Second}, "e": {10 * time.Second, 11 * time.Second},
		}
		if diff := cmp.Diff(want, tr.spans); diff != "" {
			t.Errorf("spans (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(Report{Wall: 11 * time.Second, Critical: 11 * time.Second, Path: []string{"c", "e"}}, report); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
	})
}

func TestParallelismIsBoundedAndTheLongestPathComesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newTrace()
		nodes := []Node{
			tr.node("short-1", time.Second), tr.node("short-2", time.Second), tr.node("short-3", time.Second), tr.node("short-4", time.Second),
			tr.node("first", time.Second), tr.node("last", 10*time.Second, "first"),
			{ID: "gate", Do: tr.work("gate", time.Second, nil)},
		}
		for i := range nodes[:5] {
			nodes[i].Needs = append(nodes[i].Needs, "gate") // so that all of them queue at one moment
		}
		report, err := Run(t.Context(), nodes, Options{Parallel: 2})
		if err != nil {
			t.Fatal(err)
		}
		if tr.most != 2 {
			t.Errorf("%d nodes worked at once, want 2", tr.most)
		}
		// However the queue was entered, what has the long path behind it waits for one round at most.
		if report.Wall > 13*time.Second {
			t.Errorf("took %v: the longest path did not come first", report.Wall)
		}
		if report.Critical != 12*time.Second {
			t.Errorf("critical path is %v, want 12s", report.Critical)
		}
	})
}

func TestWaitsTakeNoSlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newTrace()
		nodes := []Node{tr.node("work", time.Second)}
		for _, id := range []string{"wait-1", "wait-2", "wait-3"} {
			n := tr.node(id, time.Minute)
			n.Waits = true
			nodes = append(nodes, n)
		}
		report, err := Run(t.Context(), nodes, Options{Parallel: 1})
		if err != nil || report.Wall != time.Minute {
			t.Errorf("took %v (%v), want 1m0s", report.Wall, err)
		}
	})
}

func TestFailureStopsOnlyWhatNeedsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newTrace()
		states := map[string]obs.StepState{}
		var mu sync.Mutex
		nodes := []Node{
			{ID: "bad", Do: tr.work("bad", time.Second, errs.New(errs.Forbidden, "no permission"))},
			{ID: "worse", Do: tr.work("worse", 2*time.Second, errs.New(errs.Exhausted, "no room"))},
			tr.node("behind", time.Second, "bad"), tr.node("far-behind", time.Second, "behind", "worse"),
			tr.node("other", 3*time.Second), tr.node("other-end", time.Second, "other"),
		}
		_, err := Run(t.Context(), nodes, Options{Prefix: "p/", Progress: obs.ProgressFunc(func(e obs.Event) {
			mu.Lock()
			defer mu.Unlock()
			states[e.Step] = e.State
		})})
		if got := err.Error(); got != "bad: no permission\nworse: no room" {
			t.Errorf("error is %q", got)
		}
		want := map[string]obs.StepState{
			"p/bad": obs.StepFailed, "p/worse": obs.StepFailed, "p/behind": obs.StepSkipped, "p/far-behind": obs.StepSkipped,
			"p/other": obs.StepDone, "p/other-end": obs.StepDone,
		}
		if diff := cmp.Diff(want, states); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
	})
}

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	temporary := errs.New(errs.Unavailable, "busy").WithRetry()
	tests := map[string]struct {
		errs   []error // of the attempts, in turn; then success
		want   string  // the error, or nothing
		within time.Duration
		least  time.Duration
	}{
		"retried with a backoff":     {errs: []error{temporary, temporary, temporary}, within: 2 * time.Second, least: 500 * time.Millisecond},
		"given up after the limit":   {errs: repeat(temporary, 20), want: "n: busy", within: 30 * time.Second},
		"not yet is waited for":      {errs: repeat(NotYet(errs.New(errs.Conflict, "in use"), "the instance", 0), 30), within: 2 * time.Minute, least: 5 * time.Second},
		"not yet has an end":         {errs: repeat(NotYet(errs.New(errs.Conflict, "in use"), "the instance", 10*time.Second), 1000), want: "n: in use", within: 12 * time.Second},
		"what is denied is final":    {errs: []error{errs.New(errs.Forbidden, "denied")}, want: "n: denied"},
		"an unknown error is final":  {errs: []error{errors.New("what")}, want: "n: what"},
		"one of each, then it works": {errs: []error{temporary, NotYet(errors.New("x"), "y", 0), temporary}, within: 2 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				attempt := 0
				report, err := Run(t.Context(), []Node{{ID: "n", Do: func(context.Context, func(string)) (string, error) {
					attempt++
					if attempt <= len(test.errs) {
						return "", test.errs[attempt-1]
					}
					return "", nil
				}}}, Options{})
				got := ""
				if err != nil {
					got = err.Error()
				}
				if got != test.want {
					t.Errorf("error is %q, want %q", got, test.want)
				}
				if report.Wall > test.within || report.Wall < test.least {
					t.Errorf("took %v, want %v to %v", report.Wall, test.least, test.within)
				}
			})
		})
	}
}

func repeat(err error, n int) []error {
	all := make([]error, n)
	for i := range all {
		all[i] = err
	}
	return all
}

// TestASlotIsFreeBetweenAttempts: a node that waits to be tried again keeps no other from working.
func TestASlotIsFreeBetweenAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ready := false
		_, err := Run(t.Context(), []Node{
			{ID: "waits", Takes: time.Hour, Do: func(context.Context, func(string)) (string, error) {
				if !ready {
					return "", NotYet(errors.New("not ready"), "the other", time.Minute)
				}
				return "", nil
			}},
			{ID: "other", Do: func(context.Context, func(string)) (string, error) {
				ready = true
				return "", nil
			}},
		}, Options{Parallel: 1})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestTheEndOfTheContextEndsTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		tr := newTrace()
		waits := tr.node("waits", time.Hour, "a")
		waits.Waits = true
		report, err := Run(ctx, []Node{
			tr.node("a", time.Second), tr.node("b", time.Hour, "a"), tr.node("short", 5*time.Second, "a"), waits, tr.node("c", time.Second, "b"), tr.node("d", time.Second, "short"),
		}, Options{Parallel: 2})
		if !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "c:") {
			t.Errorf("error is %v", err)
		}
		if report.Wall != 8*time.Second { // the context's 3 s and 5 s of grace
			t.Errorf("ended after %v", report.Wall)
		}
		want := map[string][2]time.Duration{"a": {0, time.Second}, "short": {time.Second, 6 * time.Second}}
		if diff := cmp.Diff(want, tr.spans); diff != "" {
			t.Errorf("done (-want +got):\n%s", diff)
		}
	})
}

func TestGraphsThatCannotRun(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context, func(string)) (string, error) { return "", nil }
	tests := map[string]struct {
		nodes []Node
		want  string
	}{
		"cycle":        {[]Node{{ID: "a", Needs: []string{"c"}}, {ID: "b", Needs: []string{"a"}}, {ID: "c", Needs: []string{"b"}}, {ID: "d"}}, "the graph has a cycle through a, b, c"},
		"unknown need": {[]Node{{ID: "a", Needs: []string{"x"}}}, "a needs x, which is not in the graph"},
		"double":       {[]Node{{ID: "a"}, {ID: "a"}}, "two nodes of the graph are called a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range test.nodes {
				test.nodes[i].Do = nothing
			}
			if _, err := Run(t.Context(), test.nodes, Options{}); err == nil || err.Error() != test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		pace         Pace
		passed, want time.Duration
	}{
		"often at first":         {Pace{}, 0, 100 * time.Millisecond},
		"a tenth of what passed": {Pace{}, 20 * time.Second, 2 * time.Second},
		"not too seldom":         {Pace{}, time.Hour, 5 * time.Second},
		"as asked":               {Pace{Least: time.Second}, 0, time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := test.pace.Next(test.passed); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
