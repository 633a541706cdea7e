package graph

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// slots bounds how many nodes work at once. Of those that wait, the one with the longest path behind it comes first.
type slots struct {
	mu      sync.Mutex
	free    int
	waiting queue
}

// enter returns when a slot is free, with the function that gives it back.
func (s *slots) enter(ctx context.Context, tail time.Duration) (func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return s.leave, nil
	}
	w := &waiter{tail: tail, granted: make(chan struct{})}
	heap.Push(&s.waiting, w)
	s.mu.Unlock()

	select {
	case <-w.granted:
		return s.leave, nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		if w.at >= 0 {
			heap.Remove(&s.waiting, w.at)
		} else {
			s.give() // it was granted in the same moment
		}
		return nil, ctx.Err()
	}
}

func (s *slots) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.give()
}

// give hands a slot to the first that waits. The caller holds the lock.
func (s *slots) give() {
	if s.waiting.Len() == 0 {
		s.free++
		return
	}
	w, _ := heap.Pop(&s.waiting).(*waiter) // the queue holds nothing else
	close(w.granted)
}

type waiter struct {
	tail    time.Duration
	granted chan struct{}
	at      int // place in the queue; -1 outside
}

// queue is a heap of waiters, the longest tail first.
type queue []*waiter

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].tail > q[j].tail }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

func (q *queue) Push(x any) {
	w, _ := x.(*waiter) // the queue holds nothing else
	w.at = len(*q)
	*q = append(*q, w)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	w := (*q)[last]
	*q = (*q)[:last]
	w.at = -1
	return w
}
