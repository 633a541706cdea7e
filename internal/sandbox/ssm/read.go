package ssm

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type parameterJSON struct {
	ARN      string       `json:"ARN"`
	DataType string       `json:"DataType"`
	Modified awswire.Time `json:"LastModifiedDate"`
	Name     string       `json:"Name"`
	Selector string       `json:"Selector,omitempty"`
	Type     string       `json:"Type"`
	Value    string       `json:"Value"`
	Version  int64        `json:"Version"`
}

type getInput struct {
	names   []string
	decrypt bool
}

// published is when the public parameters were last changed, for those who ask.
var published = time.Date(2026, 9, 1, 22, 5, 12, 0, time.UTC) //nolint:gochecknoglobals // a constant

// find returns a parameter by name, name:version or ARN, the public ones included.
func (s *service) find(m *state.SSM, region, wanted string, decrypt bool) (parameterJSON, error) {
	name, selector, _ := strings.Cut(strings.TrimPrefix(wanted, "arn:aws:ssm:"+region+":"+state.Account+":parameter"), ":")
	p := s.lookup(m, region, name)
	if p == nil {
		return parameterJSON{}, notFound(wanted)
	}
	shown := show(p, region, decrypt)
	if selector != "" {
		if selector != strconv.FormatInt(p.Version, 10) {
			return parameterJSON{}, awswire.Errorf("ParameterVersionNotFound", 400,
				"Systems Manager could not find version %s of %s. The sandbox keeps the latest only.", selector, name)
		}
		shown.Selector = ":" + selector
	}
	return shown, nil
}

func (s *service) lookup(m *state.SSM, region, name string) *state.Parameter {
	if value, ok := s.Public(region)[name]; ok {
		return &state.Parameter{Name: name, Type: "String", Value: value, DataType: "aws:ec2:image", Version: 1, Modified: published}
	}
	return m.Parameters[name]
}

func show(p *state.Parameter, region string, decrypt bool) parameterJSON {
	value := p.Value
	if p.Type == "SecureString" && !decrypt {
		sum := sha256.Sum256([]byte(value)) // nothing that could be mistaken for the value
		value = "AQICAHg" + base64.StdEncoding.EncodeToString(sum[:])
	}
	return parameterJSON{
		ARN: arnOf(region, p.Name), DataType: p.DataType, Modified: awswire.At(p.Modified), Name: p.Name, Type: p.Type,
		Value: value, Version: p.Version,
	}
}

type getResult struct {
	Parameter parameterJSON `json:"Parameter"`
}

func (s *service) getParameter() awswire.Action {
	return awswire.Operation[getInput]{
		Name: "GetParameter",
		Decode: func(p *awswire.Params) getInput {
			return getInput{names: []string{p.Required("Name")}, decrypt: p.Bool("WithDecryption", false)}
		},
		Access: s.getAccess,
		Handle: func(_ context.Context, r *awswire.Request, in getInput) (any, error) {
			return view(s, r, func(m *state.SSM) (getResult, error) {
				p, err := s.find(m, r.Region, in.names[0], in.decrypt)
				return getResult{p}, err
			})
		},
	}.Action()
}

func (s *service) getAccess(r *awswire.Request, in getInput) []awswire.Access {
	return s.access(r, nil, in.names...)
}

type getManyResult struct {
	Parameters []parameterJSON `json:"Parameters"`
	Invalid    []string        `json:"InvalidParameters"`
}

func (s *service) getParameters() awswire.Action {
	return awswire.Operation[getInput]{
		Name: "GetParameters",
		Decode: func(p *awswire.Params) getInput {
			return getInput{names: decodeNames(p), decrypt: p.Bool("WithDecryption", false)}
		},
		Access: s.getAccess,
		Handle: func(_ context.Context, r *awswire.Request, in getInput) (any, error) {
			return view(s, r, func(m *state.SSM) (out getManyResult, err error) {
				for _, name := range in.names {
					p, err := s.find(m, r.Region, name, in.decrypt)
					if err != nil {
						out.Invalid = append(out.Invalid, name)
						continue
					}
					out.Parameters = append(out.Parameters, p)
				}
				return out, nil
			})
		},
	}.Action()
}

type pathInput struct {
	path      string
	recursive bool
	decrypt   bool
	page      awswire.Page
}

func decodePath(p *awswire.Params) pathInput {
	in := pathInput{
		path: p.Required("Path"), recursive: p.Bool("Recursive", false), decrypt: p.Bool("WithDecryption", false),
		page: p.Page(1, 10),
	}
	if in.path != "" && !strings.HasPrefix(in.path, "/") {
		p.Invalid("The parameter path %s is not valid. It must begin with /.", in.path)
	}
	in.page.Max = cmp.Or(in.page.Max, 10)
	return in
}

// within reports whether a name lies below the path: directly, or at any depth if recursive.
func (in pathInput) within(name string) bool {
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(in.path, "/")+"/")
	return ok && rest != "" && (in.recursive || !strings.Contains(rest, "/"))
}

type pathResult struct {
	Parameters []parameterJSON `json:"Parameters"`
	NextToken  string          `json:"NextToken,omitempty"`
}

func (s *service) getParametersByPath() awswire.Action {
	return awswire.Operation[pathInput]{
		Name: "GetParametersByPath", Decode: decodePath,
		Access: func(r *awswire.Request, in pathInput) []awswire.Access { return s.access(r, nil, in.path) },
		Handle: func(_ context.Context, r *awswire.Request, in pathInput) (any, error) {
			return view(s, r, func(m *state.SSM) (out pathResult, err error) {
				names := slices.Concat(slices.Collect(maps.Keys(m.Parameters)), slices.Collect(maps.Keys(s.Public(r.Region))))
				var all []parameterJSON
				for _, name := range slices.Sorted(slices.Values(names)) {
					if in.within(name) {
						all = append(all, show(s.lookup(m, r.Region, name), r.Region, in.decrypt))
					}
				}
				page, token, err := awswire.Cut(all, in.page, func(p parameterJSON) string { return p.Name }, r.Dialect())
				return pathResult{page, token}, err
			})
		},
	}.Action()
}
