package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/slipway-project/slipway/internal/obs"
)

// Options say how a graph is run.
type Options struct {
	Parallel int    // nodes at work at once; default 16
	Limits   Limits // default 8 attempts and 10 minutes
	// Grace is how long work that has begun may go on when the context ends, so that no answer of a call that changes
	// something is thrown away; default 5 s. What only waits ends at once.
	Grace    time.Duration
	Progress obs.Progress // default none
	Prefix   string       // before the nodes' IDs in events, for example infrastructure/
}

// Report says what a run took.
type Report struct {
	Wall time.Duration `json:"wall"`
	// Critical is the longest chain of needs, each node with the time it took once it had begun: what the run would
	// have taken with endless parallelism.
	Critical time.Duration `json:"critical"`
	// Path names the nodes of that chain, first to last.
	Path []string `json:"path"`
}

// span is when a node worked.
type span struct{ began, ended time.Time }

// outcome is how a node ended.
type outcome struct {
	id   string
	span span
	err  error
}

// Run does all nodes and returns when none works any more. A node that fails keeps what needs it from beginning and
// nothing else; the error joins all failures. When ctx ends no further node begins.
func Run(ctx context.Context, nodes []Node, o Options) (Report, error) {
	p, err := check(nodes)
	if err != nil {
		return Report{}, err
	}
	r := &runner{plan: p, options: o.filled(), done: make(chan outcome), missing: map[string]int{}, spans: map[string]span{}}
	r.slots.free = r.options.Parallel
	return r.run(ctx)
}

func (o Options) filled() Options {
	if o.Parallel <= 0 {
		o.Parallel = 16
	}
	if o.Limits.Attempts == 0 {
		o.Limits.Attempts = 8
	}
	if o.Limits.NotYet == 0 {
		o.Limits.NotYet = 10 * time.Minute
	}
	if o.Grace == 0 {
		o.Grace = 5 * time.Second
	}
	if o.Progress == nil {
		o.Progress = obs.NoProgress
	}
	return o
}

type runner struct {
	*plan
	options Options
	slots   slots
	done    chan outcome
	missing map[string]int // of each node, how many of its needs are not done
	spans   map[string]span
}

func (r *runner) run(ctx context.Context) (Report, error) {
	began := time.Now()
	var ready []string
	for _, id := range r.order {
		r.missing[id] = len(slices.Compact(slices.Sorted(slices.Values(r.nodes[id].Needs))))
		if r.missing[id] == 0 {
			ready = append(ready, id)
		} else {
			r.emit(id, obs.Event{State: obs.StepWaiting, WaitsFor: r.waitsFor(id)})
		}
	}
	var failures []error
	failed := map[string]bool{}
	for left := len(r.order); left > 0; {
		for _, id := range ready {
			go r.node(ctx, id)
		}
		ready = nil
		o := <-r.done
		left--
		r.spans[o.id] = o.span
		if o.err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", titleOf(r.nodes[o.id]), o.err))
			left -= r.skip(o.id, failed)
			continue
		}
		for _, next := range r.dependents[o.id] {
			if r.missing[next]--; r.missing[next] == 0 && !failed[next] {
				ready = append(ready, next)
			}
		}
	}
	report := r.report()
	report.Wall = time.Since(began)
	if err := ctx.Err(); err != nil {
		failures = append(slices.DeleteFunc(failures, func(f error) bool { return errors.Is(f, err) }), err)
	}
	return report, errors.Join(failures...)
}

// skip marks everything behind a failed node as skipped and returns how many nodes those are.
func (r *runner) skip(id string, failed map[string]bool) int {
	n := 0
	for _, next := range r.dependents[id] {
		if failed[next] {
			continue
		}
		failed[next] = true
		r.emit(next, obs.Event{State: obs.StepSkipped, Detail: "needs " + titleOf(r.nodes[id])})
		n += 1 + r.skip(next, failed)
	}
	return n
}

// node does one node and reports how it ended.
func (r *runner) node(ctx context.Context, id string) {
	n := r.nodes[id]
	o := outcome{id: id}
	note := func(detail string) { r.emit(id, obs.Event{State: obs.StepRunning, Detail: detail}) }
	enter := func() (func(), error) {
		leave := func() {}
		if err := ctx.Err(); err != nil {
			return leave, err
		}
		if !n.Waits {
			var err error
			if leave, err = r.slots.enter(ctx, r.tail[id]); err != nil {
				return leave, err
			}
		}
		if o.span.began.IsZero() {
			o.span.began = time.Now()
			r.emit(id, obs.Event{State: obs.StepRunning})
		}
		return leave, nil
	}
	limits := r.options.Limits
	if n.Once {
		limits = Limits{Attempts: 1, NotYet: time.Nanosecond}
	}
	working, stop := ctx, func() {}
	if !n.Waits {
		working, stop = outlast(ctx, r.options.Grace)
	}
	defer stop()
	did, err := attempt(ctx, limits, enter, note, func() (string, error) { return n.Do(working, note) })
	o.span.ended, o.err = time.Now(), err
	switch {
	case err == nil:
		r.emit(id, obs.Event{State: obs.StepDone, Detail: did})
	case o.span.began.IsZero():
		o.span.began = o.span.ended
		r.emit(id, obs.Event{State: obs.StepSkipped, Detail: "not begun"})
	default:
		r.emit(id, obs.Event{State: obs.StepFailed, Err: err})
	}
	r.done <- o
}

// outlast returns a context that ends a while after ctx, or with the function.
func outlast(ctx context.Context, grace time.Duration) (context.Context, func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var timer *time.Timer
	started := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer = time.AfterFunc(grace, cancel)
		close(started)
	})
	return longer, func() {
		if !stop() {
			<-started
			timer.Stop()
		}
		cancel()
	}
}

func (r *runner) waitsFor(id string) []string {
	steps := make([]string, 0, len(r.nodes[id].Needs))
	for _, need := range r.nodes[id].Needs {
		steps = append(steps, r.options.Prefix+need)
	}
	return steps
}

func (r *runner) emit(id string, e obs.Event) {
	n := r.nodes[id]
	e.Time, e.Step, e.Title, e.Expected = time.Now(), r.options.Prefix+id, titleOf(n), n.Takes
	r.options.Progress.Emit(e)
}

// report finds the longest chain among the nodes that ended.
func (r *runner) report() Report {
	ends := map[string]time.Duration{}
	before := map[string]string{}
	last := ""
	for _, id := range r.order {
		s, ok := r.spans[id]
		if !ok {
			continue
		}
		for _, need := range r.nodes[id].Needs {
			if ends[need] > ends[before[id]] {
				before[id] = need
			}
		}
		ends[id] = ends[before[id]] + s.ended.Sub(s.began)
		if last == "" || ends[id] > ends[last] {
			last = id
		}
	}
	report := Report{Critical: ends[last]}
	for id := last; id != ""; id = before[id] {
		report.Path = append(report.Path, id)
	}
	slices.Reverse(report.Path)
	return report
}
