package iam

import (
	"context"
	"maps"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type tagInput struct {
	name string
	tags map[string]string // to set
	keys []string          // to remove
}

type tagsResult struct {
	Tags []tag `xml:"Tags>member"`
	awswire.Truncated
}

// tagActions are the actions on the tags of one kind.
func (s *service) tagActions(k kind) []awswire.Action {
	put := awswire.Operation[tagInput]{
		Name: "Tag" + k.noun, Mutates: true,
		Decode: func(p *awswire.Params) tagInput {
			return tagInput{name: nameOf(p, k.param, k.max), tags: tagsOf(p)}
		},
		Access: func(_ *awswire.Request, in tagInput) []awswire.Access { return s.access(k, in.name, "/", in.tags) },
		Handle: s.changeTags(k, func(e entity, in tagInput) error {
			maps.Copy(e.Tags, in.tags)
			if len(e.Tags) > maxTags {
				return awswire.Errorf("LimitExceeded", 409, "The number of tags has reached the maximum limit.")
			}
			return nil
		}),
	}
	remove := awswire.Operation[tagInput]{
		Name: "Untag" + k.noun, Mutates: true,
		Decode: func(p *awswire.Params) tagInput {
			return tagInput{name: nameOf(p, k.param, k.max), keys: p.Strings("TagKeys")}
		},
		Access: func(_ *awswire.Request, in tagInput) []awswire.Access { return s.access(k, in.name, "/", nil) },
		Handle: s.changeTags(k, func(e entity, in tagInput) error {
			for _, key := range in.keys {
				delete(e.Tags, key)
			}
			return nil
		}),
	}
	list := awswire.Operation[listed]{
		Name: "List" + k.noun + "Tags", Decode: k.decodeOf,
		Access: func(_ *awswire.Request, in listed) []awswire.Access { return s.access(k, in.name, "/", nil) },
		Handle: func(_ context.Context, _ *awswire.Request, in listed) (any, error) {
			return run(s, false, func(data *state.Data) (out tagsResult, err error) {
				e, ok := k.find(&data.IAM, in.name)
				if !ok {
					return out, k.missing(in.name)
				}
				tags, token, err := awswire.Cut(tagList(e.Tags), in.page, func(t tag) string { return t.Key }, dialect())
				return tagsResult{tags, awswire.More(token)}, err
			})
		},
	}
	return []awswire.Action{put.Action(), remove.Action(), list.Action()}
}

func (s *service) changeTags(k kind, change func(entity, tagInput) error) func(context.Context, *awswire.Request, tagInput) (any, error) {
	return func(_ context.Context, _ *awswire.Request, in tagInput) (any, error) {
		return run(s, true, func(data *state.Data) (none, error) {
			e, ok := k.find(&data.IAM, in.name)
			if !ok {
				return none{}, k.missing(in.name)
			}
			return none{}, change(e, in)
		})
	}
}
