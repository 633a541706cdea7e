package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/cage"
)

// Stop ends the sandbox with all that runs in it and returns when nothing of it runs any more; its state stays. A sandbox
// whose daemon died is ended too. One that does not run is no error.
func Stop(ctx context.Context, cfg Config, logger *slog.Logger) error {
	cfg = cfg.withDefaults()
	err := NewClient(cfg.RunDir).Stop(ctx)
	if err != nil && !errs.Is(err, errs.Unavailable) {
		return err
	}
	if _, err := os.Stat(cfg.RunDir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	held, err := waitLock(ctx, cfg.daemonLock()) // free when the daemon is gone
	if err != nil {
		return err
	}
	defer held.release()
	return endOrphan(ctx, cfg, logger)
}

// endOrphan ends a machine whose daemon died, and sweeps up after one that died too. The caller holds the daemon's lock.
func endOrphan(ctx context.Context, cfg Config, logger *slog.Logger) error {
	if _, err := os.Stat(cfg.cageSocket()); err != nil {
		return nil //nolint:nilerr // no socket, no machine
	}
	machine := cage.Config{ID: cfg.id(), StateDir: cfg.StateDir, RunDir: cfg.RunDir, ImageDir: cfg.ImageDir, Logger: logger}
	c, err := cage.Adopt(ctx, machine)
	if errs.Is(err, errs.NotFound) {
		return cage.Sweep(ctx, machine)
	}
	if err != nil {
		return fmt.Errorf("adopt the sandbox's machine: %w", err)
	}
	return powerOff(ctx, c)
}

// Reset ends the sandbox and removes everything of it from the machine: its account, volumes, logs and whatever dead
// sandboxes left. Cached images stay.
func Reset(ctx context.Context, cfg Config, logger *slog.Logger) error {
	cfg = cfg.withDefaults()
	if err := Stop(ctx, cfg, logger); err != nil {
		return err
	}
	err := cage.Sweep(ctx, cage.Config{ID: cfg.id(), StateDir: cfg.StateDir, RunDir: cfg.RunDir, ImageDir: cfg.ImageDir, Logger: logger})
	if err != nil {
		return fmt.Errorf("sweep what is left of sandboxes: %w", err)
	}
	return errors.Join(removeSandbox(cfg.StateDir, stateNames()), removeSandbox(cfg.RunDir, runNames()))
}

// stateNames and runNames are what a sandbox has in its directories; the last of the first are files that were being
// written when the daemon was killed.
func stateNames() []string {
	return []string{"account.json", "credentials", "sandbox.json", "daemon.log", "logs", "volumes", ".state-*"}
}

func runNames() []string {
	return []string{"control.sock", "metadata.sock", "cage.sock", "cage", "daemon.lock", "start.lock"}
}

// removeSandbox removes what a sandbox has in a directory, and the directory if there is nothing else in it: somebody may
// have named one of theirs. The one above goes too if it was only for sandboxes and is empty now.
func removeSandbox(dir string, names []string) error {
	for _, name := range names {
		paths, _ := filepath.Glob(filepath.Join(escape.Replace(dir), name)) // the pattern is well formed
		for _, path := range paths {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("remove the sandbox's files: %w", err)
			}
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("remove the sandbox's directory: %w", err)
	}
	if parent := filepath.Dir(dir); filepath.Base(parent) == "slipway" {
		_ = os.Remove(parent) // fails if others use it
	}
	return nil
}

// escape takes from a directory's name what has a meaning in patterns.
var escape = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`) //nolint:gochecknoglobals // a constant
