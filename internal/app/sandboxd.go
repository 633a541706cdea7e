package app

import (
	"context"
	"io"

	"github.com/slipway-project/slipway/internal/sandbox/cage"
	"github.com/slipway-project/slipway/internal/sandbox/daemon"
)

// RunDaemon is the process that serves the sandbox's API; it returns when the sandbox was stopped or ctx ends. In the
// foreground, everything ends when the lifeline does.
func (s *Sandbox) RunDaemon(ctx context.Context, lifeline io.Reader) error {
	cfg, err := s.cfg.daemon()
	if err != nil {
		return err
	}
	deps := daemon.Deps{Logger: s.deps.Logger, Ready: daemon.Reporter(s.deps.Getenv)}
	if cfg.Foreground {
		deps.Lifeline = lifeline
	}
	return daemon.Run(ctx, cfg, deps)
}

// RunForeground prepares the machine as Start does and then runs the sandbox in this process, and tells ready the
// address once it answers.
func (s *Sandbox) RunForeground(ctx context.Context, lifeline io.Reader, ready func(endpoint string)) error {
	s.cfg.Foreground = true
	cfg, err := s.cfg.daemon()
	if err != nil {
		return err
	}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	return daemon.Run(ctx, cfg, daemon.Deps{Logger: s.deps.Logger, Lifeline: lifeline, Ready: func(err error) {
		if err == nil {
			ready(cfg.Listen)
		}
	}})
}

// SandboxHolder is process 1 of the sandbox's cage. It returns when the cage ends.
func SandboxHolder(ctx context.Context, args []string) error { return cage.RunHolder(ctx, args) }

// SandboxHostInit is the first code in an instance. It returns only an error: otherwise the process has become the
// instance's init. It must run before anything else begins in the process.
func SandboxHostInit(args []string) error { return cage.RunHostInit(args) }
