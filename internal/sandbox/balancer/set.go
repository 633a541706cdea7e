package balancer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// Sockets opens sockets where a load balancer's endpoint is.
type Sockets interface {
	Listen(ctx context.Context, address string) (net.Listener, error)
	Dial(ctx context.Context, address string) (net.Conn, error)
}

// Spec is one load balancer with the way to its sockets.
type Spec struct {
	machine.Balancer
	Sockets Sockets
	// Place tells sockets of one namespace from those of another; when it changes, listeners are opened anew.
	Place any
}

// Set is all load balancers of one sandbox.
type Set struct {
	logger *slog.Logger

	mu        sync.Mutex
	listeners map[string]*listener
}

// New returns a Set of none.
func New(logger *slog.Logger) *Set {
	return &Set{logger: logger, listeners: map[string]*listener{}}
}

// Apply makes the load balancers be exactly those given. Connections of listeners and targets that stay go on. It
// returns the errors of listeners that could not be opened; the next Apply tries them again.
func (s *Set) Apply(specs []Spec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := map[string]bool{}
	var faults []error
	for _, spec := range specs {
		for _, l := range spec.Listeners {
			key := fmt.Sprintf("%s:%d", spec.ID, l.Port)
			wanted[key] = true
			have := s.listeners[key]
			if have != nil && have.place == spec.Place {
				have.update(l)
				continue
			}
			if have != nil {
				have.close()
				delete(s.listeners, key)
			}
			made, err := open(spec, l, s.logger)
			if err != nil {
				faults = append(faults, fmt.Errorf("open listener %s: %w", key, err))
				continue
			}
			s.listeners[key] = made
		}
	}
	for key, l := range s.listeners {
		if !wanted[key] {
			l.close()
			delete(s.listeners, key)
		}
	}
	return errors.Join(faults...)
}

// Status tells the health of every target, by target group, id and port. A target group behind several listeners is
// told once.
func (s *Set) Status() []machine.TargetStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []machine.TargetStatus
	for _, l := range s.listeners {
		all = append(all, l.status()...)
	}
	slices.SortFunc(all, compareStatus)
	return slices.CompactFunc(all, func(a, b machine.TargetStatus) bool {
		return a.TargetGroup == b.TargetGroup && a.ID == b.ID && a.Port == b.Port
	})
}

// Close ends every load balancer with its connections.
func (s *Set) Close() { _ = s.Apply(nil) } // opening none cannot fail

func compareStatus(a, b machine.TargetStatus) int {
	if c := strings.Compare(a.TargetGroup, b.TargetGroup); c != 0 {
		return c
	}
	if c := strings.Compare(a.ID, b.ID); c != 0 {
		return c
	}
	return a.Port - b.Port
}
