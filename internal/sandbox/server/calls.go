package server

import (
	"maps"
	"sync"
)

// Call is one call that reached an action.
type Call struct {
	Number  int    `json:"number"` // from 1, in the order of arrival, since the start or the last reset
	Service string `json:"service"`
	Action  string `json:"action"`
	// Mutating says that the action changes something; a dry run does not.
	Mutating bool   `json:"mutating"`
	Region   string `json:"region"`
	Identity string `json:"identity"` // ARN of the caller
}

// Name is the action as policies write it: ec2:RunInstances.
func (c Call) Name() string { return c.Service + ":" + c.Action }

// Counts is how often the API was called.
type Counts struct {
	Total    int            `json:"total"`
	Mutating int            `json:"mutating"`
	ByAction map[string]int `json:"byAction"` // "ec2:RunInstances": 5
}

// ledger counts calls.
type ledger struct {
	mu     sync.Mutex
	counts Counts
}

// enter counts the call and returns its number.
func (l *ledger) enter(c Call) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts.Total++
	if c.Mutating {
		l.counts.Mutating++
	}
	if l.counts.ByAction == nil {
		l.counts.ByAction = map[string]int{}
	}
	l.counts.ByAction[c.Name()]++
	return l.counts.Total
}

func (l *ledger) get() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	c.ByAction = map[string]int{}
	maps.Copy(c.ByAction, l.counts.ByAction)
	return c
}

func (l *ledger) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts = Counts{}
}
