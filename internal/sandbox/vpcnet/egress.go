//go:build linux

package vpcnet

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/netns"
)

// egressPause is the time between the end of a slirp4netns and the start of the next.
const egressPause = time.Second

// Egress is the way outside: slirp4netns, a user-mode network stack that runs in the machine's network namespace and
// talks through a tap device in the cage's. It is a process inside the cage otherwise, and ends with it.
type Egress struct {
	Cage    *netns.Namespace
	Outside *netns.Namespace
	Range   netip.Prefix // of the tap device's own network
	Log     io.Writer    // takes what slirp4netns says
	Logger  *slog.Logger
}

// EgressRange returns a range for Egress that none of the machine's routes overlaps.
func EgressRange(routes []netip.Prefix) (netip.Prefix, error) { return free(egressRanges(), routes) }

// Resolver returns the address at which slirp4netns answers DNS: the third of its range.
func Resolver(egress netip.Prefix) netip.Addr { return egress.Masked().Addr().Next().Next().Next() }

// Run keeps slirp4netns running until the context ends. It calls ready each time it has made the tap device.
func (e *Egress) Run(ctx context.Context, ready func()) error {
	for {
		if err := e.once(ctx, ready); ctx.Err() == nil {
			e.Logger.Warn("failed to keep egress up", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(egressPause):
		}
	}
}

func (e *Egress) once(ctx context.Context, ready func()) error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	defer read.Close()
	cmd := exec.CommandContext(ctx, "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback",
		"--cidr="+e.Range.String(), "--ready-fd=3", "--netns-type=path", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), e.Cage.Fd()), egressLink)
	cmd.ExtraFiles = []*os.File{write}
	cmd.Stdout, cmd.Stderr = e.Log, e.Log
	err = e.Outside.Do(cmd.Start)
	write.Close()
	if err != nil {
		return fmt.Errorf("run slirp4netns: %w", err)
	}
	if n, _ := read.Read(make([]byte, 1)); n == 1 { // anything but a byte means that it ended
		ready()
	}
	return cmd.Wait()
}
