package elbv2

import (
	"maps"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
)

type xmlTag struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

type xmlTagged struct {
	ARN  string          `xml:"ResourceArn"`
	Tags members[xmlTag] `xml:"Tags"`
}

// decodeTags reads Tags.
func decodeTags(p *awswire.Params) map[string]string {
	tags := map[string]string{}
	for _, item := range p.List("Tags") {
		key := item.Required("Key")
		if _, twice := tags[key]; twice {
			p.Refuse("DuplicateTagKeys", "The tag key '%s' is used twice", key)
		}
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			p.Invalid("Tag keys starting with 'aws:' are reserved")
		}
		tags[key] = item.String("Value")
	}
	if len(tags) > maxTags {
		p.Refuse("TooManyTags", "More than %d tags specified", maxTags)
	}
	return tags
}

func (s *scope) setTags(arn string, tags map[string]string) {
	if len(tags) > 0 {
		s.Tags[arn] = maps.Clone(tags)
	}
}

// tagInput names objects and tags of them.
type tagInput struct {
	ARNs []string
	Tags map[string]string
	Keys []string
}

func decodeTagInput(p *awswire.Params) tagInput {
	in := tagInput{ARNs: p.Strings("ResourceArns")}
	if len(in.ARNs) == 0 || len(in.ARNs) > 20 {
		p.Invalid("Between 1 and 20 resource ARNs must be specified")
	}
	return in
}

func (a *api) tagActions() []awswire.Action {
	touches := func(in tagInput) []string { return in.ARNs }
	return []awswire.Action{
		op[tagInput]{name: "AddTags", handle: (*scope).addTags, touches: touches, decode: func(p *awswire.Params) tagInput {
			in := decodeTagInput(p)
			if in.Tags = decodeTags(p); len(in.Tags) == 0 {
				p.Invalid("Tags must be specified")
			}
			return in
		}}.write(a),
		op[tagInput]{name: "RemoveTags", handle: (*scope).removeTags, touches: touches, decode: func(p *awswire.Params) tagInput {
			in := decodeTagInput(p)
			if in.Keys = p.Strings("TagKeys"); len(in.Keys) == 0 {
				p.Invalid("TagKeys must be specified")
			}
			return in
		}}.write(a),
		op[tagInput]{name: "DescribeTags", decode: decodeTagInput, handle: (*scope).describeTags, touches: touches}.read(a),
	}
}

// exists refuses an ARN that is no object's.
func (s *scope) exists(arn string) error {
	var err error
	switch {
	case strings.Contains(arn, ":loadbalancer/"):
		_, err = s.balancer(arn)
	case strings.Contains(arn, ":targetgroup/"):
		_, err = s.group(arn)
	case strings.Contains(arn, ":listener/"):
		_, err = s.listener(arn)
	default:
		err = refuse("ValidationError", "'%s' is not a valid load balancing ARN", arn)
	}
	return err
}

func (s *scope) addTags(in tagInput) (any, error) {
	for _, arn := range in.ARNs {
		if err := s.exists(arn); err != nil {
			return nil, err
		}
		if s.Tags[arn] == nil {
			s.Tags[arn] = map[string]string{}
		}
		maps.Copy(s.Tags[arn], in.Tags)
		if len(s.Tags[arn]) > maxTags {
			return nil, refuse("TooManyTags", "The maximum number of tags has been reached")
		}
	}
	return struct{}{}, nil
}

func (s *scope) removeTags(in tagInput) (any, error) {
	for _, arn := range in.ARNs {
		if err := s.exists(arn); err != nil {
			return nil, err
		}
		for _, key := range in.Keys {
			delete(s.Tags[arn], key)
		}
	}
	return struct{}{}, nil
}

func (s *scope) describeTags(in tagInput) (any, error) {
	for _, arn := range in.ARNs {
		if err := s.exists(arn); err != nil {
			return nil, err
		}
	}
	return struct {
		Tags members[xmlTagged] `xml:"TagDescriptions"`
	}{membersOf(in.ARNs, func(arn string) xmlTagged {
		return xmlTagged{arn, membersOf(slices.Sorted(maps.Keys(s.Tags[arn])), func(k string) xmlTag { return xmlTag{k, s.Tags[arn][k]} })}
	})}, nil
}
