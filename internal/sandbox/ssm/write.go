package ssm

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// The limits of a parameter.
const (
	maxName     = 1011
	maxLevels   = 15
	maxStandard = 4096 // bytes of a value in the tier Standard
	maxAdvanced = 8192
	maxTags     = 50
)

var nameRule = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)

type putInput struct {
	state.Parameter

	overwrite bool
}

type putResult struct {
	Tier    string `json:"Tier"`
	Version int64  `json:"Version"`
}

func (s *service) putParameter() awswire.Action {
	return awswire.Operation[putInput]{
		Name: "PutParameter", Mutates: true, Decode: decodePut,
		Access: func(r *awswire.Request, in putInput) []awswire.Access { return s.access(r, in.Tags, in.Name) },
		Handle: func(_ context.Context, r *awswire.Request, in putInput) (any, error) {
			return update(s, r, func(m *state.SSM) (putResult, error) { return put(m, in) })
		},
	}.Action()
}

func decodePut(p *awswire.Params) putInput {
	in := putInput{overwrite: p.Bool("Overwrite", false)}
	in.Name, in.Value, in.Description = p.Required("Name"), p.Required("Value"), p.String("Description")
	in.Type = p.OneOf("Type", "", "String", "StringList", "SecureString")
	in.Tier = p.OneOf("Tier", "Standard", "Standard", "Advanced")
	in.DataType = p.OneOf("DataType", "text", "text")
	in.Pattern = p.String("AllowedPattern")
	in.Tags = tagsOf(p)
	checkName(p, in.Name)
	limit := maxStandard
	if in.Tier == "Advanced" {
		limit = maxAdvanced
	}
	if len(in.Value) > limit {
		p.Invalid("%s tier parameters support a maximum parameter value of %d characters.", in.Tier, limit)
	}
	if in.overwrite && len(in.Tags) > 0 {
		p.Invalid("Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag.")
	}
	if pattern, err := regexp.Compile(in.Pattern); err != nil {
		p.Refuse("InvalidAllowedPatternException", "The pattern %s is not valid", in.Pattern)
	} else if !pattern.MatchString(in.Value) {
		p.Refuse("ParameterPatternMismatchException", "Parameter value, cannot be validated against allowedPattern: %s", in.Pattern)
	}
	return in
}

func checkName(p *awswire.Params, name string) {
	bare := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case name == "": // missing
	case len(name) > maxName || !nameRule.MatchString(name) || strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		p.Invalid("Parameter name must be a fully qualified name: at most %d of a-zA-Z0-9_.-/, beginning with / if it has one.", maxName)
	case strings.Count(name, "/") > maxLevels:
		p.Refuse("HierarchyLevelLimitExceededException", "A parameter hierarchy can have at most %d levels", maxLevels)
	case strings.HasPrefix(bare, "aws"), strings.HasPrefix(bare, "ssm"):
		p.Refuse("AccessDeniedException", "No access to reserved parameter name: %s.", name)
	}
}

// put writes a parameter. Without overwrite it is an atomic create: of many callers at once, exactly one succeeds.
func put(m *state.SSM, in putInput) (putResult, error) {
	old := m.Parameters[in.Name]
	fresh := in.Parameter
	switch {
	case old == nil && in.Type == "":
		return putResult{}, awswire.Errorf("ValidationException", 400, "A parameter type is required when you create a parameter.")
	case old == nil:
		fresh.Version = 1
	case !in.overwrite:
		return putResult{}, awswire.Errorf("ParameterAlreadyExists", 400,
			"The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	case in.Type != "" && in.Type != old.Type:
		return putResult{}, awswire.Errorf("ValidationException", 400, "The type of a parameter cannot be changed from %s to %s.", old.Type, in.Type)
	default:
		fresh.Version, fresh.Type, fresh.Tags = old.Version+1, old.Type, old.Tags
	}
	fresh.Modified = time.Now().UTC().Truncate(time.Millisecond)
	m.Parameters[in.Name] = &fresh
	return putResult{fresh.Tier, fresh.Version}, nil
}

func (s *service) deleteParameter() awswire.Action {
	return one(s, "DeleteParameter", true, func(m *state.SSM, name string) (struct{}, error) {
		if _, ok := m.Parameters[name]; !ok {
			return struct{}{}, notFound(name)
		}
		delete(m.Parameters, name)
		return struct{}{}, nil
	})
}

type deleteResult struct {
	Deleted []string `json:"DeletedParameters"`
	Invalid []string `json:"InvalidParameters"`
}

func (s *service) deleteParameters() awswire.Action {
	return awswire.Operation[[]string]{
		Name: "DeleteParameters", Mutates: true, Decode: decodeNames,
		Access: func(r *awswire.Request, names []string) []awswire.Access { return s.access(r, nil, names...) },
		Handle: func(_ context.Context, r *awswire.Request, names []string) (any, error) {
			return update(s, r, func(m *state.SSM) (out deleteResult, err error) {
				for _, name := range names {
					if _, ok := m.Parameters[name]; !ok {
						out.Invalid = append(out.Invalid, name)
						continue
					}
					delete(m.Parameters, name)
					out.Deleted = append(out.Deleted, name)
				}
				return out, nil
			})
		},
	}.Action()
}

// decodeNames reads the one to ten names of a call about several parameters.
func decodeNames(p *awswire.Params) []string {
	names := p.Strings("Names")
	if len(names) < 1 || len(names) > 10 {
		p.Invalid("Member must have length between 1 and 10: Names has %d", len(names))
	}
	return names
}
