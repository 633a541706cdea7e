package elbv2

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// scope is what one call works on: the region's load balancing and network within a View or an Update of the store.
type scope struct {
	*state.ELB
	ec2    *state.EC2
	api    *api
	data   *state.Data
	region string
	now    time.Time
}

func (a *api) scope(d *state.Data, r *awswire.Request) *scope {
	region := d.Region(r.Region)
	return &scope{ELB: &region.ELB, ec2: &region.EC2, api: a, data: d, region: r.Region, now: time.Now()}
}

// op is one action over a scope.
type op[In any] struct {
	name    string
	decode  func(*awswire.Params) In
	handle  func(*scope, In) (any, error)
	touches func(In) []string          // ARNs of existing objects, for policies
	creates func(In) map[string]string // tags of what is created, for policies
}

// read returns the action of an op that changes nothing.
func (o op[In]) read(a *api) awswire.Action {
	return awswire.Operation[In]{Name: o.name, Decode: o.decode, Access: o.access(a), Handle: o.within(a, a.Store.View)}.Action()
}

// write returns the action of an op that changes the account; a refused one changes nothing.
func (o op[In]) write(a *api) awswire.Action {
	return awswire.Operation[In]{Name: o.name, Mutates: true, Decode: o.decode, Access: o.access(a), Handle: o.within(a, a.Store.Update)}.Action()
}

// within returns the handler that runs the op in a scope of a View or an Update.
func (o op[In]) within(a *api, store func(func(*state.Data) error) error) func(context.Context, *awswire.Request, In) (any, error) {
	return func(_ context.Context, r *awswire.Request, in In) (result any, err error) {
		err = store(func(d *state.Data) error {
			result, err = o.handle(a.scope(d, r), in)
			return err
		})
		return result, err
	}
}

func (o op[In]) access(a *api) func(*awswire.Request, In) []awswire.Access {
	if o.touches == nil && o.creates == nil {
		return nil
	}
	return func(r *awswire.Request, in In) (all []awswire.Access) {
		_ = a.Store.View(func(d *state.Data) error { // the callback never fails
			if o.touches != nil {
				for _, arn := range o.touches(in) {
					all = append(all, awswire.Access{Resource: arn, ResourceTags: maps.Clone(d.Region(r.Region).ELB.Tags[arn])})
				}
			}
			return nil
		})
		if o.creates != nil {
			tags := o.creates(in)
			all = append(all, awswire.Access{RequestTags: tags})
			if len(tags) > 0 {
				all = append(all, awswire.Access{Action: "elasticloadbalancing:AddTags", RequestTags: tags})
			}
		}
		return all
	}
}

// one is the input of actions that take a single ARN.
type one struct{ ARN string }

// decodeOne returns the decoder of an input with a single, required ARN.
func decodeOne(name string) func(*awswire.Params) one {
	return func(p *awswire.Params) one { return one{p.Required(name)} }
}

func oneARN(in one) []string { return []string{in.ARN} }

// members is a list in an answer: <Names><member>..</member></Names>.
type members[T any] struct {
	Member []T `xml:"member"`
}

func membersOf[A, B any](values []A, f func(A) B) members[B] {
	var all members[B]
	for _, v := range values {
		all.Member = append(all.Member, f(v))
	}
	return all
}

// arn returns the name of an object: loadbalancer/net/demo/0123456789abcdef.
func (s *scope) arn(resource string) string {
	return "arn:aws:elasticloadbalancing:" + s.region + ":" + state.Account + ":" + resource
}

// refuse is a refusal with the code.
func refuse(code, format string, args ...any) error {
	return awswire.Errorf(code, 400, format, args...)
}

// sorted returns the objects of a map in the order of their ARNs.
func sorted[T any](all map[string]*T) []*T {
	list := make([]*T, 0, len(all))
	for _, arn := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[arn])
	}
	return list
}

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,30}[a-zA-Z0-9])?$`)

// decodeName reads the name of a load balancer or a target group.
func decodeName(p *awswire.Params, noun string) string {
	name := p.Required("Name")
	if name != "" && (!nameForm.MatchString(name) || noun == "load balancer" && strings.HasPrefix(name, "internal-")) {
		p.Invalid("The %s name '%s' must have 1 to 32 characters, only letters, digits and hyphens, and not begin or end with a hyphen", noun, name)
	}
	return name
}
