//go:build linux

package cage

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/slipway-project/slipway/internal/sandbox/blockdev"
	"github.com/slipway-project/slipway/internal/sandbox/cgroups"
	"github.com/slipway-project/slipway/internal/sandbox/netns"
	"github.com/slipway-project/slipway/internal/sandbox/vpcnet"
)

// Sweep removes what dead sandboxes left on the machine: control groups, backstop routes and, of cfg's own, loop devices
// and sockets. It looks at every sandbox, not only at cfg's, and touches none that lives.
func Sweep(ctx context.Context, cfg Config) error {
	cfg, err := cfg.complete()
	if err != nil {
		return err
	}
	held, err := lock(ctx)
	if err != nil {
		return err
	}
	defer held.Close()
	outside, err := netns.Current()
	if err != nil {
		return err
	}
	defer outside.Close()
	return sweep(ctx, cfg, outside)
}

// sweep does it with the lock held.
func sweep(ctx context.Context, cfg Config, outside *netns.Namespace) error {
	hierarchies, err := cgroups.Machine()
	if err != nil {
		return err
	}
	sandboxes, err := cgroups.Sandboxes(hierarchies)
	if err != nil {
		return err
	}
	var all []error
	for id, lives := range sandboxes {
		if !lives {
			all = append(all, cgroups.New(id, hierarchies).RemoveAll(ctx))
		}
	}
	all = append(all, vpcnet.SweepRoutes(outside))
	if !sandboxes[cfg.ID] {
		all = append(all, blockdev.RemoveIdle(ctx, blockdev.Made, cfg.volumeDir()))
		for _, path := range []string{cfg.socket(), cfg.privateDir()} {
			if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				all = append(all, err)
			}
		}
	}
	if err := errors.Join(all...); err != nil {
		return fmt.Errorf("sweep what dead sandboxes left: %w", err)
	}
	return nil
}
