package cloud

import (
	"context"
	"slices"
	"sync"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/server"
)

// Call is one call that reached an action.
type Call = server.Call

// Refusal is an error with which AWS would answer, for Fault.Err.
func Refusal(code string, status int, message string) error {
	return awswire.Errorf(code, status, "%s", message)
}

// Fault is what happens to one call.
type Fault struct {
	Err       error  // answered instead of acting; nil lets the call through
	LoseReply bool   // the call acts, and the connection is cut before its answer
	Before    func() // run before the action acts, with whatever else happens
	After     func() // run when the action has acted: to cancel the caller's context, as if he died now
}

// Interfere asks decide about every call from now on; nil ends it. Mutating counts the mutating calls since then from 1,
// 0 for calls that only read; call.Number counts all calls since the start. decide must not call methods of the Cloud.
func (c *Cloud) Interfere(decide func(call Call, mutating int) Fault) {
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.recorder.decide, c.recorder.mutating = decide, 0
}

// FailMutating answers the mutating call number n from now on with the error, once.
func (c *Cloud) FailMutating(n int, err error) {
	c.Interfere(func(_ Call, mutating int) Fault {
		if mutating == n {
			return Fault{Err: err}
		}
		return Fault{}
	})
}

// LoseMutating lets the mutating call number n from now on act and loses its answer, once.
func (c *Cloud) LoseMutating(n int) {
	c.Interfere(func(_ Call, mutating int) Fault { return Fault{LoseReply: mutating == n} })
}

// AbortAfter runs abort when the mutating call number n from now on has acted, and loses its answer: the caller died at
// that moment. Cancel the caller's context in abort. Whatever he still sends afterwards, while he falls, is refused;
// Interfere(nil) lets his successor through.
func (c *Cloud) AbortAfter(n int, abort func()) {
	dead := false
	c.Interfere(func(_ Call, mutating int) Fault {
		switch {
		case dead:
			return Fault{Err: Refusal("UnauthorizedOperation", 403, "the caller is dead")}
		case mutating == n:
			dead = true
			return Fault{LoseReply: true, After: abort}
		default:
			return Fault{}
		}
	})
}

// Throttle refuses every call whose number is a multiple of n, as AWS does with callers that are too fast.
func (c *Cloud) Throttle(n int) {
	c.Interfere(func(call Call, _ int) Fault {
		if call.Number%n == 0 {
			return Fault{Err: Refusal("Throttling", 400, "Rate exceeded")}
		}
		return Fault{}
	})
}

// Calls returns every call since the start or the last ForgetCalls, in the order of arrival.
func (c *Cloud) Calls() []Call {
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	return slices.Clone(c.recorder.calls)
}

// Mutating returns the calls since the start or the last ForgetCalls that change something.
func (c *Cloud) Mutating() []Call {
	return slices.DeleteFunc(c.Calls(), func(call Call) bool { return !call.Mutating })
}

// ForgetCalls begins a new list of calls.
func (c *Cloud) ForgetCalls() {
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.recorder.calls = nil
}

// recorder notes the calls and asks the test what shall happen to them.
type recorder struct {
	mu       sync.Mutex
	calls    []Call
	mutating int // calls since decide was set
	decide   func(Call, int) Fault
	pending  map[int]Fault // by call number: what to do when the action has acted
}

var _ server.Faults = (*recorder)(nil)

// Before implements server.Faults.
func (r *recorder) Before(_ context.Context, call Call) error {
	f := r.enter(call)
	if f.Before != nil {
		f.Before()
	}
	return f.Err
}

func (r *recorder) enter(call Call) Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
	if r.decide == nil {
		return Fault{}
	}
	number := 0
	if call.Mutating {
		r.mutating++
		number = r.mutating
	}
	f := r.decide(call, number)
	if r.pending == nil {
		r.pending = map[int]Fault{}
	}
	if f.LoseReply || f.After != nil {
		r.pending[call.Number] = f
	}
	return f
}

// After implements server.Faults.
func (r *recorder) After(_ context.Context, call Call, _ error) bool {
	r.mu.Lock()
	f := r.pending[call.Number]
	delete(r.pending, call.Number)
	r.mu.Unlock()
	if f.After != nil {
		f.After()
	}
	return !f.LoseReply
}
