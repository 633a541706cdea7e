package run_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-project/slipway/internal/run"
)

func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := run.Wait(t.Context(), time.Minute); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("Wait = %v after %s", err, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin = time.Now()
		if err := run.Wait(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("Wait = %v after %s, want the context's end after 1s", err, time.Since(begin))
		}
		if err := run.Wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait with a context that is done = %v", err)
		}
	})
}

func TestBackoffDelay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		backoff run.Backoff
		attempt int
		longest time.Duration
	}{
		{run.Backoff{}, 0, 100 * time.Millisecond},
		{run.Backoff{}, 3, 800 * time.Millisecond},
		{run.Backoff{}, 1000, 10 * time.Second},
		{run.Backoff{Min: time.Second, Max: 3 * time.Second}, 1, 2 * time.Second},
		{run.Backoff{Min: time.Second, Max: 3 * time.Second}, 2, 3 * time.Second},
	} {
		for range 100 {
			if d := tt.backoff.Delay(tt.attempt); d > tt.longest || d < tt.longest*3/4 {
				t.Errorf("%+v.Delay(%d) = %s, want %s or up to a quarter less", tt.backoff, tt.attempt, d, tt.longest)
			}
		}
	}
}
