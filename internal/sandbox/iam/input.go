package iam

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

var (
	nameRule = regexp.MustCompile(`^[\w+=,.@-]+$`)
	pathRule = regexp.MustCompile(`^/([!-~]+/)?$`)
)

// nameOf reads a required name.
func nameOf(p *awswire.Params, param string, longest int) string {
	name := p.Required(param)
	if name != "" && (len(name) > longest || !nameRule.MatchString(name)) {
		p.Invalid("The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_- "+
			"and be at most %d characters long.", param, longest)
	}
	return name
}

// pathOf reads a path, / if absent.
func pathOf(p *awswire.Params) string {
	path := p.String("Path")
	if path == "" {
		return "/"
	}
	if len(path) > 512 || !pathRule.MatchString(path) {
		p.Invalid("The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
	return path
}

// tagsOf reads a list of tags.
func tagsOf(p *awswire.Params) map[string]string {
	tags := map[string]string{}
	for _, item := range p.List("Tags") {
		key, value := item.Required("Key"), item.String("Value")
		if _, twice := tags[key]; twice {
			p.Refuse("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if len(key) > 128 || len(value) > 256 || strings.HasPrefix(strings.ToLower(key), "aws:") {
			p.Refuse("InvalidInput", "The tag %s is not valid: keys have at most 128 characters and do not begin with aws:, values at most 256.", key)
		}
		tags[key] = value
	}
	return tags
}

// maxTags is how many tags a thing may have.
const maxTags = 50

// tag is a tag in an answer.
type tag struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

func tagList(tags map[string]string) []tag {
	list := make([]tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, tag{key, tags[key]})
	}
	return list
}

// named is the input of the many actions that take one name.
type named struct{ name string }

func (k kind) named(p *awswire.Params) named { return named{nameOf(p, k.param, k.max)} }

// listed is the input of the actions that list.
type listed struct {
	name   string // of whose things; unused by some
	prefix string // of the path
	page   awswire.Page
}

func decodePrefix(p *awswire.Params) listed {
	in := listed{prefix: p.String("PathPrefix"), page: p.Marker("MaxItems", 100, 1000)}
	if in.prefix == "" {
		in.prefix = "/"
	}
	return in
}

// decodeOf is the decoder of a list of the things of one entity.
func (k kind) decodeOf(p *awswire.Params) listed {
	return listed{name: nameOf(p, k.param, k.max), page: p.Marker("MaxItems", 100, 1000)}
}

// on returns the actions of the kind that take one name, with what must be allowed.
func on[Out any](s *service, k kind, action string, mutates bool, do func(*state.Data, string) (Out, error)) awswire.Action {
	return awswire.Operation[named]{
		Name: action, Mutates: mutates, Decode: k.named,
		Access: func(_ *awswire.Request, in named) []awswire.Access { return s.access(k, in.name, "/", nil) },
		Handle: func(_ context.Context, _ *awswire.Request, in named) (any, error) {
			return run(s, mutates, func(data *state.Data) (Out, error) { return do(data, in.name) })
		},
	}.Action()
}

// run runs do on the data, as an Update if it mutates.
func run[Out any](s *service, mutates bool, do func(*state.Data) (Out, error)) (any, error) {
	var out Out
	call := func(data *state.Data) (err error) {
		out, err = do(data)
		return err
	}
	transact := s.Store.View
	if mutates {
		transact = s.Store.Update
	}
	if err := transact(call); err != nil {
		return nil, err
	}
	return out, nil
}

// none is the result of an action that only acts.
type none struct{}

func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
