package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/run"
)

// The times of a lease.
const (
	// Every is how often a holder renews its lease.
	Every = 10 * time.Second
	// DeadAfter is how long a lease must have gone without renewal before another may take over.
	DeadAfter = 60 * time.Second
	// freshFor is how long after a renewal the holder may act without asking the store. It is less than DeadAfter by
	// more than any single call takes.
	freshFor = 30 * time.Second
	// pause is between two tries to get the next number.
	pause = 200 * time.Millisecond
	// tries is how often the store may fail meanwhile.
	tries = 5
)

// Config says who acquires a lease and how.
type Config struct {
	Holder Holder
	Alive  Alive         // nil = never known
	Note   func(string)  // what is waited for; may be nil
	Lost   func(error)   // called once when another took over; may be nil
	Every  time.Duration // 0 = the constant
	Dead   time.Duration // 0 = DeadAfter
}

// Lease is a lease that is held.
type Lease struct {
	store  Store
	config Config

	mu      sync.Mutex
	record  Record
	renewed time.Time // when the last renewal that succeeded was begun
	lost    error
	old     []int // numbers of dead predecessors

	turn chan struct{} // holds something while a renewal runs
	stop context.CancelFunc
	done chan struct{}
}

// Acquire takes the cluster's lease. Where another holder lives it returns an error of the kind errs.Conflict that
// names them; where nobody can tell whether the holder lives it watches, up to Dead, and takes over when nothing moves.
// The lease is renewed until Release.
func Acquire(ctx context.Context, store Store, c Config) (*Lease, error) {
	c.Every, c.Dead = cmp.Or(c.Every, Every), cmp.Or(c.Dead, DeadAfter)
	if c.Note == nil {
		c.Note = func(string) {}
	}
	l := &Lease{store: store, config: c, turn: make(chan struct{}, 1), done: make(chan struct{})}
	for failures := 0; ; {
		records, err := store.List(ctx)
		if err != nil {
			return nil, fmt.Errorf("list leases: %w", err)
		}
		latest, ok := newest(records)
		lost := failures > 0 && latest.Holder.Run == c.Holder.Run // what was written although the store failed
		if ok && !lost {
			if err := l.awaitDeath(ctx, latest); err != nil {
				return nil, err
			}
		}
		taken, err := l.take(ctx, records, latest.Number+1)
		if err != nil {
			if failures++; !errs.Retryable(err) || failures >= tries {
				return nil, err
			}
		}
		if taken {
			running, cancel := context.WithCancel(context.WithoutCancel(ctx))
			l.stop = cancel
			go l.keep(running)
			return l, nil
		}
		if err := run.Wait(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// take writes the record of the number and reports whether that makes the lease this run's; if not, somebody was faster.
// records are those of dead predecessors.
func (l *Lease) take(ctx context.Context, records []Record, number int) (bool, error) {
	l.old = nil
	known := map[string]bool{l.config.Holder.Run: true}
	for _, r := range records {
		l.old = append(l.old, r.Number)
		known[r.Holder.Run] = true
	}
	l.record = Record{Number: number, Holder: l.config.Holder, Since: time.Now().UTC()}
	began := wall()
	err := l.store.Create(ctx, l.record)
	if errs.Is(err, errs.Conflict) || errs.Retryable(err) {
		if mine, found := l.own(ctx); found {
			l.record, err = mine, nil
		} else if errs.Is(err, errs.Conflict) {
			return false, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("write lease %d: %w", number, err)
	}
	// A release frees the numbers: who looked before one can get a number although somebody else has the lease by another
	// since. Whoever finds a stranger beside himself steps back, and then sees who it is.
	now, err := l.store.List(ctx)
	stranger := func(r Record) bool { return !known[r.Holder.Run] }
	if err != nil || slices.ContainsFunc(now, stranger) {
		err = errors.Join(err, l.store.Delete(context.WithoutCancel(ctx), []int{l.record.Number}))
		if err != nil {
			err = fmt.Errorf("prove lease %d: %w", number, err)
		}
		return false, err
	}
	l.renewed = began
	return true, nil
}

// own looks for a record that this run wrote although the answer was lost.
func (l *Lease) own(ctx context.Context) (Record, bool) {
	records, err := l.store.List(ctx)
	if err != nil {
		return Record{}, false
	}
	latest, ok := newest(records)
	return latest, ok && latest.Holder.Run == l.config.Holder.Run
}

// awaitDeath returns nil when the record's holder is dead, and a conflict when it is seen to live.
func (l *Lease) awaitDeath(ctx context.Context, r Record) error {
	if Dead(r, l.config.Alive, l.config.Dead) {
		return nil
	}
	if l.config.Alive != nil {
		if alive, known := l.config.Alive(r.Holder); known && alive {
			return held(r)
		}
	}
	seen := time.Now().Add(-r.Age)
	for {
		left := l.config.Dead - time.Since(seen)
		if left <= 0 {
			return nil
		}
		l.config.Note(fmt.Sprintf("another run by %s holds the lease; it takes over if nothing is heard for %d s", r.Holder, int(left.Seconds())+1))
		if err := run.Wait(ctx, min(left, l.config.Every/2)); err != nil {
			return err
		}
		records, err := l.store.List(ctx)
		if err != nil {
			return fmt.Errorf("list leases: %w", err)
		}
		now, ok := newest(records)
		switch {
		case !ok:
			return nil // released
		case now.Number != r.Number || now.Beat != r.Beat:
			return held(now)
		}
	}
}

// Dead reports whether a record's holder is known to be gone: its process is, or it was not heard of for that long.
func Dead(r Record, alive Alive, after time.Duration) bool {
	if alive != nil {
		if lives, known := alive(r.Holder); known && !lives {
			return true
		}
	}
	return r.Age >= after
}

// held is the refusal that names the holder.
func held(r Record) error {
	return errs.New(errs.Conflict, fmt.Sprintf("%s is changing this cluster since %s", r.Holder, r.Since.Local().Format(time.TimeOnly))).
		WithRemedy("wait until that run has ended, or stop it; a run that died is taken over after 60 s")
}

// Check is the fence: it returns nil while the lease is surely held, and else an error of the kind errs.Conflict or what
// kept it from finding out.
func (l *Lease) Check(ctx context.Context) error {
	l.mu.Lock()
	lost, fresh := l.lost, wall().Sub(l.renewed) < freshFor
	l.mu.Unlock()
	if lost != nil || fresh {
		return lost
	}
	// The machine slept, or the store did not answer: nothing may be changed before the lease is proven again.
	return l.renew(ctx)
}

// keep renews the lease until it is released or lost.
func (l *Lease) keep(ctx context.Context) {
	defer close(l.done)
	ticker := time.NewTicker(l.config.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := l.renew(ctx); errs.Is(err, errs.Conflict) {
				return
			}
		}
	}
}

// renew proves that nobody took over and writes the next beat. One renewal runs at a time; those who need its proof wait
// for a turn of their own, while the fence passes everybody as long as the last proof is fresh.
func (l *Lease) renew(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	began := wall()
	records, err := l.store.List(ctx)
	if err != nil {
		return fmt.Errorf("list leases: %w", err)
	}
	next, err := l.inspect(records)
	if err != nil {
		return err
	}
	if wall().Sub(began) > freshFor { // the machine slept since: somebody may have taken over and be done
		return errs.New(errs.Unavailable, fmt.Sprintf("lease %d could not be proven in time", next.Number)).WithRetry()
	}
	if err := l.store.Renew(ctx, next); err != nil {
		return fmt.Errorf("renew lease %d: %w", next.Number, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record, l.renewed = next, began
	return l.lost
}

// inspect returns the record of the next beat, or notes that the lease is lost.
func (l *Lease) inspect(records []Record) (Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost != nil {
		return Record{}, l.lost
	}
	latest, ok := newest(records)
	if ok && latest.Number == l.record.Number && latest.Holder.Run == l.record.Holder.Run {
		next := l.record
		next.Beat++
		return next, nil
	}
	message := "the lease of this run was removed"
	if ok {
		message = latest.Holder.String() + " took over the lease of this run"
	}
	l.lost = errs.New(errs.Conflict, message).WithRemedy("nothing more is changed; run the command again when the other run has ended")
	if l.config.Lost != nil {
		l.config.Lost(l.lost)
	}
	return Record{}, l.lost
}

// Release ends the renewals and removes the lease and its dead predecessors'. A lease that was lost is left to whoever
// took it.
func (l *Lease) Release(ctx context.Context) error {
	select { // a renewal that is cut off may yet be carried out, after the removal
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
	}
	l.stop()
	<-l.done
	l.mu.Lock()
	mine := l.lost == nil
	if mine {
		l.lost = errs.New(errs.Conflict, "the lease of this run was released")
	}
	l.mu.Unlock()
	if !mine {
		return nil
	}
	if err := l.store.Delete(ctx, append(l.old, l.record.Number)); err != nil {
		return fmt.Errorf("remove lease %d: %w", l.record.Number, err)
	}
	return nil
}

func newest(records []Record) (Record, bool) {
	if len(records) == 0 {
		return Record{}, false
	}
	return slices.MaxFunc(records, func(a, b Record) int { return cmp.Compare(a.Number, b.Number) }), true
}

// wall returns the time without its monotonic part, which stands still while a machine sleeps.
func wall() time.Time { return time.Now().Round(0) }
