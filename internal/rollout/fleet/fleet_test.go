package fleet

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
)

func TestEach(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		began := time.Now()
		failures := Each(t.Context(), 3, []int{0, 1, 2, 3, 4, 5, 6}, func(_ context.Context, i int) error {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			<-time.After(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			if i%2 == 1 {
				return errors.New("odd")
			}
			return nil
		})
		if most != 3 || time.Since(began) != 3*time.Second {
			t.Errorf("%d at once, took %s", most, time.Since(began))
		}
		for i, err := range failures {
			if (err != nil) != (i%2 == 1) {
				t.Errorf("item %d: %v", i, err)
			}
		}
	})
}

func TestEachEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		failures := Each(ctx, 1, []int{0, 1, 2}, func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		})
		for i, err := range failures {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("item %d: %v", i, err)
			}
		}
	})
}

func TestFailures(t *testing.T) {
	t.Parallel()
	f := Failures{Total: 5}
	if f.Err() != nil {
		t.Error("no failures are an error")
	}
	f.Add(Failure{"manager-2", "us-east-1b", "engine", errs.New(errs.Exhausted, "the disk\n is full").WithRemedy("free space")})
	f.Add(Failure{"linux-1", "", "connect", errs.New(errs.Unavailable, "does not answer").WithRemedy("start it")})
	err := f.Err()
	const want = "2 of 5 hosts failed:\n  manager-2 (us-east-1b), engine: the disk is full\n  linux-1, connect: does not answer"
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v", err)
	}
	if !errs.Is(err, errs.Exhausted) || len(errs.Remedies(err)) != 2 {
		t.Errorf("kind %s, remedies %q", errs.KindOf(err), errs.Remedies(err))
	}
}
