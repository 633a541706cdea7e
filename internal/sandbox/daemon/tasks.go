package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/run"
	"github.com/slipway-project/slipway/internal/sandbox"
	"github.com/slipway-project/slipway/internal/sandbox/cage"
)

// How long the end may take: of all, of the hosts together, and of the requests under way.
const (
	stopTimeout     = 90 * time.Second
	hostsTimeout    = 10 * time.Second
	requestsTimeout = 2 * time.Second
)

// compose lists the tasks in the order of their start; they stop in reverse. The control API is first, so that it can
// tell how the end went.
func (d *daemon) compose(l listeners, ready func()) {
	d.group = run.New(d.deps.Logger, run.Config{StopTimeout: stopTimeout})
	d.group.Add(run.Task{Name: "control", Run: serveOn(l.control, func() http.Handler { return d.control() })})
	d.group.Add(run.Task{Name: "machine", Run: d.runMachine})
	d.group.Add(run.Task{Name: "metadata", Run: serveOn(l.metadata, func() http.Handler { return d.sandbox.Metadata() })})
	d.group.Add(run.Task{Name: "reconciler", Run: func(ctx context.Context, ready func()) error {
		ready()
		return d.sandbox.Run(ctx)
	}})
	d.group.Add(run.Task{Name: "api", Run: serveOn(l.api, func() http.Handler { return d.sandbox.API() })})
	d.group.Add(run.Task{Name: "lifeline", Run: func(ctx context.Context, done func()) error {
		done()
		ready()
		d.watchLifeline(ctx)
		return nil
	}})
}

// runMachine starts or adopts the machine and composes the cloud on it. At the end it stops the hosts and destroys the
// machine, if that is asked for; otherwise they live on.
func (d *daemon) runMachine(ctx context.Context, ready func()) error {
	defer close(d.stopped)
	m, err := d.deps.Machine(ctx, cage.Config{
		ID: d.cfg.id(), StateDir: d.cfg.StateDir, RunDir: d.cfg.RunDir, ImageDir: d.cfg.ImageDir, PublicRange: d.memo.PublicRange,
		Lifeline: d.cfg.Foreground, Logger: d.deps.Logger.With("component", "cage"),
	})
	if err != nil {
		return fmt.Errorf("start the sandbox's machine: %w", err)
	}
	d.machine = m
	d.sandbox = sandbox.New(sandbox.Deps{
		Store: d.store, Settings: d.settings, Machine: m, PublicRange: m.PublicRange(), Logger: d.deps.Logger,
	})
	if err := d.remember(func(memo *memo) { memo.PublicRange = m.PublicRange() }); err != nil {
		return err
	}
	ready()
	select {
	case <-m.Done():
		return errs.New(errs.Unavailable, "the sandbox's machine ended").
			WithRemedy("`slipway sandbox start` starts it again; its log is in " + d.cfg.StateDir + "/logs.")
	case <-ctx.Done():
	}
	if !d.isOff() {
		return nil
	}
	d.stopErr = powerOff(context.WithoutCancel(ctx), m)
	return d.stopErr
}

// powerOff stops every host, so that its file systems are clean, kills those that take too long, and destroys the machine.
func powerOff(ctx context.Context, m Machine) error {
	graceful, cancel := context.WithTimeout(ctx, hostsTimeout)
	defer cancel()
	status, err := m.Status(graceful)
	if err != nil {
		return errors.Join(fmt.Errorf("ask for hosts: %w", err), m.Destroy(ctx))
	}
	failures := make([]error, len(status.Hosts))
	var all sync.WaitGroup
	for i, h := range status.Hosts {
		all.Go(func() { failures[i] = m.StopHost(graceful, h.ID, false) })
	}
	all.Wait()
	return errors.Join(errors.Join(failures...), m.Destroy(ctx))
}

// watchLifeline stops the sandbox when the lifeline ends.
func (d *daemon) watchLifeline(ctx context.Context) {
	if d.deps.Lifeline == nil {
		<-ctx.Done()
		return
	}
	ended := make(chan struct{})
	go func() { // a read cannot be interrupted: it ends with the process
		defer close(ended)
		_, _ = io.Copy(io.Discard, d.deps.Lifeline)
	}()
	select {
	case <-ended:
		d.stop()
	case <-ctx.Done():
	}
}

// stop begins the end of the sandbox with all that runs in it.
func (d *daemon) stop() {
	d.mu.Lock()
	d.off = true
	d.mu.Unlock()
	d.quit()
}

func (d *daemon) isOff() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.off
}

// remember changes what the next daemon is told.
func (d *daemon) remember(change func(*memo)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.memo
	change(&m)
	if err := m.save(d.cfg); err != nil {
		return err
	}
	d.memo = m
	return nil
}

// serveOn is the task that serves HTTP on a listener; the handler is made when the tasks before it are ready.
func serveOn(l net.Listener, handler func() http.Handler) func(context.Context, func()) error {
	return func(ctx context.Context, ready func()) error {
		server := &http.Server{Handler: handler(), ReadHeaderTimeout: 10 * time.Second}
		failed := make(chan error, 1)
		go func() { failed <- server.Serve(l) }()
		ready()
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
		}
		hurry, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestsTimeout)
		defer cancel()
		if err := server.Shutdown(hurry); err != nil {
			return errors.Join(server.Close(), ctx.Err())
		}
		return ctx.Err()
	}
}
