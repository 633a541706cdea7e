package lease

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
)

// meddled is a Store in which something happens between one who looked and what he does next.
type meddled struct {
	*memory
	beforeCreate func() // once
	slow         time.Duration
}

func (m *meddled) Create(ctx context.Context, r Record) error {
	if meddle := m.beforeCreate; meddle != nil {
		m.beforeCreate = nil
		meddle()
	}
	return m.memory.Create(ctx, r)
}

// Renew is carried out even where the caller does not wait for the answer.
func (m *meddled) Renew(ctx context.Context, r Record) error {
	done := make(chan error, 1)
	go func() {
		<-time.After(m.slow)
		done <- m.memory.Renew(context.WithoutCancel(ctx), r)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestNoTwoHolders: numbers are free again when a lease is released, so one who looked long ago can get a number although
// somebody else holds the lease by another.
func TestNoTwoHolders(t *testing.T) {
	t.Parallel()
	carol := Holder{Name: "carol@home", PID: 3, Run: "c"}
	lives := func(h Holder) (bool, bool) { return h.Run != ann.Run, true }
	for name, meddle := range map[string]func(*testing.T, *memory){
		"by a lower number": func(t *testing.T, m *memory) {
			must(t, m.Delete(t.Context(), []int{1}), m.Create(t.Context(), Record{Number: 1, Holder: carol}))
		},
		"by a higher number": func(t *testing.T, m *memory) {
			must(t, m.Delete(t.Context(), []int{1}), m.Create(t.Context(), Record{Number: 3, Holder: carol}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				must(t, m.Create(t.Context(), Record{Number: 1, Holder: ann}))
				s := &meddled{memory: m, beforeCreate: func() { meddle(t, m) }}
				l, err := Acquire(t.Context(), s, Config{Holder: bob, Alive: lives})
				if err == nil {
					release(t, l)
				}
				if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), carol.Name) {
					t.Errorf("got %v, want that carol holds it", err)
				}
				if n := m.numbers(); len(n) != 1 {
					t.Errorf("leases %v are left, want carol's", n)
				}
			})
		})
	}
}

// TestReleaseLetsARenewalEnd: one that is cut off may be carried out all the same, after the lease was removed.
func TestReleaseLetsARenewalEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &meddled{memory: newMemory(), slow: 2 * time.Second}
		l := acquire(t, s, ann)
		<-time.After(Every + time.Second)
		release(t, l)
		<-time.After(time.Minute)
		if n := s.numbers(); len(n) != 0 {
			t.Errorf("leases %v are left", n)
		}
	})
}

func must(t *testing.T, all ...error) {
	t.Helper()
	for _, err := range all {
		if err != nil {
			t.Fatal(err)
		}
	}
}
