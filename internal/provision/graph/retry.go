package graph

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
)

// notYet marks an error that goes away when the world catches up.
type notYet struct {
	err    error
	what   string
	within time.Duration
}

func (e *notYet) Error() string { return e.err.Error() }
func (e *notYet) Unwrap() error { return e.err }

// NotYet marks an error that needs no more than time: something else must become visible, usable or removed first. what
// says what is waited for; after within (0 = the run's limit) the error is final.
func NotYet(err error, what string, within time.Duration) error {
	if err == nil {
		return nil
	}
	return &notYet{err: err, what: what, within: within}
}

// Limits bound how long a node is tried again.
type Limits struct {
	Attempts int           // of an error that is retryable
	NotYet   time.Duration // from the first error that says "not yet"
}

// The pace of trying again.
const (
	firstBackoff   = 200 * time.Millisecond
	longestBackoff = 10 * time.Second
)

// attempt calls do until it succeeds, fails for good, or the limits are reached. Waits do not hold what enter gave.
func attempt(ctx context.Context, limits Limits, enter func() (leave func(), err error), note func(string), do func() (string, error)) (string, error) {
	var began time.Time // of "not yet"
	var pace Pace
	for failures := 0; ; {
		leave, err := enter()
		if err != nil {
			return "", err
		}
		did, err := do()
		leave()
		if err == nil || ctx.Err() != nil {
			return did, err
		}
		var later *notYet
		delay := time.Duration(0)
		switch {
		case errors.As(err, &later):
			if began.IsZero() {
				began = time.Now()
			}
			if time.Since(began) >= cmp.Or(later.within, limits.NotYet) {
				return "", err
			}
			note("waits for " + later.what)
			delay = pace.Next(time.Since(began))
		case errs.Retryable(err):
			if failures++; failures >= limits.Attempts {
				return "", err
			}
			note("tries again: " + err.Error())
			most := min(firstBackoff<<min(failures, 10), longestBackoff)
			delay = most/2 + rand.N(most/2) //nolint:gosec // spreads load, keeps no secret
		default:
			return "", err
		}
		if err := Pause(ctx, delay); err != nil {
			return "", err
		}
	}
}

// Pause waits for d. It returns the context's error when that ends first.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Pace says when to look again at something that is waited for: often at first, then each time a tenth of what has
// passed, so that little is lost on short waits and few calls are made in long ones. The zero value looks after at
// most 5 s and at least 100 ms.
type Pace struct {
	Least, Most time.Duration
}

// Next returns how long to wait when so much has passed already.
func (p Pace) Next(passed time.Duration) time.Duration {
	least, most := p.Least, p.Most
	if least == 0 {
		least = 100 * time.Millisecond
	}
	if most == 0 {
		most = 5 * time.Second
	}
	return max(least, min(passed/10, most))
}
