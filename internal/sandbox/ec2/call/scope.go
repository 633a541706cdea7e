package call

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Scope is what one call works on: the region's EC2 within a View or an Update of the store.
type Scope struct {
	*state.EC2
	API    *API
	Data   *state.Data
	Region *state.Region
	Req    *awswire.Request
	Now    time.Time
}

func (a *API) scope(d *state.Data, r *awswire.Request) *Scope {
	region := d.Region(r.Region)
	return &Scope{EC2: &region.EC2, API: a, Data: d, Region: region, Req: r, Now: time.Now()}
}

// Op is one action over a scope.
type Op[In any] struct {
	Name   string
	Decode func(*awswire.Params) In
	Handle func(*Scope, In) (any, error)
	// What must be allowed for the call. Without any of them: the action itself, on every resource.
	Touches func(In) []string                 // ids of existing objects
	Creates func(In) TagSpecs                 // tags by kind of what is created
	More    func(*Scope, In) []awswire.Access // anything else
}

// Read returns the action of an op that changes nothing.
func (o Op[In]) Read(a *API) awswire.Action {
	return awswire.Operation[In]{Name: o.Name, Decode: o.Decode, Access: o.access(a), Handle: o.within(a, a.Store.View)}.Action()
}

// Write returns the action of an op that changes the account; a refused one changes nothing.
func (o Op[In]) Write(a *API) awswire.Action {
	return awswire.Operation[In]{Name: o.Name, Mutates: true, Decode: o.Decode, Access: o.access(a), Handle: o.within(a, a.Store.Update)}.Action()
}

// within returns the handler that runs the op in a scope of a View or an Update.
func (o Op[In]) within(a *API, store func(func(*state.Data) error) error) func(context.Context, *awswire.Request, In) (any, error) {
	return func(_ context.Context, r *awswire.Request, in In) (result any, err error) {
		err = store(func(d *state.Data) error {
			result, err = o.Handle(a.scope(d, r), in)
			return err
		})
		return result, err
	}
}

func (o Op[In]) access(a *API) func(*awswire.Request, In) []awswire.Access {
	if o.Touches == nil && o.Creates == nil && o.More == nil {
		return nil
	}
	return func(r *awswire.Request, in In) (all []awswire.Access) {
		_ = a.Store.View(func(d *state.Data) error { // the callback never fails
			s := a.scope(d, r)
			if o.Touches != nil {
				for _, id := range o.Touches(in) {
					all = append(all, awswire.Access{Resource: ARN(r.Region, id), ResourceTags: maps.Clone(s.Tags[id])})
				}
			}
			if o.Creates != nil {
				all = append(all, o.Creates(in).access(r.Region)...)
			}
			if o.More != nil {
				all = append(all, o.More(s, in)...)
			}
			return nil
		})
		if !slices.ContainsFunc(all, func(w awswire.Access) bool { return w.Action == "" }) {
			all = append(all, awswire.Access{})
		}
		return all
	}
}

// succeeded is the answer of actions that have nothing to say.
type succeeded struct {
	Return bool `xml:"return"`
}

// Done returns that answer.
func Done() (any, error) { return succeeded{Return: true}, nil }

// Items is a list in an answer: <nameSet><item>..</item></nameSet>. An empty one is an empty element.
type Items[T any] struct {
	Item []T `xml:"item"`
}

// List returns the list of the values.
func List[T any](values ...T) Items[T] { return Items[T]{values} }

// ItemsOf returns the list of what f makes of each value.
func ItemsOf[A, B any](values []A, f func(A) B) Items[B] {
	var all Items[B]
	for _, v := range values {
		all.Item = append(all.Item, f(v))
	}
	return all
}

// Only returns the Touches function of an input with one id.
func Only[In any](id func(In) string) func(In) []string {
	return func(in In) []string { return []string{id(in)} }
}

// One is the input of actions that take a single id.
type One struct{ ID string }

// DecodeOne returns the decoder of an input with a single, required id.
func DecodeOne(name string) func(*awswire.Params) One {
	return func(p *awswire.Params) One { return One{p.Required(name)} }
}

// OneID is the Touches function of an input with a single id.
func OneID(in One) []string { return []string{in.ID} }

// Hide keeps a new object out of lists for as long as AWS takes until it is known everywhere. It can be used at once by
// its id, and whoever lists in that time must not conclude that it is not there.
func (s *Scope) Hide(id string) {
	maps.DeleteFunc(s.Hidden, func(_ string, until time.Time) bool { return !s.Now.Before(until) })
	if lag := s.API.Delay(settings.NetworkConsistency); lag > 0 {
		s.Hidden[id] = s.Now.Add(lag)
	}
}

// Once makes something for the call's client token, at most once.
func (s *Scope) Once(token string, create func() (string, error)) (string, bool, error) {
	return s.Region.Once("ec2:"+s.Req.Action, token, s.Req.Fingerprint, s.Now, create)
}
