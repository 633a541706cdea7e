package lease

import (
	"context"
	"fmt"
	"time"
)

// Holder says who holds a lease, for people and to tell whether it still lives.
type Holder struct {
	Name    string `json:"name"`              // user@host
	PID     int    `json:"pid"`               // of the process
	Started string `json:"started,omitempty"` // when the process started, as its kernel says it
	Machine string `json:"machine,omitempty"` // boot and PID namespace of the process; empty where that cannot be known
	Run     string `json:"run"`               // random, one for each run
}

// String names the holder for people.
func (h Holder) String() string { return fmt.Sprintf("%s (process %d)", h.Name, h.PID) }

// Record is one lease as it is stored.
type Record struct {
	Number int           `json:"-"`
	Holder Holder        `json:"holder"`
	Since  time.Time     `json:"since"` // by the holder's clock
	Beat   int           `json:"beat"`  // grows with each renewal
	Age    time.Duration `json:"-"`     // since the last renewal, by the store's clock only
}

// Store keeps a cluster's records. Errors of Create for a number that is taken are of the kind errs.Conflict.
type Store interface {
	// List returns all records.
	List(ctx context.Context) ([]Record, error)
	// Create writes a record unless its number is taken.
	Create(ctx context.Context, r Record) error
	// Renew overwrites a record.
	Renew(ctx context.Context, r Record) error
	// Delete removes records; those that are gone already are no error.
	Delete(ctx context.Context, numbers []int) error
}

// Alive tells whether a holder's process lives, and whether that can be known from here.
type Alive func(Holder) (alive, known bool)
