package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Deps are what a Reconciler stands on.
type Deps struct {
	Store   *state.Store
	Machine machine.Machine
	Delay   func(settings.Transition) time.Duration
	Logger  *slog.Logger
}

// Config are a Reconciler's numbers. Zero fields are at their defaults.
type Config struct {
	Poll     time.Duration // how often the machine is asked, whatever happens; 1 s
	Patience time.Duration // how long a host may take to shut down before it is killed; 45 s
	Parallel int           // actions at a time; 4
}

func (c Config) withDefaults() Config {
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.Patience == 0 {
		c.Patience = 45 * time.Second
	}
	if c.Parallel == 0 {
		c.Parallel = 4
	}
	return c
}

// Reconciler makes one machine follow one account.
type Reconciler struct {
	deps    Deps
	cfg     Config
	work    *workers
	applied *machine.Network // what the machine was last given; nil when that is not known
}

// New returns a reconciler, which does nothing until Run runs.
func New(deps Deps, cfg Config) *Reconciler {
	cfg = cfg.withDefaults()
	return &Reconciler{deps: deps, cfg: cfg, work: newWorkers(deps.Logger, cfg.Parallel)}
}

// Run reconciles until the context ends. A machine that fails is tried again; it is never an end.
func (r *Reconciler) Run(ctx context.Context) error {
	changed, stop := r.deps.Store.Watch()
	defer stop()
	defer r.work.wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-r.work.done:
		case <-timer.C:
		}
		next, err := r.pass(ctx)
		if err != nil && ctx.Err() == nil && !failed {
			r.deps.Logger.Warn("failed to reconcile, trying again", "err", err)
		}
		failed = err != nil
		timer.Reset(next)
	}
}

// pass does once what is to do now, and returns after how long the next pass must come at the latest.
func (r *Reconciler) pass(ctx context.Context) (time.Duration, error) {
	busy := r.work.busy() // before the question: the answer may be from before or after the end of these
	status, err := r.deps.Machine.Status(ctx)
	if err != nil {
		return r.cfg.Poll, fmt.Errorf("ask the machine for its status: %w", err)
	}
	look := r.look(status, busy)
	if look.dirty {
		if err := r.deps.Store.Update(func(d *state.Data) error {
			look = r.newPass(d, status, busy)
			look.apply = true
			look.walk()
			return nil
		}); err != nil {
			return r.cfg.Poll, fmt.Errorf("save what became of the account: %w", err)
		}
	}
	err = r.connect(ctx, look.network)
	for _, a := range look.actions {
		if err == nil || !a.boots {
			r.work.start(ctx, a)
		}
	}
	return max(0, min(r.cfg.Poll, time.Until(look.next))), err
}

// look returns what a pass would do, without doing it.
func (r *Reconciler) look(status machine.Status, busy map[string]bool) (p *pass) {
	_ = r.deps.Store.View(func(d *state.Data) error { // the callback never fails
		p = r.newPass(d, status, busy)
		p.walk()
		return nil
	})
	return p
}

// connect gives the machine its network, unless it has it.
func (r *Reconciler) connect(ctx context.Context, n machine.Network) error {
	if r.applied != nil && !r.work.suspicious() && reflect.DeepEqual(*r.applied, n) {
		return nil
	}
	r.applied = nil
	if err := r.deps.Machine.SetNetwork(ctx, n); err != nil {
		return fmt.Errorf("connect the machine's network: %w", err)
	}
	r.applied = &n
	return nil
}

func (r *Reconciler) newPass(d *state.Data, status machine.Status, busy map[string]bool) *pass {
	p := &pass{
		r: r, data: d, now: time.Now(), busy: busy, failing: r.work.failing(),
		hosts: map[string]machine.HostStatus{}, targets: map[targetKey]machine.TargetStatus{},
	}
	p.next = p.now.Add(r.cfg.Poll)
	for _, h := range status.Hosts {
		p.hosts[h.ID] = h
	}
	for _, t := range status.Targets {
		p.targets[targetKey{t.TargetGroup, t.ID, t.Port}] = t
	}
	return p
}

// walk goes through everything that the account has.
func (p *pass) walk() {
	for _, region := range p.data.Regions {
		p.region = region
		p.walkVolumes()
		p.walkInstances()
		p.walkBalancers()
	}
	p.stopOrphans()
	p.network = network.Desired(p.data)
}
