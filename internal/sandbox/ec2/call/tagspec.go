package call

import (
	"maps"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
)

// MaxTags is how many tags an object may have.
const MaxTags = 50

// Tag is a tag in an answer.
type Tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// TagSet returns the tags of an object in the order of their keys.
func (s *Scope) TagSet(id string) Items[Tag] {
	return ItemsOf(slices.Sorted(maps.Keys(s.Tags[id])), func(k string) Tag { return Tag{k, s.Tags[id][k]} })
}

// TagsOf is the tags function of a listing whose objects' tags are under the key of the object.
func TagsOf[T any](key func(*T) string) func(Row[T]) map[string]string {
	return func(r Row[T]) map[string]string { return r.Tags[key(r.It)] }
}

// TagSpecs are the tags that a creating call gives to what it creates, by the kind of resource.
type TagSpecs map[string]map[string]string

// DecodeTagSpecs reads TagSpecification.N; only the given kinds of resources may be named.
func DecodeTagSpecs(p *awswire.Params, resources ...string) TagSpecs {
	specs := TagSpecs{}
	for _, r := range resources {
		specs[r] = nil
	}
	for _, item := range p.List("TagSpecification") {
		resource := item.Required("ResourceType")
		tags := DecodeTags(item)
		if !slices.Contains(resources, resource) {
			p.Invalid("'%s' is not a valid taggable resource type for this operation.", resource)
			continue
		}
		if specs[resource] != nil {
			p.Invalid("Tag specification resource type '%s' is duplicated.", resource)
		}
		specs[resource] = tags
	}
	return specs
}

// DecodeTags reads Tag.N.Key and Tag.N.Value.
func DecodeTags(p *awswire.Params) map[string]string {
	tags := map[string]string{}
	for _, item := range p.List("Tag") {
		key, value := item.String("Key"), item.String("Value")
		switch _, twice := tags[key]; {
		case key == "" || len(key) > 128 || len(value) > 256:
			p.Invalid("Tag keys have 1 to 128 characters and values at most 256: '%s'", key)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			p.Invalid("Tag keys starting with 'aws:' are reserved for internal use")
		case twice:
			p.Invalid("Duplicate tag key '%s' specified.", key)
		}
		tags[key] = value
	}
	if len(tags) > MaxTags {
		p.Refuse("TagLimitExceeded", "More than %d tags specified", MaxTags)
	}
	return tags
}

// access returns what must be allowed to create the kinds of resources with their tags.
func (t TagSpecs) access(region string) []awswire.Access {
	var all []awswire.Access
	for _, resource := range slices.Sorted(maps.Keys(t)) {
		target := ARNOf(region, resource, "*")
		all = append(all, awswire.Access{Resource: target, RequestTags: t[resource]})
		if len(t[resource]) > 0 {
			all = append(all, awswire.Access{Action: "ec2:CreateTags", Resource: target, RequestTags: t[resource]})
		}
	}
	return all
}

// SetTags gives a new object its tags.
func (s *Scope) SetTags(id string, tags map[string]string) {
	if len(tags) > 0 {
		s.Tags[id] = maps.Clone(tags)
	}
}

// RequiredList reads a list that must not be empty.
func RequiredList(p *awswire.Params, name string) []string {
	list := p.Strings(name)
	if len(list) == 0 {
		p.Refuse("MissingParameter", "The request must contain the parameter %s", name)
	}
	return list
}
