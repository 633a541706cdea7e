package run

import (
	"context"
	"math/rand/v2"
	"time"
)

// Wait returns nil after d, or the context's error when that ends first.
func Wait(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Backoff is a row of growing waits. The zero value waits 100 ms, then twice as long each time, up to 10 s.
type Backoff struct {
	Min time.Duration // the first wait; 0 means 100 ms
	Max time.Duration // the longest wait; 0 means 10 s
}

// Delay returns the wait after the attempt, which counts from 0. A quarter of it is chance, so that many who failed
// together do not come back together.
func (b Backoff) Delay(attempt int) time.Duration {
	low, high := b.Min, b.Max
	if low <= 0 {
		low = 100 * time.Millisecond
	}
	if high <= 0 {
		high = 10 * time.Second
	}
	d := low
	for range attempt {
		if d >= high {
			break
		}
		d *= 2
	}
	d = min(d, high)
	return d - time.Duration(rand.Int64N(int64(d)/4+1)) //nolint:gosec // chance, not secrecy
}
