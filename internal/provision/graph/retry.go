package graph

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/run"
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
			delay = run.Backoff{Min: 200 * time.Millisecond}.Delay(failures - 1)
		default:
			return "", err
		}
		if err := run.Wait(ctx, delay); err != nil {
			return "", err
		}
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
