package app

import (
	"context"
	"fmt"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision"
)

// Destroy removes every resource of the cluster and nothing else. Approve is asked with the plan; a cluster of which
// nothing is left needs no approval. While the document says protect it is errs.Conflict.
func (o *Operator) Destroy(ctx context.Context, doc *cluster.Document, approve func(context.Context, *provision.Plan) error) (*provision.Plan, error) {
	if doc.Protected() {
		return nil, errs.New(errs.Conflict, fmt.Sprintf("cluster %s is protected", doc.Name)).
			WithRemedy("Set `protect: false` in the document, run `slipway up` to lift the termination protection, then destroy.")
	}
	p, err := o.compose(ctx, doc)
	if err != nil {
		return nil, err
	}
	var plan *provision.Plan
	err = step(o.deps.Progress, "plan", "plan", func() (string, error) {
		if plan, err = p.provisioner.PlanDestroy(ctx, doc.Name, doc.Cloud.Region); err != nil {
			return "", err
		}
		return plan.Summary(), nil
	})
	if err != nil || plan.Empty() {
		return plan, err
	}
	if err := approve(ctx, plan); err != nil {
		return nil, err
	}
	_, err = p.provisioner.Apply(ctx, plan)
	return plan, err
}
