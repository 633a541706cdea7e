package rollout

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/obs"
)

// Dialer connects to the nodes' hosts. *host.Dialer is one.
type Dialer interface {
	// Dial connects with patience: a host that boots is waited for.
	Dial(ctx context.Context, node cluster.Node) (host.Host, error)
	// DialOnce connects or fails at once.
	DialOnce(ctx context.Context, node cluster.Node) (host.Host, error)
}

// Deps is what a Rollout stands on.
type Deps struct {
	Dialer   Dialer
	Logger   *slog.Logger // nil: none
	Progress obs.Progress // nil: none
}

// Config bounds a Rollout. Zero values mean the defaults.
type Config struct {
	Parallel      int           // hosts worked on at once; default 8
	CheckTimeout  time.Duration // for everything that Check asks one host, connecting included; default 10 s. The Dialer gives a dead one up sooner
	DrainTimeout  time.Duration // for the tasks of a node that is retired; default 1 minute
	SwarmPatience time.Duration // for each change of the swarm to show; default 1 minute
}

// Rollout makes clusters out of hosts.
type Rollout struct {
	Deps
	Config
	managers sync.Mutex // held while a manager is retired: the quorum is looked at and changed by one at a time
}

// New returns a Rollout. It does no I/O.
func New(d Deps, c Config) *Rollout {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Progress == nil {
		d.Progress = obs.NoProgress
	}
	if c.Parallel <= 0 {
		c.Parallel = 8
	}
	if c.CheckTimeout <= 0 {
		c.CheckTimeout = 10 * time.Second
	}
	if c.DrainTimeout <= 0 {
		c.DrainTimeout = time.Minute
	}
	if c.SwarmPatience <= 0 {
		c.SwarmPatience = time.Minute
	}
	return &Rollout{Deps: d, Config: c}
}
