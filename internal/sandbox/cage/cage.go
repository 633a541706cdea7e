//go:build linux

package cage

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/cgroups"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/netns"
	"github.com/slipway-project/slipway/internal/sandbox/vpcnet"
)

// vanishing bounds how long the kernel may take to clear away the network of a holder that ended.
const vanishing = 15 * time.Second

// Cage is a running holder as its client sees it.
type Cage struct {
	client
	cfg      Config
	holder   *os.File // pidfd of the holder, the PID 1 of the cage
	lifeline *os.File // the holder ends when this closes; nil without one
	done     chan struct{}
}

var _ machine.Machine = (*Cage)(nil)

// Start returns the cage of the configuration: it adopts the holder that runs already, or sweeps what a dead one left
// and starts a new one, in which no host runs yet.
func Start(ctx context.Context, cfg Config) (*Cage, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, errs.New(errs.Forbidden, "the sandbox needs root: it makes namespaces, mounts and block devices").
			WithRemedy("Run the command with sudo.")
	}
	if err := os.MkdirAll(cfg.RunDir, 0o700); err != nil {
		return nil, fmt.Errorf("make run directory: %w", err)
	}
	held, err := lock(ctx)
	if err != nil {
		return nil, err
	}
	defer held.Close()
	if c, err := adopt(ctx, cfg, false); c != nil || err != nil {
		return c, err
	}
	return launch(ctx, cfg, held)
}

// PublicRange returns the range that public addresses must come from, its first vpcnet.Reserved (16) excepted.
func (c *Cage) PublicRange() netip.Prefix { return c.cfg.PublicRange }

// MachineAddress returns the address of the machine itself, as instances see its connections come in.
func (c *Cage) MachineAddress() netip.Addr { return vpcnet.MachineAddress(c.cfg.PublicRange) }

// Done is closed when the holder has ended, for whatever reason.
func (c *Cage) Done() <-chan struct{} { return c.done }

// Destroy ends the holder with all that runs inside, at once, and waits until nothing of it is left on the machine but
// the state directory. Hosts that should power off properly must be stopped before.
func (c *Cage) Destroy(ctx context.Context) error {
	if err := unix.PidfdSendSignal(int(c.holder.Fd()), unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end holder: %w", err)
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		return fmt.Errorf("end holder: %w", context.Cause(ctx))
	}
	if err := waitVanished(ctx, c.cfg.ID); err != nil {
		return err
	}
	return Sweep(ctx, c.cfg)
}

// waitVanished waits until nothing of a sandbox whose holder ended runs or is connected any more: the kernel clears a
// namespace away some time after its last process.
func waitVanished(ctx context.Context, sandbox string) error {
	ctx, cancel := context.WithTimeout(ctx, vanishing)
	defer cancel()
	outside, err := netns.Current()
	if err != nil {
		return err
	}
	defer outside.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := remains(outside, sandbox)
		if err != nil || left == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return errs.New(errs.Conflict, fmt.Sprintf("sandbox %s has no holder, but %s", sandbox, left))
		case <-tick.C:
		}
	}
}

// remains says what is still there of a sandbox, or nothing.
func remains(outside *netns.Namespace, sandbox string) (string, error) {
	linked, err := vpcnet.Linked(outside, sandbox)
	if err != nil {
		return "", err
	}
	if linked {
		return "its link " + vpcnet.MachineLink(sandbox) + " is still there", nil
	}
	hierarchies, err := cgroups.Machine()
	if err != nil {
		return "", err
	}
	sandboxes, err := cgroups.Sandboxes(hierarchies)
	if err != nil || !sandboxes[sandbox] {
		return "", err
	}
	return "processes of it still run", nil
}

// watch closes done when the holder has ended and all processes of the cage with it.
func (c *Cage) watch() {
	fds := []unix.PollFd{{Fd: int32(c.holder.Fd()), Events: unix.POLLIN}}
	for {
		if n, err := unix.Poll(fds, -1); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	close(c.done)
}
