//go:build linux

package hosts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// Supervisor runs the hosts of one sandbox.
type Supervisor struct {
	deps Deps
	cfg  Config

	mu    sync.Mutex // guards the maps and the hosts' mutable fields
	hosts map[string]*host
	disks map[string]string // volume -> host that it is attached to
}

// host is one that was started and not stopped.
type host struct {
	op   sync.Mutex // held for the length of an operation; taken before Supervisor.mu
	spec machine.Host

	// Guarded by Supervisor.mu.
	boot      *boot  // nil while no process of the host runs
	rebooting bool   // between two boots
	held      bool   // an operation decides what follows the end of this boot
	gone      bool   // stopped: an operation that waited for op must look the host up again
	reason    string // why it does not run
}

// New returns a Supervisor of no hosts.
func New(deps Deps, cfg Config) *Supervisor {
	return &Supervisor{deps: deps, cfg: cfg, hosts: map[string]*host{}, disks: map[string]string{}}
}

// Start boots the host, unless it runs already, and returns when its init runs.
func (s *Supervisor) Start(ctx context.Context, spec machine.Host) error {
	if err := validate(spec); err != nil {
		return err
	}
	h := s.lock(spec.ID, true)
	defer h.op.Unlock()
	if s.current(h) != nil {
		return nil
	}
	s.mu.Lock()
	h.spec, h.reason = spec, ""
	s.mu.Unlock()
	if err := s.bootHost(ctx, h); err != nil {
		s.forget(h)
		return fmt.Errorf("start host %s: %w", spec.ID, err)
	}
	s.deps.Logger.Info("host started", "host", spec.ID)
	return nil
}

// Stop asks the host to power off, kills it when the context's deadline comes, and forgets it. A host that is not
// known is stopped already.
func (s *Supervisor) Stop(ctx context.Context, id string, force bool) error {
	h := s.lock(id, false)
	if h == nil {
		return nil
	}
	defer h.op.Unlock()
	s.end(ctx, h, signalPowerOff, force)
	s.forget(h)
	s.deps.Logger.Info("host stopped", "host", id)
	return nil
}

// Reboot asks the host to reboot, as a button would: when the context's deadline comes first, it is killed and booted
// again. It returns when the new init runs.
func (s *Supervisor) Reboot(ctx context.Context, id string) error {
	h := s.lock(id, false)
	if h == nil {
		return errs.New(errs.NotFound, fmt.Sprintf("host %s does not run", id))
	}
	defer h.op.Unlock()
	s.mu.Lock()
	off := h.boot == nil && !h.rebooting
	h.rebooting = !off
	s.mu.Unlock()
	if off {
		return errs.New(errs.Conflict, fmt.Sprintf("host %s is off", id))
	}
	s.end(ctx, h, signalReboot, false)
	return s.bootAgain(context.WithoutCancel(ctx), h)
}

// Status tells of every host that was started and not stopped, by id.
func (s *Supervisor) Status() []machine.HostStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]machine.HostStatus, 0, len(s.hosts))
	for id, h := range s.hosts {
		all = append(all, machine.HostStatus{ID: id, Running: h.boot != nil || h.rebooting, Reason: h.reason})
	}
	slices.SortFunc(all, func(a, b machine.HostStatus) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// lock returns the host with op held; of one that is not known, a new one or nil.
func (s *Supervisor) lock(id string, create bool) *host {
	for {
		s.mu.Lock()
		h := s.hosts[id]
		if h == nil && create {
			h = &host{}
			s.hosts[id] = h
		}
		s.mu.Unlock()
		if h == nil {
			return nil
		}
		h.op.Lock()
		s.mu.Lock()
		gone := h.gone
		s.mu.Unlock()
		if !gone {
			return h
		}
		h.op.Unlock()
	}
}

// current returns the host's running boot, or nil.
func (s *Supervisor) current(h *host) *boot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return h.boot
}

// forget drops a host that no process is left of. The caller holds op.
func (s *Supervisor) forget(h *host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h.gone = true
	for id, known := range s.hosts {
		if known == h {
			delete(s.hosts, id)
		}
	}
}

func validate(spec machine.Host) error {
	roots := 0
	for _, a := range spec.Attachments {
		if a.Root {
			roots++
		}
	}
	switch {
	case !validID.MatchString(spec.ID):
		return errs.New(errs.Invalid, fmt.Sprintf("host id %q is not made of a-z, 0-9 and dashes", spec.ID))
	case !validHostname.MatchString(spec.Hostname):
		return errs.New(errs.Invalid, fmt.Sprintf("host %s: %q is no host name", spec.ID, spec.Hostname))
	case roots != 1:
		return errs.New(errs.Invalid, fmt.Sprintf("host %s has %d root volumes, not one", spec.ID, roots))
	case spec.VCPUs < 1 || spec.MemoryMiB < 1:
		return errs.New(errs.Invalid, fmt.Sprintf("host %s has %d vCPUs and %d MiB of memory", spec.ID, spec.VCPUs, spec.MemoryMiB))
	}
	return nil
}
