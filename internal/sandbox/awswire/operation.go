package awswire

import (
	"context"
	"maps"
	"slices"
)

// Identity is who signed a request.
type Identity struct {
	Account   string
	ARN       string // arn:aws:iam::123456789012:user/anna, arn:aws:sts::...:assumed-role/r/session
	UserID    string // AIDA..., AROA...:session; of the root user, the account
	AccessKey string
	Root      bool // the account's root user: everything is allowed
}

// Request is one call of one action by somebody known.
type Request struct {
	Service  *Service
	Action   string
	Params   *Params
	Identity Identity
	Region   string // of the signature's scope
	ID       string // request id
	// Fingerprint is a digest of the parameters without ClientToken: what a client token stands for.
	Fingerprint string
	// Authorize says whether the identity may do all of that; nil allows everything.
	Authorize func([]Access) error
}

// Dialect returns how the request's service words its refusals.
func (r *Request) Dialect() *Dialect { return DialectOf(r.Service.Protocol) }

// DryRun reports whether the caller asks only whether he might.
func (r *Request) DryRun() bool {
	return DialectOf(r.Service.Protocol).DryRunPossible && r.Params.Bool("DryRun", false)
}

// Access is one thing that must be allowed for a call. Most calls need one; RunInstances with tags and a profile also
// needs ec2:CreateTags and iam:PassRole.
type Access struct {
	Action       string            // "iam:PassRole"; empty for the called action itself
	Resource     string            // ARN; empty for *
	RequestTags  map[string]string // aws:RequestTag/*
	ResourceTags map[string]string // aws:ResourceTag/*
	Keys         map[string]string // further condition keys: iam:PassedToService
}

// Operation describes one action with its typed input. The order of a call is fixed here, for all services: decode,
// refuse what is unknown or wrong, authorise, answer a dry run, and only then act.
type Operation[In any] struct {
	Name    string
	Mutates bool
	// Decode reads every parameter that the action knows; what it does not read is refused. Faults are recorded in Params.
	Decode func(*Params) In
	// Access lists what must be allowed; nil means the action itself on every resource.
	Access func(*Request, In) []Access
	// Handle acts and returns the result: a struct with xml or json tags, nil for none.
	Handle func(context.Context, *Request, In) (any, error)
}

// Action is an Operation whose input type is hidden, so that a service can list all of its own.
type Action struct {
	Name    string
	Mutates bool
	Handle  func(context.Context, *Request) (any, error)
}

// Action returns the operation as an entry of a service's table.
func (o Operation[In]) Action() Action {
	return Action{Name: o.Name, Mutates: o.Mutates, Handle: o.run}
}

func (o Operation[In]) run(ctx context.Context, r *Request) (any, error) {
	d := DialectOf(r.Service.Protocol)
	r.Fingerprint = r.Params.fingerprint("ClientToken", "DryRun")
	in := o.Decode(r.Params)
	dryRun := r.DryRun()
	if err := r.Params.check(d); err != nil {
		return nil, err
	}
	if r.Authorize != nil {
		if err := r.Authorize(o.access(r, in)); err != nil {
			return nil, err
		}
	}
	if dryRun {
		return nil, Errorf("DryRunOperation", 412, "Request would have succeeded, but DryRun flag is set.")
	}
	return o.Handle(ctx, r, in)
}

// access returns what must be allowed, with the action's own name filled in.
func (o Operation[In]) access(r *Request, in In) []Access {
	if o.Access == nil {
		return []Access{{Action: r.Service.Name + ":" + o.Name}}
	}
	all := slices.Clone(o.Access(r, in))
	for i := range all {
		if all[i].Action == "" {
			all[i].Action = r.Service.Name + ":" + o.Name
		}
	}
	return all
}

// Service is one AWS service: its name in signatures and policies, and its actions.
type Service struct {
	Name     string // ec2, elasticloadbalancing, iam, sts, ssm
	Version  string // 2016-11-15
	XMLNS    string // namespace of the answers
	Target   string // of JSON services: AmazonSSM in "AmazonSSM.GetParameter"
	Protocol Protocol
	Actions  map[string]Action
}

// Table makes the action table of a service.
func Table(actions ...Action) map[string]Action {
	table := make(map[string]Action, len(actions))
	for _, a := range actions {
		if _, twice := table[a.Name]; twice {
			panic("awswire: two actions named " + a.Name)
		}
		table[a.Name] = a
	}
	return table
}

// Names returns the names of the service's actions, sorted.
func (s *Service) Names() []string { return slices.Sorted(maps.Keys(s.Actions)) }

// NoInput is the Decode of an action without parameters.
func NoInput(*Params) struct{} { return struct{}{} }
