package ssm

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type tag struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}

// tagsOf reads a list of tags.
func tagsOf(p *awswire.Params) map[string]string {
	tags := map[string]string{}
	for _, item := range p.List("Tags") {
		key, value := item.Required("Key"), item.String("Value")
		if _, twice := tags[key]; twice {
			p.Invalid("Duplicate tag key: %s", key)
		}
		if len(key) > 128 || len(value) > 256 || strings.HasPrefix(strings.ToLower(key), "aws:") {
			p.Invalid("The tag %s is not valid: keys have at most 128 characters and do not begin with aws:, values at most 256.", key)
		}
		tags[key] = value
	}
	return tags
}

type tagInput struct {
	name string
	tags map[string]string
	keys []string
}

// decodeTagged reads the resource of a call about tags; of the kinds that there are on AWS, the sandbox has parameters.
func decodeTagged(p *awswire.Params) tagInput {
	if kind := p.Required("ResourceType"); kind != "" && kind != "Parameter" {
		p.Refuse("InvalidResourceType", "The resource type %s is not valid: the sandbox has Parameter", kind)
	}
	return tagInput{name: p.Required("ResourceId")}
}

func (s *service) addTags() awswire.Action {
	return s.tagging("AddTagsToResource", func(p *awswire.Params) tagInput {
		in := decodeTagged(p)
		in.tags = tagsOf(p)
		return in
	}, func(p *state.Parameter, in tagInput) error {
		maps.Copy(p.Tags, in.tags)
		if len(p.Tags) > maxTags {
			return awswire.Errorf("TooManyTagsError", 400, "A parameter has at most %d tags", maxTags)
		}
		return nil
	})
}

func (s *service) removeTags() awswire.Action {
	return s.tagging("RemoveTagsFromResource", func(p *awswire.Params) tagInput {
		in := decodeTagged(p)
		in.keys = p.Strings("TagKeys")
		return in
	}, func(p *state.Parameter, in tagInput) error {
		for _, key := range in.keys {
			delete(p.Tags, key)
		}
		return nil
	})
}

func (s *service) tagging(action string, decode func(*awswire.Params) tagInput, change func(*state.Parameter, tagInput) error) awswire.Action {
	return awswire.Operation[tagInput]{
		Name: action, Mutates: true, Decode: decode,
		Access: func(r *awswire.Request, in tagInput) []awswire.Access { return s.access(r, in.tags, in.name) },
		Handle: func(_ context.Context, r *awswire.Request, in tagInput) (any, error) {
			return update(s, r, func(m *state.SSM) (struct{}, error) {
				p, ok := m.Parameters[in.name]
				if !ok {
					return struct{}{}, invalidResource(in.name)
				}
				return struct{}{}, change(p, in)
			})
		},
	}.Action()
}

type tagsResult struct {
	Tags []tag `json:"TagList"`
}

func (s *service) listTags() awswire.Action {
	return awswire.Operation[tagInput]{
		Name: "ListTagsForResource", Decode: decodeTagged,
		Access: func(r *awswire.Request, in tagInput) []awswire.Access { return s.access(r, nil, in.name) },
		Handle: func(_ context.Context, r *awswire.Request, in tagInput) (any, error) {
			return view(s, r, func(m *state.SSM) (out tagsResult, err error) {
				p, ok := m.Parameters[in.name]
				if !ok {
					return out, invalidResource(in.name)
				}
				out.Tags = []tag{}
				for _, key := range slices.Sorted(maps.Keys(p.Tags)) {
					out.Tags = append(out.Tags, tag{key, p.Tags[key]})
				}
				return out, nil
			})
		},
	}.Action()
}

func invalidResource(name string) error {
	return awswire.Errorf("InvalidResourceId", 400, "The resource ID %s is not valid. Verify that you entered the correct ID and try again.", name)
}
