package reconcile

import (
	"context"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// pass is one look at the account and the machine. It runs within a View, where it only finds out whether anything is
// to be changed, and then, if there is, within an Update, where it makes the changes.
type pass struct {
	r       *Reconciler
	data    *state.Data
	region  *state.Region // that is being walked through
	now     time.Time
	apply   bool
	busy    map[string]bool // objects that an action was under way on when the machine was asked, or is now
	failing map[string]failure
	hosts   map[string]machine.HostStatus
	targets map[targetKey]machine.TargetStatus

	dirty   bool      // something in the account is to be changed
	next    time.Time // when the first transition under way may end
	actions []action  // of the machine
	network machine.Network
}

type targetKey struct {
	group, id string
	port      int
}

// change makes a change of the account, or notes that there is one to be made.
func (p *pass) change(what func()) {
	p.dirty = true
	if p.apply {
		what()
	}
}

// due reports whether a transition's time has come, and remembers to come back if it has not.
func (p *pass) due(at time.Time) bool {
	if !p.now.Before(at) {
		return true
	}
	if at.Before(p.next) {
		p.next = at
	}
	return false
}

// action is one thing to do on the machine. There is one at a time for each id.
type action struct {
	id    string // of the object
	what  string // for the log: start host
	boots bool   // starts a host: it needs the network to be as desired, and only the host's life proves that it succeeded
	do    func(context.Context) error
}

// act adds an action, which ends with a change of the account: done gets the region's EC2 as it is then. A failed
// action changes nothing; the next pass finds it again.
func (p *pass) act(id, what string, do func(context.Context) error, done func(*state.EC2)) {
	p.add(action{id: id, what: what}, do, done)
}

// actBoot is act for the start of a host.
func (p *pass) actBoot(id, what string, do func(context.Context) error, done func(*state.EC2)) {
	p.add(action{id: id, what: what, boots: true}, do, done)
}

func (p *pass) add(a action, do func(context.Context) error, done func(*state.EC2)) {
	store, region := p.r.deps.Store, p.region.Name
	a.do = func(ctx context.Context) error {
		if err := do(ctx); err != nil || done == nil {
			return err
		}
		return store.Update(func(d *state.Data) error {
			done(&d.Region(region).EC2)
			return nil
		})
	}
	p.actions = append(p.actions, a)
}
