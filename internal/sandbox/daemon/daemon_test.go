package daemon_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/cage"
	"github.com/slipway-project/slipway/internal/sandbox/daemon"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

var discard = slog.New(slog.DiscardHandler)

// config is a sandbox of the test's own. Its directories have short names: a socket's path has at most 107 characters.
func config(t *testing.T) daemon.Config {
	t.Helper()
	dir, err := os.MkdirTemp("", "sb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return daemon.Config{StateDir: filepath.Join(dir, "state"), RunDir: filepath.Join(dir, "run"), Listen: "127.0.0.1:0"}
}

// running is a daemon in this process.
type running struct {
	*daemon.Client
	machine *fake
	kill    context.CancelFunc // ends its context
	ended   chan error
}

// launch runs a daemon on the machine until the test ends, and returns when it is ready or has failed.
func launch(t *testing.T, cfg daemon.Config, m *fake, lifeline io.Reader) (*running, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Client: daemon.NewClient(cfg.RunDir), machine: m, kill: cancel, ended: make(chan error, 1)}
	ready := make(chan error, 1)
	go func() {
		r.ended <- daemon.Run(ctx, cfg, daemon.Deps{
			Logger: discard, Lifeline: lifeline, Ready: func(err error) { ready <- err },
			Machine: func(_ context.Context, given cage.Config) (daemon.Machine, error) {
				m.given = given
				return m, nil
			},
		})
	}()
	t.Cleanup(cancel)
	return r, <-ready
}

func mustLaunch(t *testing.T, cfg daemon.Config, m *fake, lifeline io.Reader) *running {
	t.Helper()
	r, err := launch(t, cfg, m, lifeline)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wasDestroyed reports whether the machine is gone; call it when the daemon has ended.
func (f *fake) wasDestroyed() bool {
	select {
	case <-f.destroyed:
		return true
	default:
		return false
	}
}

func TestStatusAndCredentials(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	r := mustLaunch(t, cfg, newFake(), nil)
	s, err := r.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.Endpoint, "http://127.0.0.1:") || s.PID != os.Getpid() || s.PublicRange != r.machine.PublicRange() {
		t.Errorf("got status %+v", s)
	}
	if s.Settings != settings.Defaults() {
		t.Errorf("got settings %+v", s.Settings)
	}
	info, err := os.Stat(s.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the credentials have mode %v", info.Mode())
	}
	content, _ := os.ReadFile(s.Credentials)
	if !strings.Contains(string(content), "[default]\naws_access_key_id = AKIA") {
		t.Errorf("got credentials %q", content)
	}
}

func TestStopDestroysTheMachine(t *testing.T) {
	t.Parallel()
	r := mustLaunch(t, config(t), newFake(), nil)
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	if !r.machine.wasDestroyed() {
		t.Error("the machine was not destroyed")
	}
	if _, err := r.Status(t.Context()); !errs.Is(err, errs.Unavailable) || len(errs.Remedies(err)) == 0 {
		t.Errorf("status of a stopped sandbox: %v", err)
	}
}

func TestEndOfTheDaemonLeavesTheMachineAlone(t *testing.T) {
	t.Parallel()
	r := mustLaunch(t, config(t), newFake(), nil)
	r.kill()
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	if r.machine.wasDestroyed() {
		t.Error("the machine was destroyed")
	}
}

func TestForegroundTakesTheMachineDown(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*running, io.Closer){
		"interrupted":         func(r *running, _ io.Closer) { r.kill() },
		"lifeline was closed": func(_ *running, w io.Closer) { _ = w.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			cfg.Foreground = true
			lifeline, w := io.Pipe()
			r := mustLaunch(t, cfg, newFake(), lifeline)
			if !r.machine.given.Lifeline {
				t.Error("the machine was not tied to the daemon")
			}
			end(r, w)
			if err := <-r.ended; err != nil {
				t.Fatal(err)
			}
			if !r.machine.wasDestroyed() {
				t.Error("the machine was not destroyed")
			}
		})
	}
}

func TestDeathOfTheMachineEndsTheDaemon(t *testing.T) {
	t.Parallel()
	r := mustLaunch(t, config(t), newFake(), nil)
	close(r.machine.done)
	if err := <-r.ended; !errs.Is(err, errs.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestRefusedStarts(t *testing.T) {
	t.Parallel()
	t.Run("a daemon runs already", func(t *testing.T) {
		t.Parallel()
		cfg := config(t)
		mustLaunch(t, cfg, newFake(), nil)
		if _, err := launch(t, cfg, newFake(), nil); !errs.Is(err, errs.Conflict) {
			t.Errorf("got %v, want a conflict", err)
		}
	})
	t.Run("the port is taken", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		cfg := config(t)
		cfg.Listen = l.Addr().String()
		_, err = launch(t, cfg, newFake(), nil)
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), cfg.Listen) || len(errs.Remedies(err)) == 0 {
			t.Errorf("got %v, want a conflict that names the port and a remedy", err)
		}
	})
	t.Run("the address is none", func(t *testing.T) {
		t.Parallel()
		cfg := config(t)
		cfg.Listen = "nowhere"
		if _, err := launch(t, cfg, newFake(), nil); !errs.Is(err, errs.Invalid) {
			t.Errorf("got %v, want invalid", err)
		}
	})
	t.Run("unknown latency", func(t *testing.T) {
		t.Parallel()
		cfg := config(t)
		cfg.Latency = "slow"
		if _, err := launch(t, cfg, newFake(), nil); !errs.Is(err, errs.Invalid) {
			t.Errorf("got %v, want invalid", err)
		}
	})
	t.Run("the account cannot be read", func(t *testing.T) {
		t.Parallel()
		cfg := config(t)
		if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(cfg.StateDir, "account.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := launch(t, cfg, newFake(), nil); err == nil || len(errs.Remedies(err)) == 0 {
			t.Errorf("got %v, want an error with a remedy", err)
		}
	})
}

func TestSettingsAndAccountOutliveTheDaemon(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	first := mustLaunch(t, cfg, newFake(), nil)
	before, err := os.ReadFile(filepath.Join(cfg.StateDir, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Values{Latency: settings.AWS, Scale: 0.1, RateLimit: 50}
	if err := first.Set(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if err := first.Set(t.Context(), settings.Values{Latency: "slow"}); !errs.Is(err, errs.Invalid) {
		t.Errorf("wrong settings: got %v", err)
	}
	first.kill()
	if err := <-first.ended; err != nil {
		t.Fatal(err)
	}
	second := mustLaunch(t, cfg, newFake(), nil)
	s, err := second.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s.Settings); diff != "" {
		t.Errorf("settings after a restart (-want +got):\n%s", diff)
	}
	after, _ := os.ReadFile(s.Credentials)
	if string(before) != string(after) {
		t.Error("a restart changed the credentials")
	}
	if second.machine.given.PublicRange != first.machine.PublicRange() {
		t.Errorf("the next machine was given the range %v", second.machine.given.PublicRange)
	}
}

func TestDrills(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state, drill string
		do           daemon.Drill
		want         string
		kind         errs.Kind
		fails        bool
	}{
		"kill":               {state: state.InstanceRunning, do: daemon.DrillKill, want: state.DrillDead},
		"cut":                {state: state.InstanceRunning, do: daemon.DrillCut, want: state.DrillCut},
		"heal what is cut":   {state: state.InstanceRunning, drill: state.DrillCut, do: daemon.DrillHeal},
		"heal what is dead":  {state: state.InstanceRunning, drill: state.DrillDead, do: daemon.DrillHeal, want: state.DrillDead, fails: true, kind: errs.Conflict},
		"cut what is off":    {state: state.InstanceStopped, do: daemon.DrillCut, fails: true, kind: errs.Conflict},
		"an unknown drill":   {state: state.InstanceRunning, do: "burn", fails: true, kind: errs.Invalid},
		"an unknown machine": {do: daemon.DrillCut, fails: true, kind: errs.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := state.InMemory()
			err := store.Update(func(d *state.Data) error {
				if test.state != "" {
					d.Region("eu-west-1").EC2.Instances["i-1"] = &state.Instance{ID: "i-1", State: test.state, Drill: test.drill}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			err = daemon.ApplyDrill(store, test.do, "i-1")
			if (err != nil) != test.fails || test.fails && !errs.Is(err, test.kind) {
				t.Errorf("got error %v", err)
			}
			_ = store.View(func(d *state.Data) error {
				if i := d.Region("eu-west-1").EC2.Instances["i-1"]; i != nil && i.Drill != test.want {
					t.Errorf("got drill %q, want %q", i.Drill, test.want)
				}
				return nil
			})
		})
	}
}

// TestErrorsCrossTheSocket: what the daemon refuses reaches the client with its kind and remedy.
func TestErrorsCrossTheSocket(t *testing.T) {
	t.Parallel()
	r := mustLaunch(t, config(t), newFake(), nil)
	err := r.Drill(t.Context(), daemon.DrillCut, "i-nobody")
	if !errs.Is(err, errs.NotFound) || !strings.Contains(err.Error(), "i-nobody") || len(errs.Remedies(err)) != 1 {
		t.Errorf("got %v with remedies %q", err, errs.Remedies(err))
	}
	if err := r.ResetCalls(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call: got %v", err)
	}
}
