package machinetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// Fake is a machine in memory. Its hosts boot at once and every target of theirs is healthy while they run.
type Fake struct {
	// Fault is asked before each method with its name and the object's id; an error is returned instead of acting. Nil
	// never fails. Set it before the first use.
	Fault func(method, id string) error

	mu      sync.Mutex
	network machine.Network
	volumes map[string]int // sizes in GiB
	hosts   map[string]*fakeHost
	calls   []string
}

type fakeHost struct {
	machine.Host
	reason string // why it does not run; empty while it does
	boots  int
}

var _ machine.Machine = (*Fake)(nil)

// NewFake returns an empty machine.
func NewFake() *Fake {
	return &Fake{volumes: map[string]int{}, hosts: map[string]*fakeHost{}}
}

// begin locks the fake, notes the call and asks Fault. The caller unlocks, whatever begin returns.
func (f *Fake) begin(ctx context.Context, method, id string) error {
	f.mu.Lock()
	f.calls = append(f.calls, method+" "+id)
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.Fault != nil {
		return f.Fault(method, id)
	}
	return nil
}

// SetNetwork implements machine.Machine.
func (f *Fake) SetNetwork(ctx context.Context, n machine.Network) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, "SetNetwork", ""); err != nil {
		return err
	}
	f.network = n
	return nil
}

// CreateVolume implements machine.Machine.
func (f *Fake) CreateVolume(ctx context.Context, v machine.Volume) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, "CreateVolume", v.ID); err != nil {
		return err
	}
	f.volumes[v.ID] = max(f.volumes[v.ID], v.SizeGiB)
	return nil
}

// DeleteVolume implements machine.Machine.
func (f *Fake) DeleteVolume(ctx context.Context, id string) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, "DeleteVolume", id); err != nil {
		return err
	}
	if h := f.holder(id); h != nil {
		return errs.New(errs.Conflict, fmt.Sprintf("volume %s is attached to host %s", id, h.ID))
	}
	delete(f.volumes, id)
	return nil
}

// holder returns the host that a volume is attached to.
func (f *Fake) holder(volume string) *fakeHost {
	for _, h := range f.hosts {
		if slices.ContainsFunc(h.Attachments, func(a machine.Attachment) bool { return a.VolumeID == volume }) {
			return h
		}
	}
	return nil
}

// StartHost implements machine.Machine.
func (f *Fake) StartHost(ctx context.Context, h machine.Host) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, "StartHost", h.ID); err != nil {
		return err
	}
	if old := f.hosts[h.ID]; old != nil && old.reason == "" {
		return nil
	}
	if !f.hasEndpoint(h.VPC, h.Endpoint) {
		return errs.New(errs.NotFound, fmt.Sprintf("no endpoint %s in network %s", h.Endpoint, h.VPC))
	}
	roots := 0
	for _, a := range h.Attachments {
		if err := f.attachable(h.ID, a); err != nil {
			return err
		}
		if a.Root {
			roots++
		}
	}
	if roots != 1 {
		return errs.New(errs.Invalid, fmt.Sprintf("host %s has %d root volumes", h.ID, roots))
	}
	h.Attachments = slices.Clone(h.Attachments)
	f.hosts[h.ID] = &fakeHost{Host: h, boots: 1}
	return nil
}

func (f *Fake) hasEndpoint(vpc, id string) bool {
	for _, v := range f.network.VPCs {
		if v.ID == vpc {
			return slices.ContainsFunc(v.Endpoints, func(e machine.Endpoint) bool { return e.ID == id })
		}
	}
	return false
}

func (f *Fake) attachable(host string, a machine.Attachment) error {
	if _, ok := f.volumes[a.VolumeID]; !ok {
		return errs.New(errs.NotFound, "no volume "+a.VolumeID)
	}
	if h := f.holder(a.VolumeID); h != nil && h.ID != host {
		return errs.New(errs.Conflict, fmt.Sprintf("volume %s is attached to host %s", a.VolumeID, h.ID))
	}
	return nil
}

// StopHost implements machine.Machine.
func (f *Fake) StopHost(ctx context.Context, id string, _ bool) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, "StopHost", id); err != nil {
		return err
	}
	delete(f.hosts, id)
	return nil
}

// RebootHost implements machine.Machine.
func (f *Fake) RebootHost(ctx context.Context, id string) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, "RebootHost", id); err != nil {
		return err
	}
	h, err := f.running(id)
	if err != nil {
		return err
	}
	h.boots++
	return nil
}

func (f *Fake) running(id string) (*fakeHost, error) {
	h := f.hosts[id]
	switch {
	case h == nil:
		return nil, errs.New(errs.NotFound, "no host "+id)
	case h.reason != "":
		return nil, errs.New(errs.Conflict, fmt.Sprintf("host %s does not run: %s", id, h.reason))
	}
	return h, nil
}

// AttachVolume implements machine.Machine.
func (f *Fake) AttachVolume(ctx context.Context, hostID string, a machine.Attachment) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, "AttachVolume", a.VolumeID); err != nil {
		return err
	}
	h, err := f.running(hostID)
	if err != nil {
		return err
	}
	if err := f.attachable(hostID, a); err != nil {
		return err
	}
	if f.holder(a.VolumeID) == nil {
		h.Attachments = append(h.Attachments, a)
	}
	return nil
}

// DetachVolume implements machine.Machine.
func (f *Fake) DetachVolume(ctx context.Context, hostID, volumeID string) error {
	defer f.mu.Unlock()
	if err := f.begin(ctx, "DetachVolume", volumeID); err != nil {
		return err
	}
	if h := f.hosts[hostID]; h != nil {
		h.Attachments = slices.DeleteFunc(h.Attachments, func(a machine.Attachment) bool { return a.VolumeID == volumeID })
	}
	return nil
}

// Status implements machine.Machine.
func (f *Fake) Status(ctx context.Context) (machine.Status, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, "Status", ""); err != nil {
		return machine.Status{}, err
	}
	var s machine.Status
	for _, h := range f.hosts {
		s.Hosts = append(s.Hosts, machine.HostStatus{ID: h.ID, Running: h.reason == "", Reason: h.reason})
	}
	slices.SortFunc(s.Hosts, func(a, b machine.HostStatus) int { return cmp.Compare(a.ID, b.ID) })
	for _, v := range f.network.VPCs {
		for _, b := range v.Balancers {
			for _, l := range b.Listeners {
				for _, t := range l.Targets {
					s.Targets = append(s.Targets, f.target(l.TargetGroup, t))
				}
			}
		}
	}
	return s, nil
}

func (f *Fake) target(group string, t machine.Target) machine.TargetStatus {
	s := machine.TargetStatus{TargetGroup: group, ID: t.ID, Port: t.Port, State: "healthy"}
	if _, err := f.running(t.ID); err != nil {
		s.State, s.Reason = "unhealthy", err.Error()
	}
	return s
}
