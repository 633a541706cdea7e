//go:build linux

package hosts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/blockdev"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/netns"
)

// What systemd does on these is in systemd(1), "signals": SIGRTMIN+4 powers off and SIGRTMIN+5 reboots. glibc's SIGRTMIN
// is 34.
const (
	signalPowerOff = unix.Signal(34 + 4)
	signalReboot   = unix.Signal(34 + 5)
)

// patience is how long a host may take to power off when the caller's context has no deadline.
const patience = 90 * time.Second

var (
	validID       = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)
	validHostname = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?$`)
)

// boot is one life of a host, from power on to power off.
type boot struct {
	cmd   *exec.Cmd
	done  chan struct{} // closed when no process is left and everything is cleaned up
	disks []attached    // guarded by Supervisor.mu
}

// attached is a volume with the device that shows it.
type attached struct {
	disk
	device *blockdev.Device
}

// bootHost boots a host that does not run. The caller holds op.
func (s *Supervisor) bootHost(ctx context.Context, h *host) (err error) {
	spec := h.spec
	image, err := s.deps.Image(spec.Image)
	if err != nil {
		return err
	}
	disks, err := s.attachAll(ctx, spec)
	defer func() {
		if err != nil {
			s.detachAll(disks)
		}
	}()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.deps.Groups.Remove(context.WithoutCancel(ctx), spec.ID)) // bounded by itself
		}
	}()
	if err := s.deps.Groups.Make(spec.ID, int64(spec.MemoryMiB)<<20); err != nil {
		return err
	}
	space, err := s.deps.Network.Renew(ctx, spec.VPC, spec.Endpoint)
	if err != nil {
		return err
	}
	dir := filepath.Join(s.cfg.MountDir, spec.ID)
	if err := mkdirs(dir, s.cfg.LogDir); err != nil {
		return err
	}
	c := initConfig{
		Sandbox: s.cfg.Sandbox, Host: spec.ID, Hostname: spec.Hostname, Hierarchies: s.deps.Groups.Hierarchies(), Image: image,
		Dir: dir, Console: filepath.Join(s.cfg.LogDir, spec.ID+".console"), VCPUs: spec.VCPUs, MemoryMiB: spec.MemoryMiB,
		Root: disks[0].device.Path(),
	}
	for _, d := range disks {
		c.Disks = append(c.Disks, d.disk)
	}
	cmd, err := s.launch(ctx, c, space)
	if err != nil {
		return err
	}
	b := &boot{cmd: cmd, done: make(chan struct{}), disks: disks}
	s.mu.Lock()
	h.boot, h.rebooting, h.held, h.reason = b, false, false, ""
	s.mu.Unlock()
	go s.watch(h, b) //nolint:gosec // G118: a host outlives the request that starts it
	return nil
}

// launch starts Init inside the network namespace and waits until it has become systemd, or has failed. One that is stuck
// when the context ends is killed.
func (s *Supervisor) launch(ctx context.Context, c initConfig, space *netns.Namespace) (*exec.Cmd, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write configuration of host: %w", err)
	}
	console, err := os.OpenFile(c.Console, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open console of host: %w", err)
	}
	defer console.Close()
	configRead, configWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer configRead.Close()
	reportRead, reportWrite, err := os.Pipe()
	if err != nil {
		configWrite.Close()
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer reportRead.Close()

	cmd := exec.Command(s.cfg.Init[0], s.cfg.Init[1:]...)
	cmd.Stdout, cmd.Stderr = console, console
	cmd.ExtraFiles = []*os.File{configRead, reportWrite} // become configFd and reportFd
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Setsid:     true,
	}
	err = space.Do(cmd.Start)
	reportWrite.Close()
	if err != nil {
		configWrite.Close()
		return nil, fmt.Errorf("run first process of host: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() }) // ends the report too
	_, err = io.Copy(configWrite, bytes.NewReader(text))
	configWrite.Close()
	report, readErr := io.ReadAll(reportRead)
	if len(report) > 0 {
		err = errors.New(string(report))
	}
	if !stop() {
		err = errors.Join(context.Cause(ctx), err)
	}
	if err := errors.Join(err, readErr); err != nil {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()         // how it ended does not matter
		return nil, fmt.Errorf("prepare host: %w", err)
	}
	return cmd, nil
}

// watch waits for the end of a boot, cleans up after it, and boots again when the host asked for that itself.
func (s *Supervisor) watch(h *host, b *boot) {
	_ = b.cmd.Wait() // the process state says how it ended
	state, _ := b.cmd.ProcessState.Sys().(syscall.WaitStatus)
	reboot, reason := cause(state)
	if err := s.deps.Groups.Remove(context.Background(), h.spec.ID); err != nil {
		s.deps.Logger.Warn("failed to remove control groups", "host", h.spec.ID, "err", err)
	}
	s.mu.Lock()
	disks := b.disks
	h.boot, h.reason = nil, reason
	again := reboot && !h.held
	h.rebooting = h.rebooting || again
	s.mu.Unlock()
	s.detachAll(disks)
	close(b.done)
	s.deps.Logger.Info("host ended", "host", h.spec.ID, "reason", reason, "again", again)
	if !again {
		return
	}
	h.op.Lock()
	defer h.op.Unlock()
	if err := s.bootAgain(context.Background(), h); err != nil {
		s.deps.Logger.Warn("failed to boot host again", "host", h.spec.ID, "err", err)
	}
}

// bootAgain boots a host that ended in order to reboot, unless an operation dealt with it meanwhile. The caller holds op.
func (s *Supervisor) bootAgain(ctx context.Context, h *host) error {
	s.mu.Lock()
	settled := h.gone || h.boot != nil
	s.mu.Unlock()
	if settled {
		return nil
	}
	err := s.bootHost(ctx, h)
	if err != nil {
		s.mu.Lock()
		h.rebooting, h.reason = false, "failed to boot: "+err.Error()
		s.mu.Unlock()
		return fmt.Errorf("reboot host %s: %w", h.spec.ID, err)
	}
	s.deps.Logger.Info("host booted again", "host", h.spec.ID)
	return nil
}

// end ends the running boot, if there is one: by the signal, and by force when the deadline comes. The caller holds op.
func (s *Supervisor) end(ctx context.Context, h *host, signal unix.Signal, force bool) {
	s.mu.Lock()
	h.held = true
	b := h.boot
	s.mu.Unlock()
	if b == nil {
		return
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	if !force {
		_ = b.cmd.Process.Signal(signal) // it may be over already
		select {
		case <-b.done:
			return
		case <-ctx.Done():
			s.deps.Logger.Warn("host did not power off in time", "host", h.spec.ID)
		}
	}
	_ = b.cmd.Process.Kill() // the same
	<-b.done
}

// cause says whether a host ended in order to reboot, and why it does not run. The kernel ends the init of a PID
// namespace that calls reboot(2) by SIGHUP for a restart and by SIGINT for halt and power off.
func cause(state syscall.WaitStatus) (reboot bool, reason string) {
	switch {
	case state.Signaled() && state.Signal() == syscall.SIGHUP:
		return true, "rebooting"
	case state.Signaled() && state.Signal() == syscall.SIGINT:
		return false, machine.ReasonPoweredOff
	case state.Signaled():
		return false, "killed by signal " + strconv.Itoa(int(state.Signal()))
	default:
		return false, "init ended with status " + strconv.Itoa(state.ExitStatus())
	}
}

// ordered returns the attachments as the host counts them: the root volume, then the others by device name.
func ordered(attachments []machine.Attachment) []machine.Attachment {
	return slices.SortedStableFunc(slices.Values(attachments), func(a, b machine.Attachment) int {
		switch {
		case a.Root == b.Root:
			return strings.Compare(a.Device, b.Device)
		case a.Root:
			return -1
		default:
			return 1
		}
	})
}

// conflict is the error for a volume that another host has.
func conflict(volume, host string) error {
	return errs.New(errs.Conflict, fmt.Sprintf("volume %s is attached to host %s", volume, host))
}
