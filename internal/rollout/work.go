package rollout

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/rollout/engine"
	"github.com/slipway-project/slipway/internal/rollout/fleet"
)

// machine is one host under way. Each field is written by one phase, which works on the machine alone.
type machine struct {
	node  cluster.Node
	host  host.Host
	facts host.Facts

	offer   *engine.Offer  // what can be installed; nil: an engine is there
	release engine.Release // that the host has or gets
	set     engine.Configured
}

// work is one Apply under way.
type work struct {
	*Rollout
	doc *cluster.Document
	all []*machine // every node of the inventory
	up  []*machine // those that no phase has failed on yet

	mu     sync.Mutex
	report Report
	failed fleet.Failures
}

// changed notes what was changed on a node.
func (w *work) changed(node, phase string, what ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range what {
		w.report.Changes = append(w.report.Changes, Change{Node: node, Phase: phase, What: one})
		w.Logger.Info("changed host", "node", node, "phase", phase, "what", one)
	}
}

// notice notes something for the operator, once.
func (w *work) notice(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.report.Notices, text) {
		w.report.Notices = append(w.report.Notices, text)
	}
}

// phase is one thing that is done on hosts.
type phase struct {
	name     string        // part of the step's name: rollout/<name>/<node>
	expected time.Duration // how long it is known to take on one host
	do       func(context.Context, *machine) (detail string, err error)
}

// each does a phase on those of the hosts that no phase has failed on. A host that it fails on drops out; the others go on, since a rerun
// mends the one, and has less to do for the others. It returns an error only when the work was called off.
func (w *work) each(ctx context.Context, hosts []*machine, p phase) error {
	steps := make([]obs.Event, len(hosts))
	for i, m := range hosts {
		steps[i] = obs.Event{Step: "rollout/" + p.name + "/" + m.node.Name, Title: p.name + " " + m.node.Name, Expected: p.expected}
		w.emit(steps[i], obs.StepWaiting, "", nil)
	}
	index := make([]int, len(hosts))
	for i := range index {
		index[i] = i
	}
	failures := fleet.Each(ctx, w.Parallel, index, func(ctx context.Context, i int) error {
		w.emit(steps[i], obs.StepRunning, "", nil)
		detail, err := p.do(ctx, hosts[i])
		if err != nil {
			w.emit(steps[i], obs.StepFailed, "", err)
			return err
		}
		w.emit(steps[i], obs.StepDone, detail, nil)
		return nil
	})
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("roll out %s: %w", p.name, err)
	}
	for i, err := range failures {
		if err != nil {
			w.drop(hosts[i], p.name, err)
		}
	}
	return nil
}

// drop takes a host out of the phases that follow.
func (w *work) drop(m *machine, phase string, err error) {
	w.Logger.Warn("failed to roll out to host", "node", m.node.Name, "phase", phase, "err", err)
	w.failed.Add(fleet.Failure{Node: m.node.Name, Zone: m.node.Zone, Phase: phase, Err: err})
	// In a list of its own: the phase that it failed in still goes through the old one.
	w.up = slices.DeleteFunc(slices.Clone(w.up), func(other *machine) bool { return other == m })
}

// emit tells the progress of a step.
func (w *work) emit(step obs.Event, state obs.StepState, detail string, err error) {
	step.Time, step.State, step.Detail, step.Err = time.Now(), state, detail, err
	w.Progress.Emit(step)
}

// close ends all connections.
func (w *work) close() {
	for _, m := range w.all {
		if m.host == nil {
			continue
		}
		if err := m.host.Close(); err != nil {
			w.Logger.Debug("failed to close connection", "node", m.node.Name, "err", err)
		}
	}
}

// anyLeft returns an error when there is no host left to go on with.
func (w *work) anyLeft() error {
	if len(w.up) > 0 || len(w.all) == 0 {
		return nil
	}
	if err := w.failed.Err(); err != nil {
		return err
	}
	return errs.New(errs.Internal, "no host is left to roll out to")
}
