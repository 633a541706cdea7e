// Package sandbox puts the AWS-compatible cloud together: the account's store, the services, the API's server, the
// metadata service and the reconciler that makes a machine be what the account says.
//
// It is the composition root that the daemon and the in-process cloud of the tests share; it opens no socket and starts no
// process. Nothing below internal/sandbox but daemon may import it. A Sandbox is safe for concurrent use.
package sandbox

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/catalog"
	"github.com/slipway-project/slipway/internal/sandbox/ec2"
	"github.com/slipway-project/slipway/internal/sandbox/elbv2"
	"github.com/slipway-project/slipway/internal/sandbox/iam"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/reconcile"
	"github.com/slipway-project/slipway/internal/sandbox/server"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/ssm"
	"github.com/slipway-project/slipway/internal/sandbox/state"
	"github.com/slipway-project/slipway/internal/sandbox/sts"
)

// Deps are what a Sandbox stands on.
type Deps struct {
	Store    *state.Store
	Settings *settings.Settings
	Machine  machine.Machine
	// PublicRange is where public addresses come from; its first 16 belong to the machine.
	PublicRange netip.Prefix
	Logger      *slog.Logger
	Faults      server.Faults // nil for none
}

// Sandbox is one cloud.
type Sandbox struct {
	deps     Deps
	server   *server.Server
	metadata *server.Metadata
}

// New returns a sandbox. It does nothing until requests come in and Run runs.
func New(deps Deps) *Sandbox {
	s := &Sandbox{deps: deps}
	s.server = server.New(server.Deps{
		Auth: iam.NewAuth(deps.Store), Services: Services(deps), Settings: deps.Settings, Faults: deps.Faults,
		Logger: deps.Logger.With("component", "api"),
	})
	s.metadata = server.NewMetadata(deps.Store, s.server, deps.Logger.With("component", "metadata"))
	return s
}

// Services returns every service of the sandbox.
func Services(deps Deps) []*awswire.Service {
	return []*awswire.Service{
		iam.New(iam.Deps{Store: deps.Store, Settings: deps.Settings}),
		sts.New(deps.Store),
		ssm.New(ssm.Deps{Store: deps.Store, Public: catalog.Parameters}),
		elbv2.New(elbv2.Deps{Store: deps.Store, Delay: deps.Settings.Delay, Public: deps.PublicRange}),
		ec2.New(ec2.Deps{Store: deps.Store, Delay: deps.Settings.Delay, Public: deps.PublicRange}),
	}
}

// API answers AWS's API.
func (s *Sandbox) API() http.Handler { return s.server }

// Metadata answers what instances ask: of the metadata service, and of the API at its address inside the VPCs.
func (s *Sandbox) Metadata() http.Handler { return s.metadata }

// Calls returns how often the API was called since the start or the last reset.
func (s *Sandbox) Calls() server.Counts { return s.server.Calls() }

// ResetCalls begins to count anew.
func (s *Sandbox) ResetCalls() { s.server.ResetCalls() }

// Run makes the machine follow the account until the context ends.
func (s *Sandbox) Run(ctx context.Context) error {
	return reconcile.New(reconcile.Deps{
		Store: s.deps.Store, Machine: s.deps.Machine, Delay: s.deps.Settings.Delay, Logger: s.deps.Logger.With("component", "reconcile"),
	}, reconcile.Config{}).Run(ctx)
}
