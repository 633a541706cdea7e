package iam

import (
	"maps"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Deps are what the service stands on.
type Deps struct {
	Store    *state.Store
	Settings *settings.Settings
}

type service struct{ Deps }

// New returns the service.
func New(deps Deps) *awswire.Service {
	s := &service{deps}
	return &awswire.Service{
		Name: "iam", Version: "2010-05-08", XMLNS: "https://iam.amazonaws.com/doc/2010-05-08/", Protocol: awswire.AWSQuery,
		Actions: awswire.Table(slices.Concat(
			s.userActions(), s.keyActions(), s.roleActions(), s.profileActions(),
			s.policyActions(userKind), s.policyActions(roleKind),
			s.tagActions(userKind), s.tagActions(roleKind), s.tagActions(profileKind),
		)...),
	}
}

// dialect is how IAM words its refusals.
func dialect() *awswire.Dialect { return awswire.DialectOf(awswire.AWSQuery) }

// entity is what users, roles and instance profiles have in common.
type entity struct {
	ARN      string
	Policies map[string]string // nil for instance profiles
	Tags     map[string]string
}

// kind describes users, roles or instance profiles for the actions that all of them have.
type kind struct {
	noun  string // as in the actions' names: Role
	param string // as in the parameters: RoleName
	text  string // as in the messages: role
	max   int    // length of a name
	find  func(i *state.IAM, name string) (entity, bool)
	names func(i *state.IAM) []string
}

//nolint:gochecknoglobals // constant tables
var (
	userKind = kind{
		noun: "User", param: "UserName", text: "user", max: 64,
		find: func(i *state.IAM, name string) (entity, bool) {
			u, ok := i.Users[name]
			if !ok {
				return entity{}, false
			}
			return entity{u.ARN(), u.Policies, u.Tags}, true
		},
		names: func(i *state.IAM) []string { return keysOf(i.Users) },
	}
	roleKind = kind{
		noun: "Role", param: "RoleName", text: "role", max: 64,
		find: func(i *state.IAM, name string) (entity, bool) {
			r, ok := i.Roles[name]
			if !ok {
				return entity{}, false
			}
			return entity{r.ARN(), r.Policies, r.Tags}, true
		},
		names: func(i *state.IAM) []string { return keysOf(i.Roles) },
	}
	profileKind = kind{
		noun: "InstanceProfile", param: "InstanceProfileName", text: "instance profile", max: 128,
		find: func(i *state.IAM, name string) (entity, bool) {
			p, ok := i.Profiles[name]
			if !ok {
				return entity{}, false
			}
			return entity{p.ARN(), nil, p.Tags}, true
		},
		names: func(i *state.IAM) []string { return keysOf(i.Profiles) },
	}
)

// missing refuses a name that nothing of the kind has.
func (k kind) missing(name string) error {
	return awswire.Errorf("NoSuchEntity", 404, "The %s with name %s cannot be found.", k.text, name)
}

// taken refuses a name that something of the kind has; IAM tells names apart without regard to case.
func (k kind) taken(i *state.IAM, name string) error {
	if slices.ContainsFunc(k.names(i), func(n string) bool { return strings.EqualFold(n, name) }) {
		return awswire.Errorf("EntityAlreadyExists", 409, "%s with name %s already exists.", k.noun, name)
	}
	return nil
}

// access is what must be allowed for a call about an existing thing of the kind, or one that is to be made.
func (s *service) access(k kind, name, path string, requestTags map[string]string) []awswire.Access {
	wanted := awswire.Access{RequestTags: requestTags}
	_ = s.Store.View(func(data *state.Data) error { // never fails
		if e, ok := k.find(&data.IAM, name); ok {
			wanted.Resource, wanted.ResourceTags = e.ARN, maps.Clone(e.Tags)
		} else {
			wanted.Resource = state.IAMARN(k.resource(), path, name)
		}
		return nil
	})
	return []awswire.Access{wanted}
}

// resource is the kind's word in ARNs.
func (k kind) resource() string { return strings.ReplaceAll(k.text, " ", "-") }

// RoleByARN returns the role of an ARN, nil if there is none.
func RoleByARN(data *state.Data, arn string) *state.Role {
	for _, r := range data.IAM.Roles {
		if r.ARN() == arn {
			return r
		}
	}
	return nil
}
