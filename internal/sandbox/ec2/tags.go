package ec2

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
)

// maxTags is how many tags an object may have.
const maxTags = 50

// tag is a tag in an answer.
type tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// tagSet returns the tags of an object in the order of their keys.
func (s *scope) tagSet(id string) items[tag] {
	return itemsOf(slices.Sorted(maps.Keys(s.Tags[id])), func(k string) tag { return tag{k, s.Tags[id][k]} })
}

// tagsOf is the tags function of a listing whose objects' tags are under the key of the object.
func tagsOf[T any](key func(*T) string) func(row[T]) map[string]string {
	return func(r row[T]) map[string]string { return r.Tags[key(r.it)] }
}

// tagSpecs are the tags that a creating call gives to what it creates, by the kind of resource.
type tagSpecs map[string]map[string]string

// decodeTagSpecs reads TagSpecification.N; only the given kinds of resources may be named.
func decodeTagSpecs(p *awswire.Params, resources ...string) tagSpecs {
	specs := tagSpecs{}
	for _, r := range resources {
		specs[r] = nil
	}
	for _, item := range p.List("TagSpecification") {
		resource := item.Required("ResourceType")
		tags := decodeTags(item)
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

// decodeTags reads Tag.N.Key and Tag.N.Value.
func decodeTags(p *awswire.Params) map[string]string {
	tags := map[string]string{}
	for _, item := range p.List("Tag") {
		key, value := item.String("Key"), item.String("Value")
		switch _, twice := tags[key]; {
		case key == "" || len(key) > 127 || len(value) > 255:
			p.Invalid("Tag keys have 1 to 127 characters and values at most 255: '%s'", key)
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			p.Invalid("Tag keys starting with 'aws:' are reserved for internal use")
		case twice:
			p.Invalid("Duplicate tag key '%s' specified.", key)
		}
		tags[key] = value
	}
	if len(tags) > maxTags {
		p.Refuse("TagLimitExceeded", "More than %d tags specified", maxTags)
	}
	return tags
}

// access returns what must be allowed to create the kinds of resources with their tags.
func (t tagSpecs) access(region string) []awswire.Access {
	var all []awswire.Access
	for _, resource := range slices.Sorted(maps.Keys(t)) {
		target := arnOf(region, resource, "*")
		all = append(all, awswire.Access{Resource: target, RequestTags: t[resource]})
		if len(t[resource]) > 0 {
			all = append(all, awswire.Access{Action: "ec2:CreateTags", Resource: target, RequestTags: t[resource]})
		}
	}
	return all
}

// setTags gives a new object its tags.
func (s *scope) setTags(id string, tags map[string]string) {
	if len(tags) > 0 {
		s.Tags[id] = maps.Clone(tags)
	}
}

type tagInput struct {
	IDs  []string
	Tags map[string]string
	Any  map[string]bool // keys to delete whatever their value
}

func (a *api) tagActions() []awswire.Action {
	touches := func(in tagInput) []string { return in.IDs }
	return []awswire.Action{
		op[tagInput]{
			name: "CreateTags", decode: decodeCreateTags, handle: (*scope).createTags,
			more: func(s *scope, in tagInput) (all []awswire.Access, _ error) {
				for _, id := range in.IDs {
					all = append(all, awswire.Access{Resource: arn(s.region.Name, id), RequestTags: in.Tags, ResourceTags: s.Tags[id]})
				}
				return all, nil
			},
		}.write(a),
		op[tagInput]{name: "DeleteTags", decode: decodeDeleteTags, handle: (*scope).deleteTags, touches: touches}.write(a),
		tagListing.on(a),
	}
}

func decodeCreateTags(p *awswire.Params) tagInput {
	in := tagInput{IDs: requiredList(p, "ResourceId"), Tags: decodeTags(p)}
	if len(in.Tags) == 0 {
		p.Refuse("MissingParameter", "The request must contain the parameter Tag")
	}
	return in
}

func decodeDeleteTags(p *awswire.Params) tagInput {
	in := tagInput{IDs: requiredList(p, "ResourceId"), Tags: map[string]string{}, Any: map[string]bool{}}
	for _, item := range p.List("Tag") {
		if key := item.Required("Key"); item.Has("Value") {
			in.Tags[key] = item.String("Value")
		} else {
			in.Any[key] = true
		}
	}
	return in
}

// requiredList reads a list that must not be empty.
func requiredList(p *awswire.Params, name string) []string {
	list := p.Strings(name)
	if len(list) == 0 {
		p.Refuse("MissingParameter", "The request must contain the parameter %s", name)
	}
	return list
}

func (s *scope) createTags(in tagInput) (any, error) {
	for _, id := range in.IDs {
		if err := s.exists(id); err != nil {
			return nil, err
		}
		if s.Tags[id] == nil {
			s.Tags[id] = map[string]string{}
		}
		maps.Copy(s.Tags[id], in.Tags)
		if len(s.Tags[id]) > maxTags {
			return nil, awswire.Errorf("TagLimitExceeded", 400, "The maximum number of Tags for a resource has been reached.")
		}
	}
	return done()
}

func (s *scope) deleteTags(in tagInput) (any, error) {
	for _, id := range in.IDs {
		if err := s.exists(id); err != nil {
			return nil, err
		}
		maps.DeleteFunc(s.Tags[id], func(k, v string) bool {
			want, named := in.Tags[k]
			return in.Any[k] || named && v == want || len(in.Tags)+len(in.Any) == 0
		})
	}
	return done()
}

// exists refuses the id of an object that is not there, in the words of its kind.
func (s *scope) exists(id string) error {
	k, ok := kindOf(id)
	if !ok || k.resource == "" {
		return awswire.Errorf("InvalidID", 400, "The ID '%s' is not valid", id)
	}
	there := map[string]func() bool{
		"vpc": has(s.VPCs, id), "subnet": has(s.Subnets, id), "igw": has(s.InternetGateways, id), "rtb": has(s.RouteTables, id),
		"sg": has(s.SecurityGroups, id), "eni": has(s.NetworkInterfaces, id), "key": has(s.KeyPairs, id), "i": has(s.Instances, id),
		"vol": has(s.Volumes, id),
		"sgr": func() bool { _, r := s.rule(id); return r != nil },
		"acl": func() bool {
			return slices.ContainsFunc(s.acls(), func(a *networkACL) bool { return a.vpc.NetworkACL == id })
		},
	}[k.prefix]
	if there == nil || !there() {
		return k.notFound(id)
	}
	return nil
}

func has[T any](all map[string]*T, id string) func() bool {
	return func() bool { return all[id] != nil }
}

// boundTag is one tag with the object that has it.
type boundTag struct{ id, key, value string }

type xmlBoundTag struct {
	ResourceID   string `xml:"resourceId"`
	ResourceType string `xml:"resourceType"`
	Key          string `xml:"key"`
	Value        string `xml:"value"`
}

var tagListing = listing[boundTag, xmlBoundTag]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeTags", set: "tagSet",
	all: func(s *scope) []*boundTag {
		var all []*boundTag
		for id, tags := range s.Tags {
			for k, v := range tags {
				all = append(all, &boundTag{id, k, v})
			}
		}
		slices.SortFunc(all, func(a, b *boundTag) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.key, b.key)) })
		return all
	},
	key: func(t *boundTag) string { return t.id + " " + t.key },
	fields: map[string]func(row[boundTag]) []string{
		"key":           text(func(r row[boundTag]) string { return r.it.key }),
		"value":         text(func(r row[boundTag]) string { return r.it.value }),
		"resource-id":   text(func(r row[boundTag]) string { return r.it.id }),
		"resource-type": text(func(r row[boundTag]) string { return resourceOf(r.it.id) }),
	},
	render: func(r row[boundTag]) xmlBoundTag {
		return xmlBoundTag{r.it.id, resourceOf(r.it.id), r.it.key, r.it.value}
	},
}

func resourceOf(id string) string {
	k, _ := kindOf(id)
	return k.resource
}
