package reconcile

import (
	"context"
	"slices"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

func (p *pass) walkVolumes() {
	for _, v := range p.region.EC2.Volumes {
		if p.busy[v.ID] {
			continue
		}
		switch {
		case v.State == state.VolumeDeleting:
			p.deleteVolume(v.ID)
		case v.MadeGiB < v.SizeGiB:
			p.makeVolume(v)
		case v.State == state.VolumeCreating && p.due(v.Due):
			p.change(func() { v.State = state.VolumeAvailable })
		case v.Attachment != nil:
			p.attachment(v)
		}
	}
}

// makeVolume makes the block image, or grows it.
func (p *pass) makeVolume(v *state.Volume) {
	want := machine.Volume{ID: v.ID, SizeGiB: v.SizeGiB}
	p.act(v.ID, "make volume", func(ctx context.Context) error { return p.r.deps.Machine.CreateVolume(ctx, want) }, func(e *state.EC2) {
		if v := e.Volumes[want.ID]; v != nil {
			v.MadeGiB = want.SizeGiB
		}
	})
}

func (p *pass) deleteVolume(id string) {
	p.act(id, "delete volume", func(ctx context.Context) error { return p.r.deps.Machine.DeleteVolume(ctx, id) }, func(e *state.EC2) {
		delete(e.Volumes, id)
		delete(e.Tags, id)
	})
}

// attachment brings a volume's attachment nearer to attached, or to its end. What is attached to an instance without a
// host is so in the books only: StartHost brings it.
func (p *pass) attachment(v *state.Volume) {
	a := v.Attachment
	i := p.region.EC2.Instances[a.Instance]
	runs := i.State == state.InstanceRunning && p.hosts[i.ID].Running && !p.busy[i.ID]
	switch a.State {
	case state.AttachmentAttaching:
		if i.State == state.InstanceStopped && p.due(a.Due) {
			p.change(func() { a.State = state.AttachmentAttached })
		}
		if runs && p.due(a.Due) {
			p.attach(v)
		}
	case state.AttachmentDetaching, state.AttachmentBusy:
		if i.State == state.InstanceStopped && p.due(a.Due) {
			p.change(func() { release(&p.region.EC2, v) })
		}
		if runs && p.due(a.Due) {
			p.detach(v.ID, i.ID)
		}
	}
}

func (p *pass) attach(v *state.Volume) {
	id, a := v.ID, *v.Attachment
	p.act(id, "attach volume", func(ctx context.Context) error {
		return p.r.deps.Machine.AttachVolume(ctx, a.Instance, machine.Attachment{VolumeID: id, Device: a.Device})
	}, func(e *state.EC2) {
		if v := e.Volumes[id]; v != nil && v.Attachment != nil && v.Attachment.State == state.AttachmentAttaching {
			v.Attachment.State = state.AttachmentAttached
		}
	})
}

// detach takes a volume from a running host. While something there holds it, the attachment is busy, as on AWS.
func (p *pass) detach(id, instance string) {
	r, region := p.r, p.region.Name
	p.act(id, "detach volume", func(ctx context.Context) error {
		err := r.deps.Machine.DetachVolume(ctx, instance, id)
		if errs.Is(err, errs.Conflict) {
			return r.setBusy(region, id, err)
		}
		return err
	}, func(e *state.EC2) {
		if v := e.Volumes[id]; v != nil && v.Attachment != nil {
			release(e, v)
		}
	})
}

// setBusy marks a volume's attachment as busy, and returns the error that says why.
func (r *Reconciler) setBusy(region, id string, why error) error {
	already := false
	if err := r.deps.Store.View(func(d *state.Data) error {
		v := d.Region(region).EC2.Volumes[id]
		already = v == nil || v.Attachment == nil || v.Attachment.State == state.AttachmentBusy
		return nil
	}); err != nil || already {
		return why
	}
	if err := r.deps.Store.Update(func(d *state.Data) error {
		if v := d.Region(region).EC2.Volumes[id]; v != nil && v.Attachment != nil {
			v.Attachment.State = state.AttachmentBusy
		}
		return nil
	}); err != nil {
		return err
	}
	return why
}

// release ends a volume's attachment.
func release(e *state.EC2, v *state.Volume) {
	if i := e.Instances[v.Attachment.Instance]; i != nil {
		i.Devices = slices.DeleteFunc(i.Devices, func(d state.InstanceDevice) bool { return d.Volume == v.ID })
	}
	v.Attachment, v.State = nil, state.VolumeAvailable
}
