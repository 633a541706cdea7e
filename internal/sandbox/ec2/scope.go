package ec2

import (
	"context"
	"slices"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// scope is what one call works on: the region's EC2 within a View or an Update of the store.
type scope struct {
	*state.EC2
	api    *api
	data   *state.Data
	region *state.Region
	req    *awswire.Request
	now    time.Time
}

func (a *api) scope(d *state.Data, r *awswire.Request) *scope {
	region := d.Region(r.Region)
	return &scope{EC2: &region.EC2, api: a, data: d, region: region, req: r, now: time.Now()}
}

// op is one action over a scope.
type op[In any] struct {
	name   string
	decode func(*awswire.Params) In
	handle func(*scope, In) (any, error)
	// What must be allowed for the call. Without any of them: the action itself, on every resource.
	touches func(In) []string                          // ids of existing objects
	creates func(In) tagSpecs                          // tags by kind of what is created
	more    func(*scope, In) ([]awswire.Access, error) // anything else
}

// read returns the action of an op that changes nothing.
func (o op[In]) read(a *api) awswire.Action {
	return awswire.Operation[In]{Name: o.name, Decode: o.decode, Access: o.access(a), Handle: func(_ context.Context, r *awswire.Request, in In) (result any, err error) {
		err = a.Store.View(func(d *state.Data) error {
			result, err = o.handle(a.scope(d, r), in)
			return err
		})
		return result, err
	}}.Action()
}

// write returns the action of an op that changes the account; a refused one changes nothing.
func (o op[In]) write(a *api) awswire.Action {
	return awswire.Operation[In]{Name: o.name, Mutates: true, Decode: o.decode, Access: o.access(a), Handle: func(_ context.Context, r *awswire.Request, in In) (result any, err error) {
		err = a.Store.Update(func(d *state.Data) error {
			result, err = o.handle(a.scope(d, r), in)
			return err
		})
		return result, err
	}}.Action()
}

func (o op[In]) access(a *api) func(*awswire.Request, In) []awswire.Access {
	if o.touches == nil && o.creates == nil && o.more == nil {
		return nil
	}
	return func(r *awswire.Request, in In) (all []awswire.Access) {
		_ = a.Store.View(func(d *state.Data) error { // the callback never fails
			s := a.scope(d, r)
			if o.touches != nil {
				for _, id := range o.touches(in) {
					all = append(all, awswire.Access{Resource: arn(r.Region, id), ResourceTags: s.Tags[id]})
				}
			}
			if o.creates != nil {
				all = append(all, o.creates(in).access(r.Region)...)
			}
			if o.more != nil {
				more, _ := o.more(s, in) // what is wrong with the input is the handler's to say
				all = append(all, more...)
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

// done returns that answer.
func done() (any, error) { return succeeded{Return: true}, nil }

// items is a list in an answer: <nameSet><item>..</item></nameSet>. An empty one is an empty element.
type items[T any] struct {
	Item []T `xml:"item"`
}

// itemsOf returns the list of what f makes of each value.
func itemsOf[A, B any](values []A, f func(A) B) items[B] {
	var all items[B]
	for _, v := range values {
		all.Item = append(all.Item, f(v))
	}
	return all
}

// only returns the ids function of an input with one id.
func only[In any](id func(In) string) func(In) []string {
	return func(in In) []string { return []string{id(in)} }
}

// one is the input of actions that take a single id.
type one struct{ ID string }

// decodeOne returns the decoder of an input with a single, required id.
func decodeOne(name string) func(*awswire.Params) one {
	return func(p *awswire.Params) one { return one{p.Required(name)} }
}

// oneID is the touches function of an input with a single id.
func oneID(in one) []string { return []string{in.ID} }
