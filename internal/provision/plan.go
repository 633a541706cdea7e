package provision

import (
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision/awstask"
	"github.com/slipway-project/slipway/internal/provision/lease"
	"github.com/slipway-project/slipway/internal/provision/resource"
)

// Action is what a plan does about one resource.
type Action = resource.Action

// The actions.
const (
	ActionCreate  = resource.Create
	ActionUpdate  = resource.Update
	ActionReplace = resource.Recast
	ActionDelete  = resource.Delete
	ActionUnknown = resource.Unknown // it could not be read for want of a permission
	ActionRefuse  = resource.Refused // it differs in what cannot be changed
)

// FieldChange is one field of a resource that differs.
type FieldChange = resource.FieldChange

// Plan is what Apply would do. It is a snapshot: Apply looks again, and does less where less is needed, but never more.
type Plan struct {
	Cluster string   `json:"cluster"`
	Region  string   `json:"region"`
	Destroy bool     `json:"destroy,omitempty"`
	Changes []Change `json:"changes"`
	Notices []string `json:"notices,omitempty"`

	doc    *cluster.Document // nil for destroy
	cloud  *awstask.Cloud
	result resource.Result
}

// Change is what a plan does about one resource.
type Change struct {
	Action Action        `json:"action"`
	Kind   string        `json:"kind"`
	Key    string        `json:"key"`
	ID     string        `json:"id,omitempty"`
	Reason string        `json:"reason,omitempty"`
	Fields []FieldChange `json:"fields,omitempty"`

	err error // of an unknown one
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 }

// Err returns why the plan cannot be applied: reads that were denied (errs.Forbidden), differences that cannot be changed,
// or things of the cluster that use others which cannot be found (errs.Conflict). The plan can be shown all the same.
func (p *Plan) Err() error {
	if torn := p.result.Torn; len(torn) > 0 && !p.Destroy {
		return errs.New(errs.Conflict, strings.Join(torn, "; ")).
			WithRemedy("somebody removed the tags slipway:cluster and slipway:key of what is not found: set them again, then run the command again")
	}
	var all []error
	seen := map[string]bool{}
	for _, c := range p.Changes {
		switch c.Action {
		case ActionUnknown:
			if !seen[c.err.Error()] {
				seen[c.err.Error()] = true
				all = append(all, c.err)
			}
		case ActionRefuse:
			all = append(all, errs.New(errs.Conflict, c.Key+": "+c.Reason))
		case ActionCreate, ActionUpdate, ActionReplace, ActionDelete:
		}
	}
	return errors.Join(all...)
}

// Summary counts the changes: "3 to create, 1 to change, 0 to delete".
func (p *Plan) Summary() string {
	n := map[Action]int{}
	for _, c := range p.Changes {
		n[c.Action]++
	}
	text := fmt.Sprintf("%d to create, %d to change, %d to delete",
		n[ActionCreate]+n[ActionReplace], n[ActionUpdate], n[ActionDelete]+n[ActionReplace])
	if n[ActionUnknown] > 0 {
		text += fmt.Sprintf(", %d unknown", n[ActionUnknown])
	}
	if n[ActionRefuse] > 0 {
		text += fmt.Sprintf(", %d refused", n[ActionRefuse])
	}
	return text
}

// take makes changes of a comparison's steps.
func (p *Plan) take(r resource.Result) {
	p.result = r
	p.Changes = []Change{}
	for _, s := range r.Steps {
		c := Change{Action: s.Action, Kind: s.Key.Kind(), Key: string(s.Key), Reason: s.Reason, Fields: s.Fields, err: s.Err}
		if s.Have != nil {
			c.ID = s.Have.ID
		}
		p.Changes = append(p.Changes, c)
	}
	for _, o := range r.Left {
		p.Notices = append(p.Notices, fmt.Sprintf("%s (%s) belongs to the cluster but is not in use: it is left alone until the cluster is destroyed", o.Key, o.ID))
	}
}

// kindLease is how a plan calls a lease that a dead run left.
const kindLease = "lease"

// deadLeases plans the removal of leases whose holders are gone: whoever applies the plan takes over, and leaves none. A
// plan has nothing to say of a holder that lives.
func (p *Plan) deadLeases(records []lease.Record, alive lease.Alive) {
	for _, r := range records {
		if lease.Dead(r, alive, lease.DeadAfter) {
			p.Changes = append(p.Changes, Change{
				Action: ActionDelete, Kind: kindLease, Key: fmt.Sprintf("%s/%d", kindLease, r.Number), Reason: "left by an interrupted run of " + r.Holder.String(),
			})
		} else {
			p.Notices = append(p.Notices, r.Holder.String()+" is changing this cluster, or was until a moment ago")
		}
	}
}

// refuseProtected turns the removal of what is protected into a refusal.
func (p *Plan) refuseProtected() {
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Action != ActionDelete || c.Kind == kindLease {
			continue
		}
		if s := p.result.Steps[i]; s.Have.Fields["protect"] == "true" {
			c.Action = ActionRefuse
			c.Reason = "is protected from termination: set protect: false in the document and run slipway up, then destroy"
			p.result.Steps[i].Action = resource.Refused
		}
	}
}

// covers reports whether everything that a later plan would do was in this one. Less is no surprise to whoever agreed.
func (p *Plan) covers(later *Plan) error {
	agreed := map[string]Change{}
	for _, c := range p.Changes {
		agreed[c.Key+" "+c.ID] = c
		agreed[c.Key] = c
	}
	var surprises []string
	for _, c := range later.Changes {
		known, ok := agreed[c.Key]
		if c.Action == ActionDelete || c.Action == ActionReplace {
			known, ok = agreed[c.Key+" "+c.ID]
			ok = ok && known.Action == c.Action
		}
		if !ok && c.Kind != kindLease {
			surprises = append(surprises, fmt.Sprintf("%s %s", c.Action, c.Key))
		}
	}
	if len(surprises) == 0 {
		return nil
	}
	return errs.New(errs.Conflict, "the cluster changed since the plan was made: it would now also "+strings.Join(surprises, ", ")).
		WithRemedy("run the command again and look at the new plan")
}
