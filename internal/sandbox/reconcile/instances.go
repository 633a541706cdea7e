package reconcile

import (
	"context"
	"fmt"
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/catalog"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

func (p *pass) walkInstances() {
	for _, i := range p.region.EC2.Instances {
		if p.busy[i.ID] {
			continue
		}
		host, there := p.hosts[i.ID]
		switch i.State {
		case state.InstancePending, state.InstanceRunning:
			p.up(i, host, there)
		case state.InstanceStopping, state.InstanceShuttingDown:
			p.down(i, host, there)
		case state.InstanceTerminated:
			if p.due(i.Due) {
				p.change(func() { p.forget(i) })
			}
		}
	}
}

// up brings a pending or running instance nearer to running.
func (p *pass) up(i *state.Instance, host machine.HostStatus, there bool) {
	switch {
	case i.Drill == state.DrillDead:
		if there {
			p.stopHost(i.ID, true)
		}
		p.impaired(i)
	case !there:
		if i.State == state.InstanceRunning && p.failing[i.ID].count >= mostStarts {
			p.impaired(i)
		}
		p.startHost(i)
	case host.Running:
		p.alive(i)
	case host.Reason == machine.ReasonPoweredOff:
		p.change(func() { p.haltedItself(i) })
	case i.State == state.InstancePending && !i.Booted:
		p.stillborn(i, host)
	default:
		p.impaired(i)
	}
}

// alive is for an instance whose host runs.
func (p *pass) alive(i *state.Instance) {
	if !i.Booted || i.Impaired {
		p.change(func() {
			i.Booted, i.Impaired = true, false
			p.r.work.forget(i.ID)
		})
	}
	p.begun(i)
	if i.Reboot {
		id := i.ID
		p.act(id, "reboot host", func(ctx context.Context) error { return p.r.deps.Machine.RebootHost(ctx, id) }, func(e *state.EC2) {
			if i := e.Instances[id]; i != nil {
				i.Reboot = false
			}
		})
	}
}

// begun ends the start of a pending instance when its time has come.
func (p *pass) begun(i *state.Instance) {
	if i.State == state.InstancePending && p.due(i.Due) {
		p.change(func() { p.become(i, state.InstanceRunning) })
	}
}

// impaired is for an instance whose host died: it fails its system check until somebody stops it. A pending one runs when its time has
// come nevertheless, as on AWS: a state tells of the machine, a check of what runs in it.
func (p *pass) impaired(i *state.Instance) {
	p.begun(i)
	if !i.Impaired {
		p.change(func() {
			i.Impaired, i.ImpairedSince = true, p.now
			p.r.deps.Logger.Warn("host of instance is dead", "instance_id", i.ID)
		})
	}
}

// stillborn is for a pending instance whose init died before anybody saw it alive, as where the machine lacks something that systemd
// needs. It counts as a start that failed: what is left of the host is cleared away, and it is started again or given up.
func (p *pass) stillborn(i *state.Instance, host machine.HostStatus) {
	if err := p.startFailure(i); err != nil {
		p.change(func() { p.giveUp(i, err) })
		return
	}
	r := p.r
	p.act(host.ID, "boot host", func(ctx context.Context) error {
		if err := r.deps.Machine.StopHost(ctx, host.ID, true); err != nil {
			return err
		}
		return fmt.Errorf("boot host %s: its init died at once (%s)", host.ID, host.Reason)
	}, nil)
}

// haltedItself is for an instance whose host switched itself off.
func (p *pass) haltedItself(i *state.Instance) {
	i.Due, i.ForceStop, i.ReasonCode = p.now, true, "Client.InstanceInitiatedShutdown"
	i.Reason = "Client.InstanceInitiatedShutdown: Instance initiated shutdown"
	if i.TerminateOnHalt {
		p.become(i, state.InstanceShuttingDown)
	} else {
		p.become(i, state.InstanceStopping)
	}
}

// down brings a stopping or dying instance nearer to its end.
func (p *pass) down(i *state.Instance, host machine.HostStatus, there bool) {
	switch terminating := i.State == state.InstanceShuttingDown; {
	case there:
		p.stopHost(i.ID, terminating || i.ForceStop || !host.Running)
	case !p.due(i.Due):
	case terminating:
		p.change(func() { p.terminated(i) })
	default:
		p.change(func() { p.stopped(i) })
	}
}

// become changes an instance's state and says so.
func (p *pass) become(i *state.Instance, to string) {
	p.r.deps.Logger.Info("instance changed its state", "instance_id", i.ID, "from", i.State, "to", to)
	i.State = to
	i.Ran = i.Ran || to == state.InstanceRunning
}

// stopped ends a stop: the public address goes, and so do the failures of the hardware that the instance ran on.
func (p *pass) stopped(i *state.Instance) {
	p.become(i, state.InstanceStopped)
	i.Drill, i.Impaired, i.Booted, i.Reboot, i.ForceStop = state.DrillNone, false, false, false, false
	if n := p.region.EC2.NetworkInterfaces[i.Interface]; n != nil {
		n.PublicIP = ""
	}
}

// terminated ends a termination: the interface goes, the volumes too or become free, and the instance stays visible for a while.
func (p *pass) terminated(i *state.Instance) {
	e := &p.region.EC2
	p.become(i, state.InstanceTerminated)
	i.Drill, i.Impaired = state.DrillNone, false
	network.DeleteInterface(e, i.Interface)
	for _, d := range i.Devices {
		v := e.Volumes[d.Volume]
		v.State = state.VolumeAvailable
		if v.Attachment != nil && v.Attachment.DeleteOnTermination {
			v.State = state.VolumeDeleting
		}
		v.Attachment = nil
	}
	for _, tg := range p.region.ELB.TargetGroups {
		tg.Targets = slices.DeleteFunc(tg.Targets, func(t state.Target) bool { return t.ID == i.ID })
	}
	i.Interface, i.Devices = "", nil
	i.Due = p.now.Add(p.r.deps.Delay(settings.InstanceForget))
}

func (p *pass) forget(i *state.Instance) {
	delete(p.region.EC2.Instances, i.ID)
	delete(p.region.EC2.Tags, i.ID)
}

// stopHost stops the instance's host; not at once, it has a while to shut down.
func (p *pass) stopHost(id string, force bool) {
	r := p.r
	p.act(id, "stop host", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, r.cfg.Patience)
		defer cancel()
		return r.deps.Machine.StopHost(ctx, id, force)
	}, nil)
}

// stopOrphans stops the hosts that no instance has any more, or none that may have a host.
func (p *pass) stopOrphans() {
	for id := range p.hosts {
		if p.busy[id] {
			continue
		}
		var owner *state.Instance
		for _, r := range p.data.Regions {
			if i := r.EC2.Instances[id]; i != nil {
				owner = i
			}
		}
		if owner == nil || owner.State == state.InstanceStopped || owner.State == state.InstanceTerminated {
			p.stopHost(id, true)
		}
	}
}

// mostStarts is how often the host of a pending instance, or a volume of it, may fail before the start is given up.
const mostStarts = 5

// startFailure returns why the start of a pending instance must be given up; nil while it goes on.
func (p *pass) startFailure(i *state.Instance) error {
	if i.State != state.InstancePending {
		return nil
	}
	ids := []string{i.ID}
	for _, d := range i.Devices {
		ids = append(ids, d.Volume)
	}
	for _, id := range ids {
		if f := p.failing[id]; f.count >= mostStarts {
			return f.err
		}
	}
	return nil
}

// giveUp ends a start that fails: as on AWS, a new instance is terminated and says why, and one that ran before is
// stopped again.
func (p *pass) giveUp(i *state.Instance, why error) {
	i.Due, i.ForceStop, i.ReasonCode = p.now, true, "Server.InternalError"
	i.Reason = "Server.InternalError: " + why.Error()
	p.r.work.forget(i.ID)
	if i.Ran {
		p.become(i, state.InstanceStopping)
	} else {
		p.become(i, state.InstanceShuttingDown)
	}
}

// startHost starts the instance's host once its volumes are there.
func (p *pass) startHost(i *state.Instance) {
	if err := p.startFailure(i); err != nil {
		p.change(func() { p.giveUp(i, err) })
		return
	}
	e := &p.region.EC2
	h, ok := p.hostOf(i)
	if !ok {
		return
	}
	for _, d := range i.Devices {
		v := e.Volumes[d.Volume]
		if v.MadeGiB == 0 {
			return
		}
		if v.Attachment.State == state.AttachmentDetaching {
			continue
		}
		h.Attachments = append(h.Attachments, machine.Attachment{VolumeID: v.ID, Device: d.Name, Root: d.Name == i.RootDevice})
	}
	p.actBoot(i.ID, "start host", func(ctx context.Context) error { return p.r.deps.Machine.StartHost(ctx, h) }, func(e *state.EC2) {
		if i := e.Instances[h.ID]; i == nil || !i.ShouldRun() {
			return
		}
		for _, a := range h.Attachments {
			if v := e.Volumes[a.VolumeID]; v != nil && v.Attachment != nil && v.Attachment.State == state.AttachmentAttaching {
				v.Attachment.State = state.AttachmentAttached
			}
		}
	})
}

// hostOf returns the host of an instance without its volumes. It is not ok if the catalog has lost its type or image.
func (p *pass) hostOf(i *state.Instance) (machine.Host, bool) {
	t, typed := catalog.FindInstanceType(i.Type)
	image, known := catalog.FindImage(p.region.Name, i.Image)
	return machine.Host{
		ID: i.ID, Hostname: i.Hostname, Image: image.Base, VPC: i.VPC, Endpoint: i.Interface,
		Type: i.Type, VCPUs: t.VCPUs, MemoryMiB: t.MemoryMiB,
	}, typed && known
}
