package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

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

// endOrphan ends a machine whose daemon died. The caller holds the daemon's lock.
func endOrphan(ctx context.Context, cfg Config, logger *slog.Logger) error {
	if _, err := os.Stat(cfg.cageSocket()); err != nil {
		return nil //nolint:nilerr // no socket, no machine
	}
	m, err := recall(cfg)
	if err != nil {
		return err
	}
	c, err := cage.Start(ctx, cage.Config{
		ID: cfg.id(), StateDir: cfg.StateDir, RunDir: cfg.RunDir, ImageDir: cfg.ImageDir, PublicRange: m.PublicRange, Logger: logger,
	})
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
	return errors.Join(removeSandbox(cfg.StateDir), removeSandbox(cfg.RunDir))
}

// removeSandbox removes a directory of the sandbox, and the one above it if that was only for sandboxes and is empty now.
func removeSandbox(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the sandbox's directory: %w", err)
	}
	if parent := filepath.Dir(dir); filepath.Base(parent) == "slipway" {
		_ = os.Remove(parent) // fails if others use it
	}
	return nil
}
