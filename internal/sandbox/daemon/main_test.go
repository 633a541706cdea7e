package daemon_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/slipway-project/slipway/internal/sandbox/cage"
	"github.com/slipway-project/slipway/internal/sandbox/daemon"
	"github.com/slipway-project/slipway/internal/sandbox/machine/machinetest"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
)

// TestMain makes the test's own program the daemon that EnsureRunning starts: `daemon.test sandbox daemon --state-dir ...`.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "sandbox" && os.Args[2] == "daemon" {
		if err := runDaemon(os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return
	}
	m.Run()
}

func runDaemon(args []string) error {
	var cfg daemon.Config
	var latency string
	flags := flag.NewFlagSet("daemon", flag.ContinueOnError)
	flags.StringVar(&cfg.StateDir, "state-dir", "", "")
	flags.StringVar(&cfg.RunDir, "run-dir", "", "")
	flags.StringVar(&cfg.Listen, "listen", "", "")
	flags.StringVar(&latency, "latency", "", "")
	flags.BoolVar(&cfg.Foreground, "foreground", false, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg.Latency = settings.Profile(latency)
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	return daemon.Run(ctx, cfg, daemon.Deps{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)), Ready: daemon.Reporter(os.Getenv),
		Machine: func(context.Context, cage.Config) (daemon.Machine, error) { return newFake(), nil },
	})
}

// fake is the in-memory machine as a daemon wants it.
type fake struct {
	*machinetest.Fake
	given     cage.Config
	done      chan struct{}
	destroyed chan struct{}
}

func newFake() *fake {
	return &fake{Fake: machinetest.NewFake(), done: make(chan struct{}), destroyed: make(chan struct{})}
}

func (f *fake) PublicRange() netip.Prefix { return netip.MustParsePrefix("198.18.0.0/16") }
func (f *fake) Done() <-chan struct{}     { return f.done }
func (f *fake) Destroy(context.Context) error {
	close(f.destroyed)
	return nil
}
