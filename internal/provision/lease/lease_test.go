package lease

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/errs"
)

// memory is a Store as SSM is one, with a switch to be out of reach.
type memory struct {
	mu      sync.Mutex
	records map[int]Record
	renewed map[int]time.Time
	down    bool
	lose    bool // the next creation's answer
	fail    int  // how many creations from now on
}

func newMemory() *memory { return &memory{records: map[int]Record{}, renewed: map[int]time.Time{}} }

func (m *memory) List(context.Context) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return nil, errs.New(errs.Unavailable, "out of reach").WithRetry()
	}
	var all []Record
	for n, r := range m.records {
		r.Number, r.Age = n, time.Since(m.renewed[n])
		all = append(all, r)
	}
	return all, nil
}

func (m *memory) Create(_ context.Context, r Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail > 0 {
		m.fail--
		return errs.New(errs.Unavailable, "broken").WithRetry()
	}
	if _, taken := m.records[r.Number]; taken {
		return errs.New(errs.Conflict, "taken")
	}
	m.records[r.Number], m.renewed[r.Number] = r, time.Now()
	if m.lose {
		m.lose = false
		return errs.New(errs.Unavailable, "no answer").WithRetry()
	}
	return nil
}

func (m *memory) Renew(_ context.Context, r Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return errs.New(errs.Unavailable, "out of reach").WithRetry()
	}
	m.records[r.Number], m.renewed[r.Number] = r, time.Now()
	return nil
}

func (m *memory) Delete(_ context.Context, numbers []int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range numbers {
		delete(m.records, n)
	}
	return nil
}

func (m *memory) setDown(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func (m *memory) numbers() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []int
	for n := range m.records {
		all = append(all, n)
	}
	return all
}

var (
	ann = Holder{Name: "ann@desk", PID: 1, Run: "a"}
	bob = Holder{Name: "bob@lab", PID: 2, Run: "b"}
)

func acquire(t *testing.T, s Store, h Holder) *Lease {
	t.Helper()
	l, err := Acquire(t.Context(), s, Config{Holder: h})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func release(t *testing.T, l *Lease) {
	t.Helper()
	if err := l.Release(t.Context()); err != nil {
		t.Error(err)
	}
}

// abandon ends a holder as SIGKILL does: it renews no more and removes nothing.
func abandon(l *Lease) {
	l.stop()
	<-l.done
}

func TestReleaseLeavesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		l := acquire(t, s, ann)
		<-time.After(5 * time.Minute)
		if err := l.Check(t.Context()); err != nil {
			t.Error(err)
		}
		release(t, l)
		if diff := cmp.Diff([]int(nil), s.numbers()); diff != "" {
			t.Error(diff)
		}
		if err := l.Check(t.Context()); !errs.Is(err, errs.Conflict) {
			t.Errorf("after its release the fence says %v", err)
		}
	})
}

func TestALivingHolderIsNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		alive  Alive
		within time.Duration
	}{
		"at once where its process can be seen":     {func(Holder) (bool, bool) { return true, true }, 0},
		"after a heartbeat where nothing is known":  {nil, Every + Every/2},
		"after a heartbeat where it cannot be seen": {func(Holder) (bool, bool) { return false, false }, Every + Every/2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newMemory()
				l := acquire(t, s, ann)
				defer release(t, l)
				began := time.Now()
				_, err := Acquire(t.Context(), s, Config{Holder: bob, Alive: test.alive})
				if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "ann@desk (process 1)") {
					t.Errorf("error is %v, want a conflict that names ann", err)
				}
				if took := time.Since(began); took > test.within {
					t.Errorf("took %v, want at most %v", took, test.within)
				}
			})
		})
	}
}

func TestTakingOverFromTheDead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		alive Alive
		after time.Duration // from the death
		least time.Duration
		most  time.Duration
	}{
		"within 60 s where nothing is known":   {nil, 3 * time.Second, 40 * time.Second, DeadAfter},
		"at once when it is long dead":         {nil, 2 * DeadAfter, 0, 0},
		"at once where the process is gone":    {func(Holder) (bool, bool) { return false, true }, 3 * time.Second, 0, 0},
		"a dead process is no proof elsewhere": {func(Holder) (bool, bool) { return false, false }, 3 * time.Second, 40 * time.Second, DeadAfter},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newMemory()
				abandon(acquire(t, s, ann))
				<-time.After(test.after)
				began := time.Now()
				l, err := Acquire(t.Context(), s, Config{Holder: bob, Alive: test.alive})
				if err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took < test.least || took > test.most {
					t.Errorf("took %v, want %v to %v", took, test.least, test.most)
				}
				release(t, l)
				if len(s.numbers()) != 0 {
					t.Errorf("leases %v are left", s.numbers())
				}
			})
		})
	}
}

// TestTheOvertakenStop: a holder that could not renew for a minute is overtaken, and its fence closes before its next change.
func TestTheOvertakenStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		first := acquire(t, s, ann)
		abandon(first) // its machine sleeps
		<-time.After(2 * DeadAfter)
		second := acquire(t, s, bob)
		defer release(t, second)

		err := first.Check(t.Context())
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "bob@lab") {
			t.Errorf("the fence says %v, want that bob took over", err)
		}
		release(t, first)
		if err := second.Check(t.Context()); err != nil {
			t.Errorf("the release of the overtaken took the lease away: %v", err)
		}
	})
}

// TestNoChangeWithoutProof: while the store cannot be reached the fence lets changes pass only as long as nobody can
// have taken over.
func TestNoChangeWithoutProof(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		l := acquire(t, s, ann)
		s.setDown(true)
		<-time.After(freshFor - time.Second)
		if err := l.Check(t.Context()); err != nil {
			t.Errorf("the fence closed early: %v", err)
		}
		<-time.After(2 * time.Second)
		if err := l.Check(t.Context()); !errs.Is(err, errs.Unavailable) {
			t.Errorf("the fence says %v, want that it cannot know", err)
		}
		s.setDown(false)
		if err := l.Check(t.Context()); err != nil {
			t.Errorf("the fence stays closed: %v", err)
		}
		release(t, l)
	})
}

func TestOnlyOneOfManyWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		abandon(acquire(t, s, ann))
		var mu sync.Mutex
		var won []*Lease
		var wait sync.WaitGroup
		for i := range 8 {
			wait.Go(func() {
				l, err := Acquire(t.Context(), s, Config{Holder: Holder{Name: "n", PID: i, Run: strings.Repeat("x", i+1)}})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, l)
				} else if !errs.Is(err, errs.Conflict) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if len(won) != 1 {
			t.Fatalf("%d hold the lease", len(won))
		}
		release(t, won[0])
	})
}

func TestALostAnswerIsNoLostLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newMemory()
		s.lose = true
		l := acquire(t, s, ann)
		release(t, l)
		if len(s.numbers()) != 0 {
			t.Errorf("leases %v are left", s.numbers())
		}
	})
}

func TestAStoreThatFails(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]int{"for a moment": tries - 1, "for long": 100} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newMemory()
				s.fail = fails
				l, err := Acquire(t.Context(), s, Config{Holder: ann})
				if err == nil {
					release(t, l)
				}
				if fails < tries && err != nil || fails >= tries && !errs.Is(err, errs.Unavailable) {
					t.Errorf("after %d failures: %v", fails, err)
				}
			})
		})
	}
}

func TestThisProcess(t *testing.T) {
	t.Parallel()
	me := ThisProcess()
	if me.Machine == "" {
		t.Skip("this kernel does not tell of processes")
	}
	if alive, known := AliveHere(me); !alive || !known {
		t.Errorf("this process: alive %t, known %t", alive, known)
	}
	gone := me
	gone.Started = "1"
	if alive, known := AliveHere(gone); alive || !known {
		t.Errorf("a process before this one with its number: alive %t, known %t", alive, known)
	}
	elsewhere := me
	elsewhere.Machine = "other"
	if _, known := AliveHere(elsewhere); known {
		t.Error("claims to know of another machine")
	}
}
