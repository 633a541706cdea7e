package iam

import (
	"context"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type profileXML struct {
	Path       string       `xml:"Path"`
	Name       string       `xml:"InstanceProfileName"`
	ID         string       `xml:"InstanceProfileId"`
	ARN        string       `xml:"Arn"`
	CreateDate awswire.Time `xml:"CreateDate"`
	Roles      []roleXML    `xml:"Roles>member"`
	Tags       []tag        `xml:"Tags>member"`
}

type profileResult struct {
	Profile profileXML `xml:"InstanceProfile"`
}

type profilesResult struct {
	Profiles []profileXML `xml:"InstanceProfiles>member"`
	awswire.Truncated
}

func showProfile(i *state.IAM, p *state.Profile) profileXML {
	shown := profileXML{
		Path: p.Path, Name: p.Name, ID: p.ID, ARN: p.ARN(), CreateDate: awswire.At(p.Created), Tags: tagList(p.Tags),
	}
	if r, ok := i.Roles[p.Role]; ok {
		role := showRole(r)
		role.Tags = nil
		shown.Roles = []roleXML{role}
	}
	return shown
}

type profileInput struct {
	name, path, role string
	tags             map[string]string
}

func (s *service) profileActions() []awswire.Action {
	return []awswire.Action{
		awswire.Operation[profileInput]{
			Name: "CreateInstanceProfile", Mutates: true,
			Decode: func(p *awswire.Params) profileInput {
				return profileInput{name: nameOf(p, profileKind.param, profileKind.max), path: pathOf(p), tags: tagsOf(p)}
			},
			Access: func(_ *awswire.Request, in profileInput) []awswire.Access {
				return s.access(profileKind, in.name, in.path, in.tags)
			},
			Handle: s.createProfile,
		}.Action(),
		on(s, profileKind, "GetInstanceProfile", false, func(data *state.Data, name string) (out profileResult, err error) {
			p, ok := data.IAM.Profiles[name]
			if !ok {
				return out, profileKind.missing(name)
			}
			return profileResult{showProfile(&data.IAM, p)}, nil
		}),
		awswire.Operation[listed]{Name: "ListInstanceProfiles", Decode: decodePrefix, Handle: s.listProfiles}.Action(),
		awswire.Operation[listed]{
			Name: "ListInstanceProfilesForRole", Decode: roleKind.decodeOf, Handle: s.profilesOfRole,
			Access: func(_ *awswire.Request, in listed) []awswire.Access { return s.access(roleKind, in.name, "/", nil) },
		}.Action(),
		s.profileRole("AddRoleToInstanceProfile", s.addRole),
		s.profileRole("RemoveRoleFromInstanceProfile", removeRole),
		on(s, profileKind, "DeleteInstanceProfile", true, deleteProfile),
	}
}

func (s *service) createProfile(_ context.Context, _ *awswire.Request, in profileInput) (any, error) {
	return run(s, true, func(data *state.Data) (out profileResult, err error) {
		if err := profileKind.taken(&data.IAM, in.name); err != nil {
			return out, err
		}
		p := &state.Profile{
			Name: in.name, Path: in.path, ID: newID("AIPA"), Created: now(), Tags: in.tags,
			Usable: time.Now().Add(s.Settings.Delay(settings.ProfileUsable)),
		}
		data.IAM.Profiles[p.Name] = p
		return profileResult{showProfile(&data.IAM, p)}, nil
	})
}

func (s *service) listProfiles(_ context.Context, _ *awswire.Request, in listed) (any, error) {
	return s.selectProfiles(in, func(p *state.Profile) bool { return strings.HasPrefix(p.Path, in.prefix) })
}

func (s *service) profilesOfRole(_ context.Context, _ *awswire.Request, in listed) (any, error) {
	err := s.Store.View(func(data *state.Data) error {
		if _, ok := data.IAM.Roles[in.name]; !ok {
			return roleKind.missing(in.name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.selectProfiles(in, func(p *state.Profile) bool { return p.Role == in.name })
}

func (s *service) selectProfiles(in listed, wanted func(*state.Profile) bool) (any, error) {
	return run(s, false, func(data *state.Data) (out profilesResult, err error) {
		var all []profileXML
		for _, name := range keysOf(data.IAM.Profiles) {
			if p := data.IAM.Profiles[name]; wanted(p) {
				shown := showProfile(&data.IAM, p)
				shown.Tags = nil // lists come without tags
				all = append(all, shown)
			}
		}
		page, token, err := awswire.Cut(all, in.page, func(p profileXML) string { return p.Name }, dialect())
		return profilesResult{page, awswire.More(token)}, err
	})
}

// profileRole is an action that changes the role of a profile.
func (s *service) profileRole(action string, do func(*state.IAM, *state.Profile, profileInput) error) awswire.Action {
	return awswire.Operation[profileInput]{
		Name: action, Mutates: true,
		Decode: func(p *awswire.Params) profileInput {
			return profileInput{name: nameOf(p, profileKind.param, profileKind.max), role: nameOf(p, roleKind.param, roleKind.max)}
		},
		Access: func(_ *awswire.Request, in profileInput) []awswire.Access {
			wanted := s.access(profileKind, in.name, "/", nil)
			if action == "AddRoleToInstanceProfile" { // else anybody could give his instances any role
				pass := s.access(roleKind, in.role, "/", nil)[0]
				pass.Action = "iam:PassRole"
				pass.Keys = map[string]string{"iam:PassedToService": "ec2.amazonaws.com"}
				wanted = append(wanted, pass)
			}
			return wanted
		},
		Handle: func(_ context.Context, _ *awswire.Request, in profileInput) (any, error) {
			return run(s, true, func(data *state.Data) (none, error) {
				p, ok := data.IAM.Profiles[in.name]
				if !ok {
					return none{}, profileKind.missing(in.name)
				}
				if _, ok := data.IAM.Roles[in.role]; !ok {
					return none{}, roleKind.missing(in.role)
				}
				return none{}, do(&data.IAM, p, in)
			})
		},
	}.Action()
}

func (s *service) addRole(_ *state.IAM, p *state.Profile, in profileInput) error {
	if p.Role != "" {
		return awswire.Errorf("LimitExceeded", 409, "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
	}
	p.Role, p.Usable = in.role, time.Now().Add(s.Settings.Delay(settings.ProfileUsable))
	return nil
}

func removeRole(_ *state.IAM, p *state.Profile, in profileInput) error {
	if p.Role != in.role {
		return awswire.Errorf("NoSuchEntity", 404, "The role with name %s cannot be found in the instance profile.", in.role)
	}
	p.Role = ""
	return nil
}

func deleteProfile(data *state.Data, name string) (none, error) {
	p, ok := data.IAM.Profiles[name]
	if !ok {
		return none{}, profileKind.missing(name)
	}
	if p.Role != "" {
		return none{}, deleteConflict("must remove roles from instance profile first")
	}
	delete(data.IAM.Profiles, name)
	return none{}, nil
}
