//go:build linux

package cage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/cgroups"
)

// greeting bounds how long a holder may take to answer the client that adopts it.
const greeting = 5 * time.Second

// dying is how long a holder may take to end with all its processes once it has begun to.
const dying = time.Second

// Adopt returns the cage of a holder that runs already, and errs.NotFound when none does. Of a holder that does not
// answer it returns a cage too, which can be destroyed.
func Adopt(ctx context.Context, cfg Config) (*Cage, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	held, err := lock(ctx)
	if err != nil {
		return nil, err
	}
	defer held.Close()
	c, err := adopt(ctx, cfg, true)
	if c == nil && err == nil {
		return nil, errs.New(errs.NotFound, "sandbox "+cfg.ID+" has no holder")
	}
	return c, err
}

// adopt returns the cage of a holder that runs already, or nil when none does. One that ends just now, as its lifeline
// does, counts as none. One that does not answer is an error unless mute is true, and it is this sandbox's for certain.
func adopt(ctx context.Context, cfg Config, mute bool) (*Cage, error) {
	server, pid, err := holderPID(ctx, cfg.socket())
	if err != nil || pid == 0 {
		return nil, err
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open holder %d: %w", pid, err)
	}
	c := &Cage{client: newClient(cfg.socket()), cfg: cfg, holder: os.NewFile(uintptr(pidfd), "holder"), done: make(chan struct{})}
	ctx, cancel := context.WithTimeout(ctx, greeting)
	defer cancel()
	theirs, err := c.hello(ctx)
	if err != nil {
		switch {
		case c.ended():
			err = nil
		case mute && inSandbox(server, cfg.ID):
			go c.watch()
			return c, nil
		default:
			err = fmt.Errorf("adopt holder %d: %w", pid, err)
		}
		c.holder.Close()
		return nil, err
	}
	switch {
	case theirs.ID != cfg.ID || theirs.StateDir != cfg.StateDir:
		err = errs.New(errs.Conflict, fmt.Sprintf("another sandbox, %s with state in %s, uses %s", theirs.ID, theirs.StateDir, cfg.RunDir))
	case cfg.PublicRange.IsValid() && theirs.PublicRange != cfg.PublicRange.Masked():
		err = errs.New(errs.Conflict, fmt.Sprintf("sandbox %s runs with public range %s, not %s", cfg.ID, theirs.PublicRange, cfg.PublicRange)).
			WithRemedy("Stop it first.")
	}
	if err != nil {
		c.holder.Close()
		return nil, err
	}
	c.cfg.PublicRange = theirs.PublicRange
	go c.watch()
	return c, nil
}

// inSandbox reports whether a process is in the control groups of the sandbox's holder.
func inSandbox(pid int, id string) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	return err == nil && strings.Contains(string(text), filepath.Join("/", cgroups.Name(id), holderMember)+"\n")
}

// holderPID returns the process ids of the socket's server, from the socket's credentials, and of its parent, the cage's
// PID 1, as seen here; 0 when nobody listens.
func holderPID(ctx context.Context, socket string) (server, holder int, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("reach holder: %w", err)
	}
	defer conn.Close()
	socketConn, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, 0, errs.New(errs.Internal, "reach holder: its socket is none of this system's")
	}
	raw, err := socketConn.SyscallConn()
	if err != nil {
		return 0, 0, fmt.Errorf("reach holder: %w", err)
	}
	var peer *unix.Ucred
	var peerErr error
	if err := raw.Control(func(fd uintptr) {
		peer, peerErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return 0, 0, fmt.Errorf("reach holder: %w", err)
	}
	if peerErr != nil {
		return 0, 0, fmt.Errorf("identify holder: %w", peerErr)
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(int(peer.Pid)) + "/status")
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) { // it ended meanwhile
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("identify holder: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if parent, ok := strings.CutPrefix(line, "PPid:"); ok {
			holder, err := strconv.Atoi(strings.TrimSpace(parent))
			return int(peer.Pid), holder, err
		}
	}
	return 0, 0, errs.New(errs.Internal, "identify holder: its process has no parent")
}

// ended reports whether the holder has ended, or does at once.
func (c *Cage) ended() bool {
	fds := []unix.PollFd{{Fd: int32(c.holder.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(dying.Milliseconds()))
	return err == nil && n > 0
}
