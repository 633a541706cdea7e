package awsapi

import (
	"context"
	"sync"
	"time"
)

// The bounds of the space between two attempts at one service while it throttles.
const (
	firstSpace    = 50 * time.Millisecond // after the first refusal
	longestSpace  = 2 * time.Second
	shortestSpace = 5 * time.Millisecond   // below it there is none
	slowOnceIn    = 200 * time.Millisecond // refusals of calls in flight together count once
	speedUp       = 0.85                   // what a success leaves of the space
)

// limiter spaces all attempts at one service of one account. As long as AWS refuses none for being too many there is no
// space; each refusal doubles it for everybody, each success shrinks it.
type limiter struct {
	mu     sync.Mutex
	space  time.Duration
	next   time.Time // when the next attempt may begin
	slowed time.Time // when the space was last widened
}

// wait returns when an attempt may begin, or when ctx ends, with its error.
func (l *limiter) wait(ctx context.Context) error {
	l.mu.Lock()
	now := time.Now()
	begin := now
	if l.space > 0 {
		if l.next.After(now) {
			begin = l.next
		}
		l.next = begin.Add(l.space)
	}
	l.mu.Unlock()

	if begin.Equal(now) {
		return ctx.Err()
	}
	timer := time.NewTimer(begin.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refused notes that AWS refused an attempt for being one too many.
func (l *limiter) refused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.slowed) < slowOnceIn && !l.slowed.IsZero() {
		return
	}
	l.slowed = now
	l.space = min(max(l.space*2, firstSpace), longestSpace)
	l.next = now.Add(l.space)
}

// succeeded notes that AWS answered.
func (l *limiter) succeeded() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.space = time.Duration(float64(l.space) * speedUp)
	if l.space < shortestSpace {
		l.space = 0
	}
}

// limiters are the limiters of an account's services, made as they are asked for.
type limiters struct {
	mu sync.Mutex
	by map[string]*limiter
}

func newLimiters() *limiters { return &limiters{by: map[string]*limiter{}} }

func (l *limiters) of(service string) *limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by[service] == nil {
		l.by[service] = &limiter{}
	}
	return l.by[service]
}
