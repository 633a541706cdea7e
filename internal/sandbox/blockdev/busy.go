//go:build linux

package blockdev

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Busy says who uses the device besides this process: a mount, an exclusive opener, or an open file of a process that
// /proc shows. It returns the empty string for nobody.
func (d *Device) Busy() (string, error) {
	probe, err := unix.Open(d.Path(), unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EBUSY) {
		return "it is mounted", nil
	}
	if err != nil {
		return "", fmt.Errorf("probe loop device %d: %w", d.Number, err)
	}
	_ = unix.Close(probe)

	self := strconv.Itoa(os.Getpid())
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is well formed
	for _, file := range files {
		pid := filepath.Base(filepath.Dir(filepath.Dir(file)))
		if pid == self {
			continue
		}
		var stat unix.Stat_t
		if unix.Stat(file, &stat) != nil { // the process or its file is gone
			continue
		}
		if stat.Mode&unix.S_IFMT == unix.S_IFBLK && stat.Rdev == d.Rdev() {
			return "a process has it open", nil
		}
	}
	return "", nil
}
