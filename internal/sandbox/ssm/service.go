package ssm

import (
	"context"
	"maps"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Deps are what the service stands on.
type Deps struct {
	Store *state.Store
	// Public returns the public parameters of a region, values by name: /aws/service/debian/release/12/latest/amd64.
	Public func(region string) map[string]string
}

type service struct{ Deps }

// New returns the service.
func New(deps Deps) *awswire.Service {
	s := &service{deps}
	return &awswire.Service{
		Name: "ssm", Version: "2014-11-06", Target: "AmazonSSM", Protocol: awswire.JSON11,
		Actions: awswire.Table(
			s.putParameter(), s.getParameter(), s.getParameters(), s.getParametersByPath(), s.describeParameters(),
			s.deleteParameter(), s.deleteParameters(), s.addTags(), s.removeTags(), s.listTags(),
		),
	}
}

// arnOf returns the name of a parameter in policies.
func arnOf(region, name string) string {
	account := state.Account
	if public(name) {
		account = "" // they belong to AWS
	}
	return "arn:aws:ssm:" + region + ":" + account + ":parameter/" + strings.TrimPrefix(name, "/")
}

// public reports whether the name is one of AWS's own.
func public(name string) bool { return strings.HasPrefix(name, "/aws/service/") }

// access is what must be allowed for a call about parameters.
func (s *service) access(r *awswire.Request, requestTags map[string]string, names ...string) []awswire.Access {
	var all []awswire.Access
	_ = s.Store.View(func(data *state.Data) error { // never fails
		for _, name := range names {
			wanted := awswire.Access{Resource: arnOf(r.Region, name), RequestTags: requestTags}
			if p := data.Region(r.Region).SSM.Parameters[name]; p != nil {
				wanted.ResourceTags = maps.Clone(p.Tags)
			}
			all = append(all, wanted)
		}
		return nil
	})
	return all
}

// view and update run do on the region's parameters and return its result.
func view[Out any](s *service, r *awswire.Request, do func(*state.SSM) (Out, error)) (any, error) {
	return transact(s.Store.View, r, do)
}

func update[Out any](s *service, r *awswire.Request, do func(*state.SSM) (Out, error)) (any, error) {
	return transact(s.Store.Update, r, do)
}

func transact[Out any](
	with func(func(*state.Data) error) error, r *awswire.Request, do func(*state.SSM) (Out, error),
) (any, error) {
	var out Out
	err := with(func(data *state.Data) (err error) {
		out, err = do(&data.Region(r.Region).SSM)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// one is an operation on one named parameter.
func one[Out any](s *service, action string, mutates bool, do func(*state.SSM, string) (Out, error)) awswire.Action {
	return awswire.Operation[string]{
		Name: action, Mutates: mutates,
		Decode: func(p *awswire.Params) string { return p.Required("Name") },
		Access: func(r *awswire.Request, name string) []awswire.Access { return s.access(r, nil, name) },
		Handle: func(_ context.Context, r *awswire.Request, name string) (any, error) {
			call := func(m *state.SSM) (Out, error) { return do(m, name) }
			if mutates {
				return update(s, r, call)
			}
			return view(s, r, call)
		},
	}.Action()
}

func notFound(name string) error {
	return awswire.Errorf("ParameterNotFound", 400, "Parameter %s not found.", name)
}
