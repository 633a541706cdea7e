package ssm

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type metadataJSON struct {
	ARN         string       `json:"ARN"`
	Name        string       `json:"Name"`
	Type        string       `json:"Type"`
	DataType    string       `json:"DataType"`
	Description string       `json:"Description,omitempty"`
	Pattern     string       `json:"AllowedPattern,omitempty"`
	Modified    awswire.Time `json:"LastModifiedDate"`
	Version     int64        `json:"Version"`
	Tier        string       `json:"Tier"`
}

// parameterFilter is a filter of DescribeParameters: Name, Path, Type or tag:<key>.
type parameterFilter struct {
	key, option string
	values      []string
}

type describeInput struct {
	filters []parameterFilter
	page    awswire.Page
}

type describeResult struct {
	Parameters []metadataJSON `json:"Parameters"`
	NextToken  string         `json:"NextToken,omitempty"`
}

func (s *service) describeParameters() awswire.Action {
	return awswire.Operation[describeInput]{
		Name: "DescribeParameters", Decode: decodeDescribe,
		Handle: func(_ context.Context, r *awswire.Request, in describeInput) (any, error) {
			return view(s, r, func(m *state.SSM) (out describeResult, err error) {
				var all []metadataJSON
				for _, name := range slices.Sorted(maps.Keys(m.Parameters)) {
					p := m.Parameters[name]
					if !slices.ContainsFunc(in.filters, func(f parameterFilter) bool { return !f.passes(p) }) {
						all = append(all, metadataJSON{
							arnOf(r.Region, p.Name), p.Name, p.Type, p.DataType, p.Description, p.Pattern, awswire.At(p.Modified), p.Version, p.Tier,
						})
					}
				}
				page, token, err := awswire.Cut(all, in.page, func(p metadataJSON) string { return p.Name }, r.Dialect())
				return describeResult{page, token}, err
			})
		},
	}.Action()
}

func decodeDescribe(p *awswire.Params) describeInput {
	in := describeInput{page: p.Page(1, 50)}
	in.page.Max = cmp.Or(in.page.Max, 50)
	for _, item := range p.List("ParameterFilters") {
		f := parameterFilter{key: item.Required("Key"), values: item.Strings("Values")}
		known, fallback := []string{"Equals", "BeginsWith"}, "Equals"
		switch {
		case f.key == "Name":
			known = append(known, "Contains")
		case f.key == "Path":
			known, fallback = []string{"OneLevel", "Recursive"}, "OneLevel"
		case f.key == "Type", strings.HasPrefix(f.key, "tag:"):
		default:
			p.Refuse("InvalidFilterKey", "The filter key %s is not valid. Valid filter keys: Name, Path, Type, tag:<key>.", f.key)
		}
		f.option = item.String("Option")
		if f.option != "" && !slices.Contains(known, f.option) {
			p.Refuse("InvalidFilterOption", "The filter option %s is not valid. Valid options: %s.", f.option, strings.Join(known, ", "))
		}
		f.option = cmp.Or(f.option, fallback)
		in.filters = append(in.filters, f)
	}
	return in
}

func (f parameterFilter) passes(p *state.Parameter) bool {
	actual := p.Name
	switch {
	case f.key == "Type":
		actual = p.Type
	case strings.HasPrefix(f.key, "tag:"):
		value, ok := p.Tags[strings.TrimPrefix(f.key, "tag:")]
		if !ok {
			return false
		}
		if len(f.values) == 0 {
			return true
		}
		actual = value
	}
	return slices.ContainsFunc(f.values, func(v string) bool {
		switch f.option {
		case "BeginsWith":
			return strings.HasPrefix(actual, v)
		case "Contains":
			return strings.Contains(actual, v)
		case "OneLevel", "Recursive":
			return pathInput{path: v, recursive: f.option == "Recursive"}.within(actual)
		default:
			return actual == v
		}
	})
}
