package app

import (
	"context"
	"errors"
	"time"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/provision"
	"github.com/slipway-project/slipway/internal/rollout"
	"github.com/slipway-project/slipway/internal/run"
)

// UpOptions say how far Up goes and who is asked.
type UpOptions struct {
	// InfraOnly stops after the infrastructure.
	InfraOnly bool
	// Approve is asked with the plan when it would change something; its error ends Up before anything is changed.
	Approve func(context.Context, *provision.Plan) error
}

// UpReport is what Up did and what came of it.
type UpReport struct {
	Plan    *provision.Plan    `json:"plan"`
	Rollout *rollout.Report    `json:"rollout,omitempty"` // nil with InfraOnly
	Status  *Status            `json:"status,omitempty"`  // nil with InfraOnly
	Nodes   *cluster.Inventory `json:"inventory"`
}

// Up makes the cluster be what the document says: it starts the document's sandbox where it does not run, brings the
// infrastructure to the plan, the hosts to a swarm, and looks at what came of it. Run again after any interruption it
// goes on; run again after success it changes nothing.
func (o *Operator) Up(ctx context.Context, doc *cluster.Document, options UpOptions) (*UpReport, error) {
	if doc.Cloud.Provider == cluster.ProviderSandbox {
		if _, err := o.sandbox().Start(ctx); err != nil {
			return nil, err
		}
	}
	p, err := o.compose(ctx, doc)
	if err != nil {
		return nil, err
	}
	plan, err := p.plan(ctx, o.deps.Progress)
	if err != nil {
		return nil, err
	}
	report := &UpReport{Plan: plan}
	if !plan.Empty() {
		if err := options.Approve(ctx, plan); err != nil {
			return nil, err
		}
		if err := p.login.create(); err != nil {
			return nil, err
		}
	}
	if options.InfraOnly {
		if _, err := p.provisioner.Apply(ctx, plan); err != nil {
			return nil, err
		}
		report.Nodes, err = p.provisioner.Inventory(ctx, doc)
		return report, err
	}
	// The hosts are worked on with the lease held, as soon as they can be reached: the load balancer takes longer.
	_, err = p.provisioner.ApplyAnd(ctx, plan, func(ctx context.Context) error {
		nodes, err := p.provisioner.Inventory(ctx, doc)
		if err != nil {
			return err
		}
		report.Rollout, err = p.rollout.Apply(ctx, doc, nodes)
		return err
	})
	if err != nil {
		return nil, err
	}
	if report.Status, err = p.settled(ctx, o.deps.Progress); err != nil {
		return nil, err
	}
	report.Nodes = report.Status.Inventory
	return report, nil
}

// How long Up waits for the cluster to be healthy when everything is done, and how often it looks.
const (
	settleTime = time.Minute
	settlePace = 2 * time.Second
)

// settled looks at the cluster until it is healthy and its load balancer has noticed, but no longer than settleTime:
// engines that have just started, on machines that are still busy, may not answer at once. What it found last is the
// result.
func (p *parts) settled(ctx context.Context, progress obs.Progress) (*Status, error) {
	var s *Status
	err := step(progress, "status", "check", func() (string, error) {
		for began := time.Now(); ; {
			next := &Status{}
			if err := p.look(ctx, next); err != nil {
				return "", err
			}
			s = next
			pending := s.pending()
			switch {
			case pending == "":
				return "healthy", nil
			case time.Since(began) < settleTime:
			case s.Healthy:
				return "healthy, but " + pending, nil
			default:
				return "", errUnhealthy
			}
			progress.Emit(obs.Event{Step: "status", State: obs.StepRunning, Detail: "not yet: " + pending})
			if err := run.Wait(ctx, settlePace); err != nil {
				return "", err
			}
		}
	})
	if errors.Is(err, errUnhealthy) {
		err = nil
	}
	return s, err
}

// plan asks for the plan as a step of its own.
func (p *parts) plan(ctx context.Context, progress obs.Progress) (plan *provision.Plan, err error) {
	err = step(progress, "plan", "plan", func() (string, error) {
		if plan, err = p.provisioner.Plan(ctx, p.doc); err != nil {
			return "", err
		}
		return plan.Summary(), nil
	})
	return plan, err
}

// step does one piece of work and tells of it; what do returns is the detail of its end. A failure's text is left to
// whoever gets the error, since it ends the command.
func step(progress obs.Progress, name, title string, do func() (string, error)) error {
	progress.Emit(obs.Event{Step: name, Title: title, State: obs.StepRunning})
	detail, err := do()
	if err != nil {
		progress.Emit(obs.Event{Step: name, State: obs.StepFailed})
		return err
	}
	progress.Emit(obs.Event{Step: name, State: obs.StepDone, Detail: detail})
	return nil
}
