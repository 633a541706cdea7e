//go:build linux

package cage

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/balancer"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// limit bounds every operation of the holder, which goes on when its client is gone.
const limit = 5 * time.Minute

// routes returns the holder's methods; each has its counterpart in client.
func (h *holder) routes() http.Handler {
	mux := http.NewServeMux()
	handle(mux, "Hello", func(context.Context, struct{}) (hello, error) {
		return hello{ID: h.cfg.ID, StateDir: h.cfg.StateDir, PublicRange: h.cfg.PublicRange}, nil
	})
	handle(mux, "Status", func(context.Context, struct{}) (machine.Status, error) {
		return machine.Status{Hosts: h.hosts.Status(), Targets: h.balancers.Status()}, nil
	})
	handle(mux, "SetNetwork", silent(h.setNetwork))
	handle(mux, "CreateVolume", silent(h.hosts.CreateVolume))
	handle(mux, "DeleteVolume", silent(func(ctx context.Context, r volumeRequest) error { return h.hosts.DeleteVolume(ctx, r.ID) }))
	handle(mux, "StartHost", silent(h.hosts.Start))
	handle(mux, "StopHost", silent(func(ctx context.Context, r hostRequest) error {
		ctx, cancel := r.within(ctx)
		defer cancel()
		return h.hosts.Stop(ctx, r.ID, r.Force)
	}))
	handle(mux, "RebootHost", silent(func(ctx context.Context, r hostRequest) error {
		ctx, cancel := r.within(ctx)
		defer cancel()
		return h.hosts.Reboot(ctx, r.ID)
	}))
	handle(mux, "AttachVolume", silent(func(ctx context.Context, r attachRequest) error { return h.hosts.Attach(ctx, r.Host, r.Attachment) }))
	handle(mux, "DetachVolume", silent(func(ctx context.Context, r detachRequest) error { return h.hosts.Detach(ctx, r.Host, r.Volume) }))
	return mux
}

// within limits the context to the client's patience.
func (r hostRequest) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.Seconds <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Duration(r.Seconds)*time.Second)
}

// setNetwork makes links and rules, then the load balancers on top of them.
func (h *holder) setNetwork(ctx context.Context, n machine.Network) error {
	select {
	case h.network <- struct{}{}:
		defer func() { <-h.network }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := h.fabric.Set(ctx, n); err != nil {
		return err
	}
	h.metadata.Set(n)
	var specs []balancer.Spec
	for _, vpc := range n.VPCs {
		for _, b := range vpc.Balancers {
			space, err := h.fabric.Space(vpc.ID, b.Endpoint)
			if err != nil {
				return err
			}
			specs = append(specs, balancer.Spec{Balancer: b, Sockets: sockets{space}, Place: space})
		}
	}
	return h.balancers.Apply(specs)
}

// silent adapts a function that answers nothing.
func silent[In any](do func(context.Context, In) error) func(context.Context, In) (struct{}, error) {
	return func(ctx context.Context, in In) (struct{}, error) { return struct{}{}, do(ctx, in) }
}

// handle serves a method. It goes on when the client is gone: what is half done then would only have to be mended.
func handle[In, Out any](mux *http.ServeMux, method string, do func(context.Context, In) (Out, error)) {
	mux.HandleFunc("POST /v1/"+method, func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), limit)
		defer cancel()
		var in In
		var answer any
		status := http.StatusOK
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			status, answer = http.StatusBadRequest, newFailure(errs.Wrap(errs.Invalid, err, "decode "+method))
		} else if out, err := do(ctx, in); err != nil {
			status, answer = http.StatusUnprocessableEntity, newFailure(err)
		} else {
			answer = out
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(answer) // a client that is gone needs no answer
	})
}
