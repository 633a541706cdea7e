package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/rollout/disk"
	"github.com/slipway-project/slipway/internal/rollout/engine"
	"github.com/slipway-project/slipway/internal/rollout/fleet"
	"github.com/slipway-project/slipway/internal/rollout/preflight"
	"github.com/slipway-project/slipway/internal/rollout/swarm"
)

// Apply makes the hosts of the inventory into the document's cluster: checked, with their data volumes, an engine, and one swarm. The report
// is returned beside an error as well. Hosts that fail are named, each with its phase; the others are taken as far as they go.
func (r *Rollout) Apply(ctx context.Context, doc *cluster.Document, inv *cluster.Inventory) (*Report, error) {
	w := &work{Rollout: r, doc: doc}
	for _, n := range inv.Nodes {
		w.all = append(w.all, &machine{node: n})
	}
	w.up = slices.Clone(w.all)
	w.failed.Total = len(w.all)
	defer w.close()
	err := w.run(ctx)
	return &w.report, err
}

// run goes through the phases.
func (w *work) run(ctx context.Context) error {
	for _, step := range []func(context.Context) error{w.connect, w.preflight, w.disks, w.engines, w.swarm} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := w.anyLeft(); err != nil {
			return err
		}
	}
	return w.failed.Err()
}

// connect connects to every host and gathers its facts.
func (w *work) connect(ctx context.Context) error {
	return w.each(ctx, w.all, phase{name: "connect", expected: 20 * time.Second, do: func(ctx context.Context, m *machine) (string, error) {
		h, err := w.Dialer.Dial(ctx, m.node)
		if err != nil {
			return "", err
		}
		m.host = h
		m.facts, err = host.Gather(ctx, h)
		return m.facts.OS.Name, err
	}})
}

// preflight stops before anything is changed on any host when one of them is not fit.
func (w *work) preflight(context.Context) error {
	candidates := make([]preflight.Candidate, len(w.up))
	byName := map[string]*machine{}
	for i, m := range w.up {
		candidates[i] = preflight.Candidate{Node: m.node, Facts: m.facts}
		byName[m.node.Name] = m
	}
	refused := fleet.Failures{Total: len(w.all), Failed: slices.Clone(w.failed.Failed)}
	remarks := map[string][]string{} // hosts by remark: most are the same on all
	var order []string
	for _, f := range preflight.Judge(candidates, w.doc.AllowUncertified) {
		if f.Refuse {
			refused.Add(fleet.Failure{Node: f.Node, Zone: byName[f.Node].node.Zone, Phase: "preflight", Err: f.Err})
			w.emit(obs.Event{Step: "rollout/preflight/" + f.Node, Title: "preflight " + f.Node}, obs.StepFailed, "", f.Err)
			continue
		}
		text := f.Err.Error()
		if len(remarks[text]) == 0 {
			order = append(order, text)
		}
		remarks[text] = append(remarks[text], f.Node)
	}
	for _, text := range order {
		w.notice("%s: %s", strings.Join(remarks[text], ", "), text)
	}
	if len(refused.Failed) > len(w.failed.Failed) {
		return refused.Err()
	}
	return nil
}

// disks names the hosts and mounts their data volumes.
func (w *work) disks(ctx context.Context) error {
	return w.each(ctx, w.up, phase{name: "disk", expected: 5 * time.Second, do: func(ctx context.Context, m *machine) (string, error) {
		named, err := nameHost(ctx, m.host, m.facts)
		w.changed(m.node.Name, "host", named...)
		if err != nil {
			return "", err
		}
		if m.node.DataVolume == "" {
			w.notice("%s has no data volume: its engine writes on the root volume", m.node.Name)
			return "no data volume", nil
		}
		mounted, err := disk.Ensure(ctx, m.host, m.facts, m.node.DataVolume)
		w.changed(m.node.Name, "disk", mounted...)
		return detail(mounted), err
	}})
}

// engines installs, configures and starts the engine on every host.
func (w *work) engines(ctx context.Context) error {
	source := engine.Source{Channel: engine.Channel(w.doc.Engine.Channel), Sandbox: w.doc.Cloud.Provider == cluster.ProviderSandbox}
	var bare []*machine
	for _, m := range w.up {
		release, ok := engine.Installed(m.facts.Engine)
		if m.release = release; !ok {
			bare = append(bare, m)
		}
	}
	err := w.each(ctx, bare, phase{name: "packages", expected: 15 * time.Second, do: func(ctx context.Context, m *machine) (string, error) {
		if m.facts.Engine.CLI != "" && len(m.facts.Engine.Unfinished) == 0 {
			return "", errs.New(errs.Conflict, "an engine is installed that came from no package ("+m.facts.Engine.CLI+")").
				WithRemedy("use an image without an engine, or with the distribution's or Docker's package of it")
		}
		offer, changes, err := engine.Prepare(ctx, m.host, m.facts, source)
		w.changed(m.node.Name, "engine", changes...)
		m.offer = &offer
		return "", err
	}})
	if err != nil {
		return err
	}
	if err := w.choose(source); err != nil {
		return err
	}
	if err := w.each(ctx, w.up, phase{name: "engine", expected: 40 * time.Second, do: w.engine}); err != nil {
		return err
	}
	return w.restart(ctx)
}

// choose settles which release each host gets.
func (w *work) choose(source engine.Source) error {
	var (
		present []host.EngineFacts
		bare    []*machine
		offers  []engine.Offer
	)
	for _, m := range w.up {
		present = append(present, m.facts.Engine)
		if m.offer != nil {
			bare, offers = append(bare, m), append(offers, *m.offer)
		}
	}
	current, exists := engine.ClusterRelease(present)
	chosen, notices, err := engine.Choose(current, exists, offers)
	if err != nil {
		return err
	}
	for _, n := range notices {
		w.notice("%s", n)
	}
	for i, m := range bare {
		m.release = chosen[i]
	}
	if !exists {
		if len(chosen) == 0 {
			return nil // every host has failed before
		}
		current = chosen[0]
	}
	w.report.Engine = current.String()
	for _, m := range w.up {
		if m.release != current {
			w.notice("%s runs %s, most of the cluster %s", m.node.Name, m.release, current)
		}
	}
	if current.Major() < 24 && !source.Sandbox {
		w.notice("the engine %s is older than version 24: consider engine.channel stable", current)
	}
	return nil
}

// engine configures, installs and starts one host's engine. The configuration comes first, since a package starts the engine at once.
func (w *work) engine(ctx context.Context, m *machine) (string, error) {
	_, bridge := w.doc.Network.Pools()
	c := engine.Config{LogDriver: w.doc.Engine.LogDriver, Bridge: bridge, Major: m.release.Major()}
	if w.doc.Engine.Metrics == nil || *w.doc.Engine.Metrics {
		c.Metrics = m.node.PrivateIP + ":9323"
	}
	set, err := engine.Configure(ctx, m.host, c)
	w.changed(m.node.Name, "engine", set.Changes...)
	if m.set = set; err != nil {
		return "", err
	}
	m.set.Restart = set.Restart || m.facts.Engine.Outdated
	if m.offer == nil {
		changes, err := engine.Hold(ctx, m.host, m.facts)
		w.changed(m.node.Name, "engine", changes...)
		if err != nil {
			return "", err
		}
	} else {
		changes, err := engine.Install(ctx, m.host, m.facts, m.release)
		w.changed(m.node.Name, "engine", changes...)
		if err != nil {
			return "", err
		}
		// What was asked before does not hold any more: the package has started and enabled it.
		if m.facts, err = host.Gather(ctx, m.host); err != nil {
			return "", err
		}
		m.set.Restart = false
	}
	if m.facts.Engine.Active == "active" && m.set.Restart {
		return m.release.String(), nil // restarts take turns
	}
	started, err := engine.Start(ctx, m.host, m.facts.Engine, m.set.Reload, false)
	w.changed(m.node.Name, "engine", started...)
	m.set.Restart = false
	return m.release.String(), err
}

// restart restarts the engines whose configuration has changed: managers one by one, each back in the quorum before the next, and then the
// workers. At the first manager that fails it stops: what its engine does not start with would take the quorum away. The next run goes on.
func (w *work) restart(ctx context.Context) error {
	var managers, workers []*machine
	for _, m := range w.up {
		switch {
		case !m.set.Restart:
		case m.node.Role == cluster.RoleManager:
			managers = append(managers, m)
		default:
			workers = append(workers, m)
		}
	}
	do := func(ctx context.Context, m *machine) (string, error) {
		changes, err := engine.Start(ctx, m.host, m.facts.Engine, m.set.Reload, true)
		w.changed(m.node.Name, "engine", changes...)
		if err != nil {
			return "", err
		}
		e, err := swarm.NewEngine(m.host)
		if err != nil {
			return "", err
		}
		defer e.Close() //nolint:errcheck // only idle connections
		return "", swarm.Settle(ctx, e, w.SwarmPatience)
	}
	for _, m := range managers {
		if err := w.each(ctx, []*machine{m}, phase{name: "restart", expected: 10 * time.Second, do: do}); err != nil {
			return err
		}
		if !slices.Contains(w.up, m) {
			w.notice("the engines that have not taken the new configuration yet are left as they run, since that of %s failed with it", m.node.Name)
			return nil
		}
	}
	return w.each(ctx, workers, phase{name: "restart", expected: 5 * time.Second, do: do})
}

// swarm makes the hosts members of one swarm.
func (w *work) swarm(ctx context.Context) error {
	step := obs.Event{Step: "rollout/swarm", Title: "swarm", Expected: 15 * time.Second}
	w.emit(step, obs.StepRunning, "", nil)
	result, err := w.reconcile(ctx)
	for _, c := range result.Changes {
		w.changed(c.Node, "swarm", c.What)
	}
	for _, n := range result.Notices {
		w.notice("%s", n)
	}
	if err != nil {
		w.emit(step, obs.StepFailed, "", err)
		if len(w.failed.Failed) == 0 {
			return err
		}
		// What failed before is the likely reason, so it comes first.
		return errors.Join(w.failed.Err(), err)
	}
	w.emit(step, obs.StepDone, fmt.Sprintf("%d of %d managers reachable", result.Quorum.Reachable, result.Quorum.Managers), nil)
	return nil
}

// reconcile opens the engines' APIs and has the swarm's membership made right.
func (w *work) reconcile(ctx context.Context) (swarm.Result, error) {
	overlay, _ := w.doc.Network.Pools()
	c := swarm.Cluster{Pool: overlay}
	for _, m := range w.all {
		if !slices.Contains(w.up, m) {
			c.Unreached = append(c.Unreached, m.node)
			continue
		}
		e, err := swarm.NewEngine(m.host)
		if err != nil {
			return swarm.Result{}, err
		}
		defer e.Close() //nolint:errcheck // only idle connections
		c.Members = append(c.Members, swarm.Member{Node: m.node, Engine: e})
	}
	return swarm.Reconcile(ctx, c, swarm.Options{Limit: w.Parallel, Patience: w.SwarmPatience, Logger: w.Logger})
}

// detail says what was changed, in a line.
func detail(changes []string) string { return strings.Join(changes, ", ") }
