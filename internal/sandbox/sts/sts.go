// Package sts is the sandbox's Security Token Service: who am I, and temporary credentials of users and roles.
//
// It keeps the credentials in the store's IAM part. Safe for concurrent use.
package sts

import (
	"context"
	"regexp"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/iam"
	"github.com/slipway-project/slipway/internal/sandbox/iam/policy"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type service struct {
	store *state.Store
	auth  *iam.Auth
}

// New returns the service.
func New(store *state.Store) *awswire.Service {
	s := &service{store: store, auth: iam.NewAuth(store)}
	return &awswire.Service{
		Name: "sts", Version: "2011-06-15", XMLNS: "https://sts.amazonaws.com/doc/2011-06-15/", Protocol: awswire.AWSQuery,
		Actions: awswire.Table(s.getCallerIdentity(), s.getSessionToken(), s.assumeRole()),
	}
}

type callerIdentity struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string `xml:"Account"`
}

// getCallerIdentity needs no permission, as on AWS.
func (s *service) getCallerIdentity() awswire.Action {
	return awswire.Operation[struct{}]{
		Name: "GetCallerIdentity", Decode: awswire.NoInput,
		Access: func(*awswire.Request, struct{}) []awswire.Access { return nil },
		Handle: func(_ context.Context, r *awswire.Request, _ struct{}) (any, error) {
			return callerIdentity{r.Identity.ARN, r.Identity.UserID, r.Identity.Account}, nil
		},
	}.Action()
}

type credentials struct {
	AccessKeyID     string       `xml:"AccessKeyId"`
	SecretAccessKey string       `xml:"SecretAccessKey"`
	SessionToken    string       `xml:"SessionToken"`
	Expiration      awswire.Time `xml:"Expiration"`
}

func credentialsOf(k *state.Key) credentials {
	return credentials{k.ID, k.Secret, k.Token, awswire.At(k.Expires)}
}

// getSessionToken gives the caller temporary credentials of his own; like AWS it refuses a role's.
func (s *service) getSessionToken() awswire.Action {
	type input struct{ seconds int }
	type result struct {
		Credentials credentials `xml:"Credentials"`
	}
	return awswire.Operation[input]{
		Name: "GetSessionToken", // gives out credentials, but changes nothing that anybody could see
		Decode: func(p *awswire.Params) input {
			return input{seconds: p.IntBetween("DurationSeconds", 43200, 900, 129600)}
		},
		Access: func(*awswire.Request, input) []awswire.Access { return nil },
		Handle: func(_ context.Context, r *awswire.Request, in input) (any, error) {
			var out result
			err := s.store.Update(func(data *state.Data) error {
				own := data.IAM.Keys[r.Identity.AccessKey]
				if own == nil || own.Token != "" {
					return awswire.Errorf("AccessDenied", 403, "Cannot call GetSessionToken with session credentials")
				}
				k := iam.Grant(data, iam.Session{User: own.User, Root: own.Root, Life: seconds(in.seconds)})
				out.Credentials = credentialsOf(k)
				return nil
			})
			return out, err
		},
	}.Action()
}

type assumeRoleInput struct {
	role, session, external string
	seconds                 int
}

type assumedRole struct {
	ARN string `xml:"Arn"`
	ID  string `xml:"AssumedRoleId"`
}

type assumeRoleResult struct {
	Credentials credentials `xml:"Credentials"`
	User        assumedRole `xml:"AssumedRoleUser"`
}

// assumeRole gives credentials of a role to whom its trust policy names. Within one account that is enough, except for a
// trust in the account as a whole, which leaves the decision to the caller's own policies.
func (s *service) assumeRole() awswire.Action {
	return awswire.Operation[assumeRoleInput]{
		Name: "AssumeRole", Decode: decodeAssumeRole,
		Access: func(*awswire.Request, assumeRoleInput) []awswire.Access { return nil }, // decided in assume
		Handle: func(_ context.Context, r *awswire.Request, in assumeRoleInput) (any, error) { return s.assume(r, in) },
	}.Action()
}

// sessionName is what AWS takes as the name of a session.
var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

func decodeAssumeRole(p *awswire.Params) assumeRoleInput {
	in := assumeRoleInput{
		role: p.Required("RoleArn"), session: p.Required("RoleSessionName"), external: p.String("ExternalId"),
		seconds: p.IntBetween("DurationSeconds", 3600, 900, 43200),
	}
	if in.session != "" && !sessionName.MatchString(in.session) {
		p.Invalid("Value '%s' at 'roleSessionName' failed to satisfy constraint: [\\w+=,.@-]{2,64}", in.session)
	}
	return in
}

func (s *service) assume(r *awswire.Request, in assumeRoleInput) (any, error) {
	refused := awswire.Errorf("AccessDenied", 403, "User: %s is not authorized to perform: sts:AssumeRole on resource: %s",
		r.Identity.ARN, in.role)
	if r.Identity.Root {
		return nil, awswire.Errorf("AccessDenied", 403, "Roles may not be assumed by root accounts.")
	}
	own, err := s.auth.Decide(r.Identity, r.Region, awswire.Access{Action: "sts:AssumeRole", Resource: in.role})
	if err != nil {
		return nil, err
	}
	var out assumeRoleResult
	err = s.store.Update(func(data *state.Data) error {
		role := iam.RoleByARN(data, in.role)
		if role == nil || !trusts(role, r.Identity, in.external, own) {
			return refused
		}
		if in.seconds > role.MaxSession {
			return awswire.Errorf("ValidationError", 400, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
		}
		k := iam.Grant(data, iam.Session{Role: role.Name, Name: in.session, Life: seconds(in.seconds)})
		out.Credentials = credentialsOf(k)
		out.User = assumedRole{
			ARN: "arn:aws:sts::" + state.Account + ":assumed-role/" + role.Name + "/" + in.session, ID: role.ID + ":" + in.session,
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// trusts says whether the role's trust policy lets the caller in: by name, or as the account when his own policies allow
// it. They may deny it in either case.
func trusts(role *state.Role, who awswire.Identity, external string, own policy.Decision) bool {
	doc, err := policy.Parse(role.Trust, policy.Trust)
	if err != nil {
		return false
	}
	q := policy.Query{Action: "sts:AssumeRole", Principal: who.ARN, Context: map[string]string{"aws:principalarn": who.ARN}}
	if external != "" {
		q.Context["sts:externalid"] = external
	}
	if policy.Evaluate([]*policy.Document{doc}, q) != policy.Allow {
		return false
	}
	return own == policy.Allow || own == policy.ImplicitDeny && doc.Names(who.ARN)
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
