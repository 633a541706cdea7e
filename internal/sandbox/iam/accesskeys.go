package iam

import (
	"context"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// maxKeys is how many access keys a user may have.
const maxKeys = 2

type keyXML struct {
	UserName   string       `xml:"UserName"`
	ID         string       `xml:"AccessKeyId"`
	Status     string       `xml:"Status"`
	Secret     string       `xml:"SecretAccessKey,omitempty"` // told only when it is made
	CreateDate awswire.Time `xml:"CreateDate"`
}

type keyResult struct {
	Key keyXML `xml:"AccessKey"`
}

type keysResult struct {
	Keys []keyXML `xml:"AccessKeyMetadata>member"`
	awswire.Truncated
}

func showKey(k *state.Key) keyXML {
	status := "Inactive"
	if k.Active {
		status = "Active"
	}
	return keyXML{UserName: k.User, ID: k.ID, Status: status, CreateDate: awswire.At(k.Created)}
}

type keyInput struct {
	user, id, status string
}

// keyActions are the actions on users' access keys. A user must be named: the sandbox's callers are mostly the root user,
// whose own key is not theirs to change.
func (s *service) keyActions() []awswire.Action {
	access := func(_ *awswire.Request, in keyInput) []awswire.Access { return s.access(userKind, in.user, "/", nil) }
	decode := func(p *awswire.Params) keyInput {
		return keyInput{user: nameOf(p, "UserName", userKind.max), id: p.Required("AccessKeyId")}
	}
	return []awswire.Action{
		on(s, userKind, "CreateAccessKey", true, createKey),
		awswire.Operation[listed]{
			Name: "ListAccessKeys", Decode: userKind.decodeOf,
			Access: func(_ *awswire.Request, in listed) []awswire.Access { return s.access(userKind, in.name, "/", nil) },
			Handle: s.listKeys,
		}.Action(),
		awswire.Operation[keyInput]{
			Name: "UpdateAccessKey", Mutates: true, Access: access,
			Decode: func(p *awswire.Params) keyInput {
				in := decode(p)
				in.status = p.OneOf("Status", "", "Active", "Inactive")
				return in
			},
			Handle: s.onKey(func(_ *state.IAM, k *state.Key, in keyInput) { k.Active = in.status == "Active" }),
		}.Action(),
		awswire.Operation[keyInput]{
			Name: "DeleteAccessKey", Mutates: true, Access: access, Decode: decode,
			Handle: s.onKey(func(i *state.IAM, k *state.Key, _ keyInput) { delete(i.Keys, k.ID) }),
		}.Action(),
	}
}

// longLived reports whether the key is one of the user's own, rather than a temporary one.
func longLived(k *state.Key, user string) bool { return k.User == user && k.Token == "" && !k.Root }

func createKey(data *state.Data, user string) (out keyResult, err error) {
	if _, ok := data.IAM.Users[user]; !ok {
		return out, userKind.missing(user)
	}
	count := 0
	for _, k := range data.IAM.Keys {
		if longLived(k, user) {
			count++
		}
	}
	if count >= maxKeys {
		return out, awswire.Errorf("LimitExceeded", 409, "Cannot exceed quota for AccessKeysPerUser: %d", maxKeys)
	}
	k := newKey("AKIA")
	k.User = user
	data.IAM.Keys[k.ID] = k
	out.Key = showKey(k)
	out.Key.Secret = k.Secret
	return out, nil
}

func (s *service) listKeys(_ context.Context, _ *awswire.Request, in listed) (any, error) {
	return run(s, false, func(data *state.Data) (out keysResult, err error) {
		if _, ok := data.IAM.Users[in.name]; !ok {
			return out, userKind.missing(in.name)
		}
		var all []keyXML
		for _, id := range keysOf(data.IAM.Keys) {
			if k := data.IAM.Keys[id]; longLived(k, in.name) {
				all = append(all, showKey(k))
			}
		}
		page, token, err := awswire.Cut(all, in.page, func(k keyXML) string { return k.ID }, dialect())
		return keysResult{page, awswire.More(token)}, err
	})
}

func (s *service) onKey(do func(*state.IAM, *state.Key, keyInput)) func(context.Context, *awswire.Request, keyInput) (any, error) {
	return func(_ context.Context, _ *awswire.Request, in keyInput) (any, error) {
		return run(s, true, func(data *state.Data) (none, error) {
			k, ok := data.IAM.Keys[in.id]
			if !ok || !longLived(k, in.user) {
				return none{}, awswire.Errorf("NoSuchEntity", 404, "The Access Key with id %s cannot be found.", in.id)
			}
			do(&data.IAM, k, in)
			return none{}, nil
		})
	}
}
