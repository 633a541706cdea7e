package iam

import (
	"context"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/iam/policy"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type roleXML struct {
	Path        string       `xml:"Path"`
	RoleName    string       `xml:"RoleName"`
	RoleID      string       `xml:"RoleId"`
	ARN         string       `xml:"Arn"`
	CreateDate  awswire.Time `xml:"CreateDate"`
	Trust       string       `xml:"AssumeRolePolicyDocument"`
	Description string       `xml:"Description,omitempty"`
	MaxSession  int          `xml:"MaxSessionDuration"`
	Tags        []tag        `xml:"Tags>member"`
}

type roleResult struct {
	Role roleXML `xml:"Role"`
}

type rolesResult struct {
	Roles []roleXML `xml:"Roles>member"`
	awswire.Truncated
}

func showRole(r *state.Role) roleXML {
	return roleXML{
		r.Path, r.Name, r.ID, r.ARN(), awswire.At(r.Created), quoted(r.Trust), r.Description, r.MaxSession, tagList(r.Tags),
	}
}

type roleInput struct {
	name, path, trust, description string
	maxSession                     int // 0 = as it is
	described                      bool
	tags                           map[string]string
}

func decodeNewRole(p *awswire.Params) roleInput {
	in := decodeRole(p)
	in.path, in.tags = pathOf(p), tagsOf(p)
	if in.maxSession == 0 {
		in.maxSession = 3600
	}
	in.trust = p.Required("AssumeRolePolicyDocument")
	checkPolicy(p, in.trust, policy.Trust)
	return in
}

func decodeRole(p *awswire.Params) roleInput {
	return roleInput{
		name: nameOf(p, "RoleName", roleKind.max), maxSession: p.IntBetween("MaxSessionDuration", 0, 3600, 43200),
		described: p.Has("Description"), description: p.String("Description"),
	}
}

func decodeTrust(p *awswire.Params) roleInput {
	in := roleInput{name: nameOf(p, "RoleName", roleKind.max), trust: p.Required("PolicyDocument")}
	checkPolicy(p, in.trust, policy.Trust)
	return in
}

func (s *service) roleActions() []awswire.Action {
	access := func(_ *awswire.Request, in roleInput) []awswire.Access {
		return s.access(roleKind, in.name, in.path, in.tags)
	}
	return []awswire.Action{
		awswire.Operation[roleInput]{Name: "CreateRole", Mutates: true, Decode: decodeNewRole, Access: access, Handle: s.createRole}.Action(),
		awswire.Operation[roleInput]{
			Name: "UpdateRole", Mutates: true, Decode: decodeRole, Access: access,
			Handle: s.onRole(func(r *state.Role, in roleInput) {
				if in.maxSession > 0 {
					r.MaxSession = in.maxSession
				}
				if in.described {
					r.Description = in.description
				}
			}),
		}.Action(),
		awswire.Operation[roleInput]{
			Name: "UpdateAssumeRolePolicy", Mutates: true, Decode: decodeTrust, Access: access,
			Handle: s.onRole(func(r *state.Role, in roleInput) { r.Trust = in.trust }),
		}.Action(),
		on(s, roleKind, "GetRole", false, func(data *state.Data, name string) (out roleResult, err error) {
			r, ok := data.IAM.Roles[name]
			if !ok {
				return out, roleKind.missing(name)
			}
			return roleResult{showRole(r)}, nil
		}),
		awswire.Operation[listed]{Name: "ListRoles", Decode: decodePrefix, Handle: s.listRoles}.Action(),
		on(s, roleKind, "DeleteRole", true, deleteRole),
	}
}

func (s *service) createRole(_ context.Context, _ *awswire.Request, in roleInput) (any, error) {
	return run(s, true, func(data *state.Data) (out roleResult, err error) {
		if err := roleKind.taken(&data.IAM, in.name); err != nil {
			return out, err
		}
		r := &state.Role{
			Name: in.name, Path: in.path, ID: newID("AROA"), Created: now(), Description: in.description,
			MaxSession: in.maxSession, Trust: in.trust, Tags: in.tags, Policies: map[string]string{},
		}
		data.IAM.Roles[r.Name] = r
		return roleResult{showRole(r)}, nil
	})
}

func (s *service) onRole(do func(*state.Role, roleInput)) func(context.Context, *awswire.Request, roleInput) (any, error) {
	return func(_ context.Context, _ *awswire.Request, in roleInput) (any, error) {
		return run(s, true, func(data *state.Data) (none, error) {
			r, ok := data.IAM.Roles[in.name]
			if !ok {
				return none{}, roleKind.missing(in.name)
			}
			do(r, in)
			return none{}, nil
		})
	}
}

func (s *service) listRoles(_ context.Context, _ *awswire.Request, in listed) (any, error) {
	return run(s, false, func(data *state.Data) (out rolesResult, err error) {
		var all []roleXML
		for _, name := range keysOf(data.IAM.Roles) {
			if r := data.IAM.Roles[name]; strings.HasPrefix(r.Path, in.prefix) {
				shown := showRole(r)
				shown.Tags = nil // lists come without tags
				all = append(all, shown)
			}
		}
		page, token, err := awswire.Cut(all, in.page, func(r roleXML) string { return r.RoleName }, dialect())
		return rolesResult{page, awswire.More(token)}, err
	})
}

func deleteRole(data *state.Data, name string) (none, error) {
	r, ok := data.IAM.Roles[name]
	if !ok {
		return none{}, roleKind.missing(name)
	}
	if len(r.Policies) > 0 {
		return none{}, deleteConflict("must delete policies first")
	}
	for _, p := range data.IAM.Profiles {
		if p.Role == name {
			return none{}, deleteConflict("must remove roles from instance profile first")
		}
	}
	for id, k := range data.IAM.Keys {
		if k.Role == name {
			delete(data.IAM.Keys, id)
		}
	}
	delete(data.IAM.Roles, name)
	return none{}, nil
}
