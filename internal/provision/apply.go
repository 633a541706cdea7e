package provision

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/provision/awstask"
	"github.com/slipway-project/slipway/internal/provision/graph"
	"github.com/slipway-project/slipway/internal/provision/lease"
)

// Result is what Apply did.
type Result struct {
	Changes int `json:"changes"` // resources that were made, changed or removed
	graph.Report
}

// stepPrefix is what the steps of an apply begin with in the progress.
const stepPrefix = "infrastructure/"

// Apply does what the plan says, and returns when everything is usable or gone. The cluster's lease is held meanwhile; a
// plan without changes takes none. With the lease held it looks again: what is done already is not done twice, and where
// there is more to do than the plan said, it refuses (errs.Conflict).
//
// Killed at any point, the same command converges: so does one that failed, whose error joins all failures.
func (p *Provisioner) Apply(ctx context.Context, plan *Plan) (*Result, error) {
	if plan.Empty() {
		return &Result{}, nil
	}
	if err := plan.Err(); err != nil {
		return nil, fmt.Errorf("the plan cannot be applied: %w", err)
	}
	held, err := p.lock(ctx, plan)
	if err != nil {
		return nil, err
	}
	result, err := p.applyHeld(ctx, plan, held)
	// The lease goes even when the operator has interrupted the run, but not for long.
	releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return result, errors.Join(err, held.Release(releasing))
}

// lock takes the cluster's lease as a step of its own.
func (p *Provisioner) lock(ctx context.Context, plan *Plan) (*lease.Lease, error) {
	emit := func(e obs.Event) {
		e.Time, e.Step, e.Title = time.Now(), stepPrefix+kindLease, "lease"
		p.deps.Progress.Emit(e)
	}
	emit(obs.Event{State: obs.StepRunning})
	held, err := lease.Acquire(ctx, awstask.New(p.deps.Clients, plan.Cluster).Leases(), lease.Config{
		Holder: p.config.Holder, Alive: p.config.Alive,
		Note: func(text string) { emit(obs.Event{State: obs.StepRunning, Detail: text}) },
	})
	if err != nil {
		emit(obs.Event{State: obs.StepFailed, Err: err})
		return nil, err
	}
	emit(obs.Event{State: obs.StepDone})
	return held, nil
}

// applyHeld looks again and applies what is left to do. Every call that changes something passes the lease first.
func (p *Provisioner) applyHeld(ctx context.Context, agreed *Plan, held *lease.Lease) (*Result, error) {
	clients := p.deps.Clients.Fenced(func(ctx context.Context, action string) error {
		if err := held.Check(ctx); err != nil {
			return fmt.Errorf("%s was not called: %w", action, err)
		}
		return nil
	})
	now, err := p.again(ctx, clients, agreed)
	if err != nil {
		return nil, err
	}
	a := &application{
		plan: now, world: now.result.World, retirer: p.deps.Retirer, window: p.config.Window, user: userOf(agreed),
	}
	if held.Inherited >= 0 {
		a.careful = time.Now().Add(p.config.Window - held.Inherited)
	}
	report, err := graph.Run(ctx, a.nodes(), graph.Options{Parallel: p.config.Parallel, Progress: p.deps.Progress, Prefix: stepPrefix})
	return &Result{Changes: len(now.result.Steps), Report: report}, err
}

// again makes the plan anew with the lease held, and refuses one that goes beyond what was agreed.
func (p *Provisioner) again(ctx context.Context, clients *awsapi.Clients, agreed *Plan) (*Plan, error) {
	var now *Plan
	var err error
	if agreed.Destroy {
		now, err = p.planDestroy(ctx, clients, agreed.Cluster)
	} else {
		now, err = p.plan(ctx, clients, agreed.doc)
	}
	if err != nil {
		return nil, err
	}
	if err := now.Err(); err != nil {
		return nil, err
	}
	return now, agreed.covers(now)
}

func userOf(plan *Plan) string {
	if plan.doc == nil {
		return ""
	}
	return plan.doc.SSH.User
}

// retryable makes an error one that the graph tries again.
func retryable(err error) error {
	if errs.Retryable(err) {
		return err
	}
	return errs.Wrap(errs.Unavailable, err, "to be tried again").WithRetry()
}
