package iam

import (
	"context"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type userXML struct {
	Path       string       `xml:"Path"`
	UserName   string       `xml:"UserName"`
	UserID     string       `xml:"UserId"`
	ARN        string       `xml:"Arn"`
	CreateDate awswire.Time `xml:"CreateDate"`
	Tags       []tag        `xml:"Tags>member"`
}

type userResult struct {
	User userXML `xml:"User"`
}

type usersResult struct {
	Users []userXML `xml:"Users>member"`
	awswire.Truncated
}

func showUser(u *state.User) userXML {
	return userXML{u.Path, u.Name, u.ID, u.ARN(), awswire.At(u.Created), tagList(u.Tags)}
}

type newUser struct {
	name, path string
	tags       map[string]string
}

func (s *service) userActions() []awswire.Action {
	return []awswire.Action{
		awswire.Operation[newUser]{
			Name: "CreateUser", Mutates: true,
			Decode: func(p *awswire.Params) newUser {
				return newUser{nameOf(p, "UserName", userKind.max), pathOf(p), tagsOf(p)}
			},
			Access: func(_ *awswire.Request, in newUser) []awswire.Access {
				return s.access(userKind, in.name, in.path, in.tags)
			},
			Handle: s.createUser,
		}.Action(),
		awswire.Operation[string]{
			Name:   "GetUser",
			Decode: func(p *awswire.Params) string { return p.String("UserName") },
			Access: func(r *awswire.Request, name string) []awswire.Access {
				return s.access(userKind, nameOr(name, r.Identity), "/", nil)
			},
			Handle: s.getUser,
		}.Action(),
		awswire.Operation[listed]{Name: "ListUsers", Decode: decodePrefix, Handle: s.listUsers}.Action(),
		on(s, userKind, "DeleteUser", true, deleteUser),
	}
}

// nameOr returns the name, or that of the calling user.
func nameOr(name string, who awswire.Identity) string {
	if name == "" && !who.Root {
		return who.ARN[strings.LastIndex(who.ARN, "/")+1:]
	}
	return name
}

func (s *service) createUser(_ context.Context, _ *awswire.Request, in newUser) (any, error) {
	return run(s, true, func(data *state.Data) (out userResult, err error) {
		if err := userKind.taken(&data.IAM, in.name); err != nil {
			return out, err
		}
		u := &state.User{
			Name: in.name, Path: in.path, ID: newID("AIDA"), Created: now(), Tags: in.tags, Policies: map[string]string{},
		}
		data.IAM.Users[u.Name] = u
		return userResult{showUser(u)}, nil
	})
}

func (s *service) getUser(_ context.Context, r *awswire.Request, name string) (any, error) {
	if name == "" && r.Identity.Root {
		return userResult{userXML{UserID: state.Account, ARN: r.Identity.ARN, Path: "/", CreateDate: awswire.At(time.Unix(0, 0))}}, nil
	}
	return run(s, false, func(data *state.Data) (out userResult, err error) {
		u, ok := data.IAM.Users[nameOr(name, r.Identity)]
		if !ok {
			return out, userKind.missing(nameOr(name, r.Identity))
		}
		return userResult{showUser(u)}, nil
	})
}

func (s *service) listUsers(_ context.Context, _ *awswire.Request, in listed) (any, error) {
	return run(s, false, func(data *state.Data) (out usersResult, err error) {
		var all []userXML
		for _, name := range keysOf(data.IAM.Users) {
			if u := data.IAM.Users[name]; strings.HasPrefix(u.Path, in.prefix) {
				shown := showUser(u)
				shown.Tags = nil // lists come without tags
				all = append(all, shown)
			}
		}
		page, token, err := awswire.Cut(all, in.page, func(u userXML) string { return u.UserName }, dialect())
		return usersResult{page, awswire.More(token)}, err
	})
}

func deleteUser(data *state.Data, name string) (none, error) {
	u, ok := data.IAM.Users[name]
	if !ok {
		return none{}, userKind.missing(name)
	}
	if len(u.Policies) > 0 {
		return none{}, deleteConflict("must delete policies first")
	}
	for id, k := range data.IAM.Keys {
		switch {
		case k.User != name:
		case k.Token == "":
			return none{}, deleteConflict("must delete access keys first")
		default:
			delete(data.IAM.Keys, id) // temporary credentials die with their user
		}
	}
	delete(data.IAM.Users, name)
	return none{}, nil
}

func deleteConflict(why string) error {
	return awswire.Errorf("DeleteConflict", 409, "Cannot delete entity, %s.", why)
}

// now is a time as IAM keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Second) }
