package awstask

import (
	"sync"
	"time"
)

// gate lets many who wait for one and the same thing try one at a time, ever more seldom, until one gets through. It
// saves calls that change something: each of them alone would have to try as often.
type gate struct {
	mu    sync.Mutex
	since time.Time // of the first refusal; zero while the gate is open
	next  time.Time // when the next may try
}

// How seldom those before a gate try.
const (
	gateLeast = 500 * time.Millisecond
	gatePart  = 5 // of the time that has passed
)

// try reports whether the caller may try now; nobody else may for a while.
func (g *gate) try() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.since.IsZero() {
		return true
	}
	if now.Before(g.next) {
		return false
	}
	g.next = now.Add(max(gateLeast, now.Sub(g.since)/gatePart))
	return true
}

// refused notes that the thing is not there yet.
func (g *gate) refused() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since.IsZero() {
		g.since = time.Now()
		g.next = g.since.Add(gateLeast)
	}
}

// passed opens the gate for all.
func (g *gate) passed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since = time.Time{}
}
