// Package policy is the part of AWS's policy language that the sandbox knows, and its evaluation: default deny, an
// explicit deny wins, wildcards in actions and resources, conditions on tags, region and service.
//
// What it does not know it refuses when the document is put, so that no statement is ever silently without effect. It
// imports no other package of the sandbox but awswire, for wildcards, and holds no state.
package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
)

// Document is one policy.
type Document struct {
	Version    string               `json:"Version"`
	ID         string               `json:"Id"`
	Statements oneOrMany[Statement] `json:"Statement"`
}

// Statement allows or denies something. Of each pair (Action and NotAction, ...) one is set.
type Statement struct {
	Sid         string                                  `json:"Sid"`
	Effect      string                                  `json:"Effect"` // Allow or Deny
	Action      oneOrMany[string]                       `json:"Action"`
	NotAction   oneOrMany[string]                       `json:"NotAction"`
	Resource    oneOrMany[string]                       `json:"Resource"`
	NotResource oneOrMany[string]                       `json:"NotResource"`
	Principal   *Principal                              `json:"Principal"` // trust policies only
	Condition   map[string]map[string]oneOrMany[string] `json:"Condition"`
}

// Principal is whom a trust policy speaks of.
type Principal struct {
	Any     bool
	AWS     oneOrMany[string] `json:"AWS"`
	Service oneOrMany[string] `json:"Service"`
}

// UnmarshalJSON reads "*" or an object.
func (p *Principal) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte(`"*"`)) {
		p.Any = true
		return nil
	}
	type plain Principal
	return strict(b, (*plain)(p))
}

// oneOrMany reads a value or a list of them.
type oneOrMany[T any] []T

// UnmarshalJSON reads a value or a list.
func (m *oneOrMany[T]) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		return strict(b, (*[]T)(m))
	}
	var one T
	if err := strict(b, &one); err != nil {
		return err
	}
	*m = oneOrMany[T]{one}
	return nil
}

func strict(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

// Kind says what a document is attached to.
type Kind uint8

// The kinds of documents.
const (
	Permissions Kind = iota // of a user or a role: has resources
	Trust                   // of a role: has principals
)

// Parse reads a document strictly and checks that every statement has a meaning.
func Parse(text string, kind Kind) (*Document, error) {
	doc := &Document{}
	if err := strict([]byte(text), doc); err != nil {
		return nil, fmt.Errorf("syntax errors in policy: %w", err)
	}
	if doc.Version != "" && doc.Version != "2012-10-17" && doc.Version != "2008-10-17" {
		return nil, fmt.Errorf("the policy's version must be 2012-10-17, not %q", doc.Version)
	}
	if len(doc.Statements) == 0 {
		return nil, errors.New("the policy has no statement")
	}
	for i, s := range doc.Statements {
		if err := s.check(kind); err != nil {
			return nil, fmt.Errorf("statement %d: %w", i+1, err)
		}
	}
	return doc, nil
}

func (s *Statement) check(kind Kind) error {
	if s.Effect != "Allow" && s.Effect != "Deny" {
		return fmt.Errorf("the effect must be Allow or Deny, not %q", s.Effect)
	}
	if (len(s.Action) == 0) == (len(s.NotAction) == 0) {
		return errors.New("exactly one of Action and NotAction is required")
	}
	for _, a := range slices.Concat(s.Action, s.NotAction) {
		if a != "*" && !strings.Contains(a, ":") {
			return fmt.Errorf("the action %q must be like service:Action", a)
		}
	}
	resources := len(s.Resource) + len(s.NotResource)
	switch {
	case kind == Permissions && s.Principal != nil:
		return errors.New("a policy of a user or role must not have a principal")
	case kind == Permissions && (len(s.Resource) == 0) == (len(s.NotResource) == 0):
		return errors.New("exactly one of Resource and NotResource is required")
	case kind == Trust && resources > 0:
		return errors.New("a trust policy has prohibited field Resource")
	case kind == Trust && s.Principal == nil:
		return errors.New("a trust policy needs a principal")
	}
	for _, r := range slices.Concat(s.Resource, s.NotResource) {
		if r != "*" && !strings.HasPrefix(r, "arn:") {
			return fmt.Errorf("the resource %q must be * or an ARN", r)
		}
	}
	for operator, keys := range s.Condition {
		if _, known := operators[strings.TrimSuffix(operator, "IfExists")]; !known {
			return fmt.Errorf("the sandbox does not know the condition operator %q", operator)
		}
		for key := range keys {
			if !knownKey(key) {
				return fmt.Errorf("the sandbox does not know the condition key %q", key)
			}
		}
	}
	return nil
}

// matchAction compares as IAM does: without regard to case.
func matchAction(pattern, action string) bool {
	return awswire.Match(strings.ToLower(pattern), strings.ToLower(action))
}
