package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/run"
	"github.com/slipway-project/slipway/internal/sandbox"
	"github.com/slipway-project/slipway/internal/sandbox/cage"
	"github.com/slipway-project/slipway/internal/sandbox/iam"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Machine is what the sandbox runs on: a cage, or a double of it.
type Machine interface {
	machine.Machine
	PublicRange() netip.Prefix
	Done() <-chan struct{} // closed when it died
	Destroy(ctx context.Context) error
}

// Deps are what a daemon stands on.
type Deps struct {
	Logger *slog.Logger
	// Ready is told once: nil when the sandbox answers, or why it does not start. Nil for nobody.
	Ready func(error)
	// Lifeline ends the daemon, as Stop does, when it reaches its end: standard input, in the foreground. Nil for none.
	Lifeline io.Reader
	// Machine makes or adopts the machine; nil for cage.Start.
	Machine func(context.Context, cage.Config) (Machine, error)
}

// startCage is Deps.Machine unless a test has its own.
func startCage(ctx context.Context, cfg cage.Config) (Machine, error) { return cage.Start(ctx, cfg) }

// daemon is a sandbox that is being started or runs.
type daemon struct {
	cfg      Config
	deps     Deps
	store    *state.Store
	settings *settings.Settings
	started  time.Time
	endpoint string // URL of the API
	group    *run.Group

	machine Machine          // set before whatever is started after it
	sandbox *sandbox.Sandbox // the same

	quit    context.CancelFunc // ends Run
	mu      sync.Mutex
	memo    memo
	off     bool          // the hosts shall be stopped and the machine destroyed at the end
	stopped chan struct{} // closed when that is done
	stopErr error
}

// Run runs the sandbox until ctx ends or somebody stops it. When ctx ends the hosts live on, to be adopted by the next
// daemon, except in the foreground.
func Run(ctx context.Context, cfg Config, deps Deps) error {
	if deps.Machine == nil {
		deps.Machine = startCage
	}
	var once sync.Once
	report := func(err error) {
		once.Do(func() {
			if deps.Ready != nil {
				deps.Ready(err)
			}
		})
	}
	err := serve(ctx, cfg.withDefaults(), deps, func() { report(nil) })
	report(err) // has no effect if it was ready
	return err
}

func serve(ctx context.Context, cfg Config, deps Deps, ready func()) error {
	for _, dir := range []string{cfg.StateDir, cfg.RunDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return errs.Wrap(kindOfFault(err), err, "make the sandbox's directory").WithRemedy("The sandbox needs root: use sudo.")
		}
	}
	held, err := tryLock(cfg.daemonLock())
	if errors.Is(err, errLocked) {
		return errs.Wrap(errs.Conflict, err, "a sandbox runs already in "+cfg.RunDir).
			WithRemedy("`slipway sandbox status` shows it; --run-dir, --state-dir and --listen make another one beside it.")
	}
	if err != nil {
		return err
	}
	defer held.release()
	d := &daemon{cfg: cfg, deps: deps, started: time.Now(), off: cfg.Foreground, stopped: make(chan struct{})}
	if err := d.open(); err != nil {
		return err
	}
	listeners, err := d.listen(ctx)
	if err != nil {
		return err
	}
	ctx, d.quit = context.WithCancel(ctx)
	defer d.quit()
	d.compose(listeners, ready)
	deps.Logger.Info("starting sandbox", "endpoint", d.endpoint, "state_dir", cfg.StateDir, "pid", os.Getpid())
	err = d.group.Run(ctx)
	deps.Logger.Info("sandbox ended")
	return errors.Join(err, listeners.close())
}

// open reads what the last daemon left.
func (d *daemon) open() (err error) {
	if d.store, err = state.Open(d.cfg.accountFile()); err != nil {
		return err
	}
	root, err := iam.EnsureRoot(d.store)
	if err != nil {
		return err
	}
	if err := writeCredentials(d.cfg, root); err != nil {
		return err
	}
	if d.memo, err = recall(d.cfg); err != nil {
		return err
	}
	d.settings, err = settings.New(d.memo.Settings)
	return err
}

// listeners are the daemon's doors.
type listeners struct{ api, metadata, control net.Listener }

// listen opens every door before anything is started, so that a taken port changes nothing.
func (d *daemon) listen(ctx context.Context) (l listeners, err error) {
	var cfg net.ListenConfig
	if l.api, err = cfg.Listen(ctx, "tcp", d.cfg.Listen); err != nil {
		if errors.Is(err, unix.EADDRINUSE) {
			return l, errs.Wrap(errs.Conflict, err, "another program listens on "+d.cfg.Listen).
				WithRemedy("Stop it (`ss -ltnp` names it), or choose another port with --listen.")
		}
		return l, errs.Wrap(errs.Invalid, err, "listen on "+d.cfg.Listen).WithRemedy("--listen must be host:port, such as 127.0.0.1:4570.")
	}
	d.endpoint = "http://" + l.api.Addr().String()
	if l.metadata, err = listenUnix(ctx, d.cfg.metadataSocket()); err == nil {
		l.control, err = listenUnix(ctx, d.cfg.controlSocket())
	}
	if err != nil {
		return l, errors.Join(err, l.close())
	}
	return l, nil
}

// listenUnix listens on a socket file, in place of one that a dead daemon left: the lock says that it is dead.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove old socket: %w", err)
	}
	var cfg net.ListenConfig
	l, err := cfg.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	return l, nil
}

func (l listeners) close() error {
	var all []error
	for _, one := range []net.Listener{l.api, l.metadata, l.control} {
		if one == nil {
			continue
		}
		if err := one.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

// kindOfFault tells being forbidden to from other failures of the file system.
func kindOfFault(err error) errs.Kind {
	switch {
	case errors.Is(err, os.ErrPermission):
		return errs.Forbidden
	case errors.Is(err, unix.ENOSPC):
		return errs.Exhausted
	default:
		return errs.Internal
	}
}
