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
	return p.ApplyAnd(ctx, plan, nil)
}

// ApplyAnd applies a plan like Apply and runs then as soon as all nodes run and can be reached, beside the work that the
// load balancer still needs, and with the lease held. A plan without changes runs only then, without a lease.
func (p *Provisioner) ApplyAnd(ctx context.Context, plan *Plan, then func(context.Context) error) (*Result, error) {
	if plan.Empty() {
		if then == nil {
			return &Result{}, nil
		}
		return &Result{}, then(ctx)
	}
	if err := plan.Err(); err != nil {
		return nil, fmt.Errorf("the plan cannot be applied: %w", err)
	}
	var result *Result
	err := p.hold(ctx, plan.Cluster, func(ctx context.Context, held *lease.Lease) error {
		var err error
		result, err = p.applyHeld(ctx, plan, held, then)
		return err
	})
	return result, err
}

// Hold runs do with the cluster's lease held, for work on the cluster that no plan shows. do's context ends when the
// lease is lost.
func (p *Provisioner) Hold(ctx context.Context, name string, do func(context.Context) error) error {
	return p.hold(ctx, name, func(ctx context.Context, _ *lease.Lease) error { return do(ctx) })
}

func (p *Provisioner) hold(ctx context.Context, name string, do func(context.Context, *lease.Lease) error) error {
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	held, err := p.lock(ctx, name, stop)
	if err != nil {
		return err
	}
	err = do(working, held)
	if lost := context.Cause(working); err != nil && ctx.Err() == nil && lost != nil {
		err = lost
	}
	// The lease goes even when the operator has interrupted the run, but not for long.
	releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, held.Release(releasing))
}

// lock takes the cluster's lease as a step of its own.
func (p *Provisioner) lock(ctx context.Context, name string, lost func(error)) (*lease.Lease, error) {
	emit := func(e obs.Event) {
		e.Time, e.Step, e.Title = time.Now(), stepPrefix+kindLease, "lease"
		p.deps.Progress.Emit(e)
	}
	emit(obs.Event{State: obs.StepRunning})
	held, err := lease.Acquire(ctx, awstask.New(p.deps.Clients, name).Leases(), lease.Config{
		Holder: p.config.Holder, Alive: p.config.Alive, Lost: lost,
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
func (p *Provisioner) applyHeld(ctx context.Context, agreed *Plan, held *lease.Lease, then func(context.Context) error) (*Result, error) {
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
		plan: now, world: now.result.World, retirer: p.deps.Retirer, window: p.config.Window, user: userOf(agreed), then: then,
	}
	report, err := graph.Run(ctx, a.nodes(), graph.Options{Parallel: p.config.Parallel, Progress: p.deps.Progress, Prefix: stepPrefix})
	if err != nil {
		a.confirm(ctx)
	}
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
