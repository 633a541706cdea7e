//go:build linux

package cage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/netns"
	"github.com/slipway-project/slipway/internal/sandbox/vpcnet"
)

// The descriptors that the holder is given beside its configuration on stdin.
const (
	outsideFd  = 3 // the machine's network namespace
	readyFd    = 4 // takes "ok", or the text of an error
	lockFd     = 5 // the machine's lock: a holder whose starter is killed must not be taken for a dead one's leftovers
	lifelineFd = 6 // ends when the holder must end
)

const readyWord = "ok"

// lockPath is the directory whose lock serializes on this machine what starts cages and what sweeps: a cage that is just
// being made looks dead. A directory that exists anyway, so that nothing is left behind.
const lockPath = "/sys/fs/cgroup"

// lock waits for the machine's lock. It is free again when the file is closed, here and in the holder that it was handed to.
func lock(ctx context.Context) (*os.File, error) {
	file, err := os.Open(lockPath)
	if err != nil {
		return nil, fmt.Errorf("open lock of sandboxes: %w", err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("lock sandboxes: %w", err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("wait for another sandbox to start: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// launch starts a new holder and waits until it serves. The caller holds the lock, which the holder shares until then.
func launch(ctx context.Context, cfg Config, held *os.File) (*Cage, error) {
	outside, err := netns.Current()
	if err != nil {
		return nil, err
	}
	defer outside.Close()
	if err := waitVanished(ctx, cfg.ID); err != nil {
		return nil, err
	}
	if err := sweep(ctx, cfg, outside); err != nil {
		return nil, err
	}
	routes, err := vpcnet.MachineRoutes(outside)
	if err != nil {
		return nil, err
	}
	if cfg.PublicRange, err = choosePublic(cfg.PublicRange, routes); err != nil {
		return nil, err
	}
	for _, dir := range []string{cfg.privateDir(), cfg.logDir(), cfg.volumeDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make directory of the sandbox: %w", err)
		}
	}
	c := &Cage{client: newClient(cfg.socket()), cfg: cfg, done: make(chan struct{})}
	if err := c.spawn(ctx, held); err != nil {
		return nil, errors.Join(fmt.Errorf("start the sandbox's holder: %w", err), c.clear(context.WithoutCancel(ctx), outside))
	}
	go c.watch()
	return c, nil
}

// clear removes what a holder that did not start has made by then. The caller holds the lock.
func (c *Cage) clear(ctx context.Context, outside *netns.Namespace) error {
	if c.lifeline != nil {
		c.lifeline.Close()
	}
	if c.holder != nil {
		defer c.holder.Close()
		if err := unix.PidfdSendSignal(int(c.holder.Fd()), unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("end holder: %w", err)
		}
		go c.watch()
		select {
		case <-c.done:
		case <-time.After(vanishing):
			return errs.New(errs.Internal, "the holder that did not start does not end")
		}
	}
	if err := waitVanished(ctx, c.cfg.ID); err != nil {
		return err
	}
	return sweep(ctx, c.cfg, outside)
}

func choosePublic(wanted netip.Prefix, routes []netip.Prefix) (netip.Prefix, error) {
	if !wanted.IsValid() {
		return vpcnet.FreePublicRange(routes)
	}
	return wanted.Masked(), vpcnet.CheckPublicRange(wanted, routes)
}

// spawn runs the holder's process in its namespaces.
func (c *Cage) spawn(ctx context.Context, held *os.File) error {
	text, err := c.cfg.encode()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(c.cfg.logDir(), "holder.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer log.Close()
	outside, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer outside.Close()
	readyRead, readyWrite, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer readyRead.Close()
	defer readyWrite.Close()
	lifelineRead, lifelineWrite, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer lifelineRead.Close()

	words := c.cfg.command("holder")
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), log, log
	cmd.ExtraFiles = []*os.File{outside, readyWrite, held}
	if c.cfg.Lifeline {
		cmd.ExtraFiles = append(cmd.ExtraFiles, lifelineRead)
		c.lifeline = lifelineWrite
	} else {
		lifelineWrite.Close()
	}
	pidfd := -1
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET,
		Setsid:     true, // a terminal's Ctrl-C is not for the holder
		PidFD:      &pidfd,
	}
	// What this process was started with beyond the standard descriptors, a pipe that somebody waits on for instance,
	// must not live on in the holder. A kernel before 5.11 cannot do it, and then it does.
	_ = unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	if err := cmd.Start(); err != nil {
		return err
	}
	c.holder = os.NewFile(uintptr(pidfd), "holder")
	go func() { _ = cmd.Wait() }() // reaps it; how it ended is in its log
	readyWrite.Close()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	report, err := io.ReadAll(readyRead)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("read its report: %w", err)
	case string(report) == readyWord:
		return nil
	case len(report) == 0:
		return errs.New(errs.Internal, "it ended at once").WithRemedy("Read " + log.Name() + ".")
	default:
		return errors.New(string(report))
	}
}
