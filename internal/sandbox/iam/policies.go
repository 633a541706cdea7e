package iam

import (
	"context"
	"net/url"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/iam/policy"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type policyInput struct {
	name, policy, document string
}

func (k kind) decodePolicy(p *awswire.Params) policyInput {
	return policyInput{name: nameOf(p, k.param, k.max), policy: nameOf(p, "PolicyName", 128)}
}

func (k kind) decodePutPolicy(p *awswire.Params) policyInput {
	in := k.decodePolicy(p)
	in.document = p.Required("PolicyDocument")
	checkPolicy(p, in.document, policy.Permissions)
	return in
}

// checkPolicy refuses a document that the sandbox could not evaluate.
func checkPolicy(p *awswire.Params, document string, k policy.Kind) {
	if document == "" {
		return // missing
	}
	if _, err := policy.Parse(document, k); err != nil {
		p.Refuse("MalformedPolicyDocument", "%v", err)
	}
}

// policyActions are the actions on the inline policies of users or roles.
func (s *service) policyActions(k kind) []awswire.Action {
	return []awswire.Action{
		s.onPolicy(k, "Put"+k.noun+"Policy", true, k.decodePutPolicy, func(e entity, in policyInput) (any, error) {
			e.Policies[in.policy] = in.document
			return nil, nil
		}),
		s.onPolicy(k, "Get"+k.noun+"Policy", false, k.decodePolicy, func(e entity, in policyInput) (any, error) {
			document, ok := e.Policies[in.policy]
			if !ok {
				return nil, noPolicy(k, in)
			}
			return inlinePolicy(k, in, document), nil
		}),
		s.onPolicy(k, "Delete"+k.noun+"Policy", true, k.decodePolicy, func(e entity, in policyInput) (any, error) {
			if _, ok := e.Policies[in.policy]; !ok {
				return nil, noPolicy(k, in)
			}
			delete(e.Policies, in.policy)
			return nil, nil
		}),
		s.listPolicies(k),
	}
}

type userPolicy struct {
	UserName       string `xml:"UserName"`
	PolicyName     string `xml:"PolicyName"`
	PolicyDocument string `xml:"PolicyDocument"`
}

type rolePolicy struct {
	RoleName       string `xml:"RoleName"`
	PolicyName     string `xml:"PolicyName"`
	PolicyDocument string `xml:"PolicyDocument"`
}

func inlinePolicy(k kind, in policyInput, document string) any {
	if k.noun == userKind.noun {
		return userPolicy{in.name, in.policy, quoted(document)}
	}
	return rolePolicy{in.name, in.policy, quoted(document)}
}

// quoted is a document as IAM answers it: percent-encoded after RFC 3986.
func quoted(document string) string { return strings.ReplaceAll(url.QueryEscape(document), "+", "%20") }

func noPolicy(k kind, in policyInput) error {
	return awswire.Errorf("NoSuchEntity", 404, "The %s policy with name %s cannot be found.", k.text, in.policy)
}

func (s *service) onPolicy(
	k kind, action string, mutates bool, decode func(*awswire.Params) policyInput, do func(entity, policyInput) (any, error),
) awswire.Action {
	return awswire.Operation[policyInput]{
		Name: action, Mutates: mutates, Decode: decode,
		Access: func(_ *awswire.Request, in policyInput) []awswire.Access { return s.access(k, in.name, "/", nil) },
		Handle: func(_ context.Context, _ *awswire.Request, in policyInput) (any, error) {
			return run(s, mutates, func(data *state.Data) (any, error) {
				e, ok := k.find(&data.IAM, in.name)
				if !ok {
					return nil, k.missing(in.name)
				}
				return do(e, in)
			})
		},
	}.Action()
}

type policyNames struct {
	Names []string `xml:"PolicyNames>member"`
	awswire.Truncated
}

func (s *service) listPolicies(k kind) awswire.Action {
	return awswire.Operation[listed]{
		Name: "List" + k.noun + "Policies", Decode: k.decodeOf,
		Access: func(_ *awswire.Request, in listed) []awswire.Access { return s.access(k, in.name, "/", nil) },
		Handle: func(_ context.Context, _ *awswire.Request, in listed) (any, error) {
			return run(s, false, func(data *state.Data) (out policyNames, err error) {
				e, ok := k.find(&data.IAM, in.name)
				if !ok {
					return out, k.missing(in.name)
				}
				names, token, err := awswire.Cut(keysOf(e.Policies), in.page, func(n string) string { return n }, dialect())
				return policyNames{names, awswire.More(token)}, err
			})
		},
	}.Action()
}
