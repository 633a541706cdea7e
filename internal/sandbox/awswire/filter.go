package awswire

import (
	"maps"
	"slices"
	"strings"
)

// Filter is one of a describe call's filters: an object passes if its field has any of the values.
type Filter struct {
	Name   string
	Values []string
}

// Filters reads EC2's list of filters; empty is no filter. `Filter.1.Name=x&Filter.1.Value.1=y`
func (p *Params) Filters() []Filter {
	var all []Filter
	for _, item := range p.List("Filter") {
		f := Filter{Name: item.Required("Name"), Values: item.Strings("Value")}
		if len(f.Values) == 0 {
			p.Invalid("The filter '%s' has no values", f.Name)
		}
		all = append(all, f)
	}
	return all
}

// FilterSet is what the describe call of one kind of object can filter by.
type FilterSet[T any] struct {
	Fields map[string]func(T) []string // by the filter's name: the values that an object has for it
	Tags   func(T) map[string]string   // answers tag:<key> and tag-key; nil for a kind without tags
}

// Select returns the objects that pass every filter, in their order. An unknown filter is refused even if there are no
// objects.
func (s FilterSet[T]) Select(objects []T, filters []Filter) ([]T, error) {
	for _, f := range filters {
		if !s.knows(f.Name) {
			return nil, Errorf("InvalidParameterValue", 400, "The filter '%s' is invalid", f.Name)
		}
	}
	selected := make([]T, 0, len(objects))
	for _, o := range objects {
		if !slices.ContainsFunc(filters, func(f Filter) bool { return !s.passes(o, f) }) {
			selected = append(selected, o)
		}
	}
	return selected, nil
}

func (s FilterSet[T]) knows(name string) bool {
	if _, ok := s.Fields[name]; ok {
		return true
	}
	return s.Tags != nil && (name == "tag-key" || strings.HasPrefix(name, "tag:"))
}

func (s FilterSet[T]) passes(o T, f Filter) bool {
	return slices.ContainsFunc(s.values(o, f.Name), func(v string) bool { return matchesAny(f.Values, v) })
}

func (s FilterSet[T]) values(o T, name string) []string {
	if field, ok := s.Fields[name]; ok {
		return field(o)
	}
	tags := s.Tags(o)
	if name == "tag-key" {
		return slices.Collect(maps.Keys(tags))
	}
	if v, ok := tags[strings.TrimPrefix(name, "tag:")]; ok {
		return []string{v}
	}
	return nil
}

func matchesAny(patterns []string, value string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return Match(p, value) })
}
