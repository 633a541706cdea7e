package policy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
)

// Query asks whether somebody may do one thing.
type Query struct {
	Action   string // ec2:RunInstances
	Resource string // ARN or *
	// Context holds the values of condition keys, by key in lower case: aws:requestedregion, aws:requesttag/slipway:cluster.
	Context map[string]string
	// Principal is who asks, for trust policies: an ARN or a service's name such as ec2.amazonaws.com.
	Principal string
}

// Decision is the outcome of an evaluation.
type Decision uint8

// The decisions.
const (
	ImplicitDeny Decision = iota // nothing allows it
	ExplicitDeny                 // a statement denies it
	Allow
)

// Evaluate decides over all documents together.
func Evaluate(docs []*Document, q Query) Decision {
	decision := ImplicitDeny
	for _, doc := range docs {
		for i := range doc.Statements {
			s := &doc.Statements[i]
			if !s.applies(q) {
				continue
			}
			if s.Effect == "Deny" {
				return ExplicitDeny
			}
			decision = Allow
		}
	}
	return decision
}

func (s *Statement) applies(q Query) bool {
	matches := func(patterns []string, match func(string) bool) bool { return slices.ContainsFunc(patterns, match) }
	action := func(p string) bool { return matchAction(p, q.Action) }
	resource := func(p string) bool { return p == "*" || awswire.Match(p, q.Resource) }
	switch {
	case len(s.Action) > 0 && !matches(s.Action, action), len(s.NotAction) > 0 && matches(s.NotAction, action):
		return false
	case len(s.Resource) > 0 && !matches(s.Resource, resource), len(s.NotResource) > 0 && matches(s.NotResource, resource):
		return false
	case s.Principal != nil && !s.Principal.includes(q.Principal):
		return false
	}
	for operator, keys := range s.Condition {
		for key, values := range keys {
			if !holds(operator, q.Context, key, values) {
				return false
			}
		}
	}
	return true
}

// Names says whether an allowing statement's principal is exactly that ARN, rather than its account or everybody.
func (d *Document) Names(arn string) bool {
	return slices.ContainsFunc(d.Statements, func(s Statement) bool {
		return s.Effect == "Allow" && s.Principal != nil && slices.Contains(s.Principal.AWS, arn)
	})
}

// includes says whether the principal is meant: by ARN, by its whole account, or as a service.
func (p *Principal) includes(who string) bool {
	if p.Any {
		return true
	}
	account := ""
	if parts := strings.Split(who, ":"); len(parts) > 4 {
		account = parts[4]
	}
	return slices.Contains(p.Service, who) || slices.ContainsFunc(p.AWS, func(a string) bool {
		return a == "*" || a == who || account != "" && (a == account || a == "arn:aws:iam::"+account+":root")
	})
}

// operators are the condition operators: whether an actual value satisfies an expected one.
var operators = map[string]func(actual, expected string) bool{ //nolint:gochecknoglobals // a constant table
	"StringEquals":              func(a, e string) bool { return a == e },
	"StringNotEquals":           func(a, e string) bool { return a == e },
	"StringEqualsIgnoreCase":    strings.EqualFold,
	"StringNotEqualsIgnoreCase": strings.EqualFold,
	"StringLike":                func(a, e string) bool { return awswire.Match(e, a) },
	"StringNotLike":             func(a, e string) bool { return awswire.Match(e, a) },
	"ArnEquals":                 func(a, e string) bool { return awswire.Match(e, a) },
	"ArnLike":                   func(a, e string) bool { return awswire.Match(e, a) },
	"ArnNotEquals":              func(a, e string) bool { return awswire.Match(e, a) },
	"ArnNotLike":                func(a, e string) bool { return awswire.Match(e, a) },
	"Bool":                      strings.EqualFold,
	"Null":                      nil, // whether the key is absent; see holds
}

// holds evaluates one condition. An absent key fails a positive operator, passes a negated one, and passes any with IfExists.
func holds(operator string, context map[string]string, key string, expected []string) bool {
	name := strings.TrimSuffix(operator, "IfExists")
	actual, present := context[strings.ToLower(key)]
	if name == "Null" {
		return slices.ContainsFunc(expected, func(e string) bool { return strings.EqualFold(e, strconv.FormatBool(!present)) })
	}
	negated := strings.Contains(name, "Not")
	if !present {
		return negated || name != operator
	}
	found := slices.ContainsFunc(expected, func(e string) bool { return operators[name](actual, e) })
	return found != negated
}

// knownKey says whether the server fills in the condition key. Case does not matter, in the tag's key behind the slash
// neither.
func knownKey(key string) bool {
	k := strings.ToLower(key)
	switch {
	case strings.HasPrefix(k, "aws:requesttag/"), strings.HasPrefix(k, "aws:resourcetag/"), strings.HasPrefix(k, "ec2:resourcetag/"):
		return true
	}
	return slices.Contains([]string{
		"aws:requestedregion", "aws:principalarn", "aws:principalaccount", "aws:securetransport", "sts:externalid",
		"iam:passedtoservice",
	}, k)
}
