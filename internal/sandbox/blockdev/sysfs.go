//go:build linux

package blockdev

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
)

// blocks is where the kernel shows its block devices.
const blocks = "/sys/block"

// exists returns which loop devices there are in the directory of block devices, idle ones included.
func exists(dir string) map[int]bool {
	all := map[int]bool{}
	paths, _ := filepath.Glob(filepath.Join(dir, "loop[0-9]*")) // the pattern is well formed
	for _, path := range paths {
		if number, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), "loop")); err == nil {
			all[number] = true
		}
	}
	return all
}

// backing returns the file that a device shows; the empty string for an idle one, or for none.
func backing(dir string, number int) string {
	text, err := os.ReadFile(filepath.Join(dir, "loop"+strconv.Itoa(number), "loop/backing_file"))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(text), "\n")
}

// resolve returns the path as the kernel shows it: without symbolic links.
func resolve(path string) string {
	if direct, err := filepath.EvalSymlinks(path); err == nil {
		return direct
	}
	return path // what is not there shows nowhere
}

// shows returns a device that shows the file, or -1.
func shows(dir, path string) int {
	for number := range exists(dir) {
		if backing(dir, number) == path {
			return number
		}
	}
	return -1
}

// awaitFree waits until no device shows the file: the kernel lets go of it some time after the last user. A file behind
// two devices would be written by two file systems, which destroys both.
func awaitFree(ctx context.Context, dir, path string) error {
	ctx, cancel := context.WithTimeout(ctx, clearing)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		number := shows(dir, path)
		if number < 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errs.New(errs.Conflict, fmt.Sprintf("attach volume: somebody uses its image %s by /dev/loop%d already", path, number)).
				WithRemedy(fmt.Sprintf("End what uses it (`fuser -vm /dev/loop%d` may name it), then try again.", number))
		case <-tick.C:
		}
	}
}
