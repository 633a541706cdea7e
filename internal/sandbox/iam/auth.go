package iam

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/iam/policy"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Auth answers who a key belongs to and what its owner may do.
type Auth struct{ store *state.Store }

// NewAuth returns the store's Auth.
func NewAuth(store *state.Store) *Auth { return &Auth{store: store} }

// Identify returns the owner of an access key and its secret.
func (a *Auth) Identify(accessKey, sessionToken string, d *awswire.Dialect) (awswire.Identity, string, error) {
	var who awswire.Identity
	var secret string
	err := a.store.View(func(data *state.Data) error {
		k := data.IAM.Keys[accessKey]
		if k == nil || !k.Active || subtle.ConstantTimeCompare([]byte(k.Token), []byte(sessionToken)) == 0 {
			return unknownKey(d)
		}
		if !k.Expires.IsZero() && !time.Now().Before(k.Expires) {
			return d.ExpiredToken.Errorf("The security token included in the request is expired")
		}
		owner, err := identityOf(&data.IAM, k)
		if err != nil {
			return unknownKey(d)
		}
		who, secret = owner, k.Secret
		return nil
	})
	return who, secret, err
}

func unknownKey(d *awswire.Dialect) error {
	if d.UnknownKey == d.BadSignature { // EC2 does not say which of the two it was
		return d.UnknownKey.Errorf("AWS was not able to validate the provided access credentials")
	}
	return d.UnknownKey.Errorf("The security token included in the request is invalid")
}

// identityOf returns who acts with a key. A key outlives neither its user nor its role.
func identityOf(i *state.IAM, k *state.Key) (awswire.Identity, error) {
	who := awswire.Identity{Account: state.Account, AccessKey: k.ID}
	switch {
	case k.Root:
		who.ARN, who.UserID, who.Root = "arn:aws:iam::"+state.Account+":root", state.Account, true
	case k.Role != "":
		role, ok := i.Roles[k.Role]
		if !ok {
			return who, fmt.Errorf("no role %s", k.Role)
		}
		who.ARN = "arn:aws:sts::" + state.Account + ":assumed-role/" + k.Role + "/" + k.Session
		who.UserID = role.ID + ":" + k.Session
	default:
		user, ok := i.Users[k.User]
		if !ok {
			return who, fmt.Errorf("no user %s", k.User)
		}
		who.ARN, who.UserID = user.ARN(), user.ID
	}
	return who, nil
}

// Authorize refuses the first thing wanted that the caller's policies do not allow.
func (a *Auth) Authorize(who awswire.Identity, region string, wanted []awswire.Access, d *awswire.Dialect) error {
	for _, w := range wanted {
		decision, err := a.Decide(who, region, w)
		if err != nil {
			return err
		}
		if decision != policy.Allow {
			return denied(who, w, decision, d)
		}
	}
	return nil
}

// Decide evaluates the caller's policies, as they are now, for one thing. It must not be called within a transaction of
// the store.
func (a *Auth) Decide(who awswire.Identity, region string, w awswire.Access) (policy.Decision, error) {
	if who.Root {
		return policy.Allow, nil
	}
	docs, err := a.policies(who)
	if err != nil {
		return policy.ImplicitDeny, err
	}
	return policy.Evaluate(docs, policy.Query{
		Action: w.Action, Resource: cmp.Or(w.Resource, "*"), Context: contextOf(who, region, w), Principal: who.ARN,
	}), nil
}

// policies returns the caller's documents as they are now.
func (a *Auth) policies(who awswire.Identity) ([]*policy.Document, error) {
	var docs []*policy.Document
	err := a.store.View(func(data *state.Data) error {
		texts := map[string]string{}
		k := data.IAM.Keys[who.AccessKey]
		switch {
		case k == nil:
		case k.Role != "":
			if role := data.IAM.Roles[k.Role]; role != nil {
				texts = role.Policies
			}
		default:
			if user := data.IAM.Users[k.User]; user != nil {
				texts = user.Policies
			}
		}
		for name, text := range texts {
			doc, err := policy.Parse(text, policy.Permissions)
			if err != nil {
				return fmt.Errorf("read policy %s: %w", name, err)
			}
			docs = append(docs, doc)
		}
		return nil
	})
	return docs, err
}

// contextOf returns the values of the condition keys, by key in lower case.
func contextOf(who awswire.Identity, region string, w awswire.Access) map[string]string {
	c := map[string]string{
		"aws:requestedregion": region, "aws:principalarn": who.ARN, "aws:principalaccount": who.Account,
		"aws:securetransport": "false",
	}
	for key, value := range w.RequestTags {
		c["aws:requesttag/"+strings.ToLower(key)] = value
	}
	for key, value := range w.ResourceTags {
		c["aws:resourcetag/"+strings.ToLower(key)] = value
		c["ec2:resourcetag/"+strings.ToLower(key)] = value
	}
	for key, value := range w.Keys {
		c[strings.ToLower(key)] = value
	}
	return c
}

func denied(who awswire.Identity, w awswire.Access, decision policy.Decision, d *awswire.Dialect) error {
	because := "because no identity-based policy allows the " + w.Action + " action"
	if decision == policy.ExplicitDeny {
		because = "with an explicit deny in an identity-based policy"
	}
	text := fmt.Sprintf("User: %s is not authorized to perform: %s", who.ARN, w.Action)
	if w.Resource != "" {
		text += " on resource: " + w.Resource
	}
	text += " " + because
	if d.DryRunPossible { // EC2 has its own beginning
		text = "You are not authorized to perform this operation. " + text
	}
	return d.AccessDenied.Errorf("%s", text)
}
