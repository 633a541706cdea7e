package image

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/sandbox/cgroups"
)

// apart has the kernel interrupt mmdebstrap when this process is killed, and keeps its mounts to itself: it mounts the
// machine's /sys and device nodes below the image, which must neither outlive it nor be there when the image is removed.
func apart() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: unix.SIGTERM}
	if os.Geteuid() == 0 { // nobody else may, nor may mount
		attr.Unshareflags = unix.CLONE_NEWNS
	}
	return attr
}

// unmountBelow takes off every mount below the directory, the deepest first.
func unmountBelow(dir string) error {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return fmt.Errorf("read mount table: %w", err)
	}
	for _, target := range mountsBelow(string(text), dir) {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", target, err)
		}
	}
	return nil
}

// mountsBelow returns the mount points of a mount table that are below the directory, the last mounted first.
func mountsBelow(mountinfo, dir string) []string {
	var below []string
	for line := range strings.Lines(mountinfo) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			below = append(below, fields[4])
		}
	}
	slices.Reverse(below)
	return below
}

// sandboxLives reports whether any sandbox runs on this machine.
func sandboxLives() (bool, error) {
	hierarchies, err := cgroups.Machine()
	if err != nil {
		return false, err
	}
	sandboxes, err := cgroups.Sandboxes(hierarchies)
	if err != nil {
		return false, err
	}
	for _, lives := range sandboxes {
		if lives {
			return true, nil
		}
	}
	return false, nil
}
