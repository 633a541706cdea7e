// Package fleet does one thing on many hosts at once, with a limit, and groups what went wrong by host.
//
// It imports the base layer only. Its functions are safe for concurrent use; its values are not.
package fleet

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// Each calls do for every item, at most limit at once, and returns their errors in the items' order. It does not stop at the
// first failure: one host's trouble is no reason to leave the others half done. Items whose turn comes after the context ended get its error.
func Each[T any](ctx context.Context, limit int, items []T, do func(context.Context, T) error) []error {
	failures := make([]error, len(items))
	slots := make(chan struct{}, max(limit, 1))
	var all sync.WaitGroup
	for i, item := range items {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if err := ctx.Err(); err != nil {
			failures[i] = err
			continue
		}
		all.Go(func() {
			defer func() { <-slots }()
			failures[i] = do(ctx, item)
		})
	}
	all.Wait()
	return failures
}

// Failure is what went wrong on one host.
type Failure struct {
	Node  string
	Zone  string
	Phase string // what was being done: connect, disk, engine, ...
	Err   error
}

// Failures is what went wrong on some of a number of hosts. Its text has a line for each host.
type Failures struct {
	Total  int // hosts that were tried
	Failed []Failure
}

// Add notes a failure.
func (f *Failures) Add(failure Failure) { f.Failed = append(f.Failed, failure) }

// Err returns the failures as an error, nil if there are none. Of its kind is the first of them.
func (f *Failures) Err() error {
	if len(f.Failed) == 0 {
		return nil
	}
	return f
}

// Error says how many hosts failed, and then of each on a line of its own what failed.
func (f *Failures) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d hosts failed:", len(f.Failed), f.Total)
	for _, failure := range f.Failed {
		fmt.Fprintf(&b, "\n  %s", failure.Node)
		if failure.Zone != "" {
			fmt.Fprintf(&b, " (%s)", failure.Zone)
		}
		fmt.Fprintf(&b, ", %s: %s", failure.Phase, oneLine(failure.Err))
	}
	return b.String()
}

// Unwrap returns the errors, so that kinds and remedies are found in them.
func (f *Failures) Unwrap() []error {
	all := make([]error, len(f.Failed))
	for i, failure := range f.Failed {
		all[i] = failure.Err
	}
	return all
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}
