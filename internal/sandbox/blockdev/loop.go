//go:build linux

package blockdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
)

const (
	loopMajor   = 7
	controlPath = "/dev/loop-control"
	// attempts bounds how often another process may take the free device that the kernel just named.
	attempts = 64
)

// Loops hands out loop devices. Their nodes are made in a directory of its own, which must lie on a file system that
// allows devices: the machine's /dev may hold too few, or be read-only.
type Loops struct {
	nodes string // directory of device nodes, private to the cage
	added string // file that lists, one a line, the device numbers that did not exist on the machine before

	mu sync.Mutex // one at a time looks for a free device
}

// Device is an attached loop device. It stays while it is open here, or mounted or open elsewhere.
type Device struct {
	Number int // minor number of the node: loop<Number>
	file   *os.File
}

// NewLoops returns a supply of devices with nodes in the directory, which notes in the file added which devices it made.
func NewLoops(nodes, added string) *Loops { return &Loops{nodes: nodes, added: added} }

// Attach shows the file as a block device.
func (l *Loops) Attach(path string) (*Device, error) {
	backing, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errs.Wrap(errs.NotFound, err, "attach volume: its image is not there")
	}
	if err != nil {
		return nil, fmt.Errorf("attach volume: %w", err)
	}
	defer backing.Close()
	control, err := os.OpenFile(controlPath, os.O_RDWR, 0)
	if err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, "attach volume: this machine has no loop devices")
	}
	defer control.Close()

	l.mu.Lock()
	defer l.mu.Unlock()
	for range attempts {
		device, err := l.attachFree(control, backing)
		if err == nil || !errors.Is(err, unix.EBUSY) {
			return device, err
		}
	}
	return nil, errs.New(errs.Exhausted, "attach volume: other programs take every free loop device").WithRetry()
}

func (l *Loops) attachFree(control, backing *os.File) (*Device, error) {
	known := existing()
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, fmt.Errorf("find free loop device: %w", err)
	}
	if !known[number] {
		if err := appendLine(l.added, strconv.Itoa(number)); err != nil {
			return nil, err
		}
	}
	node := filepath.Join(l.nodes, "loop"+strconv.Itoa(number))
	if err := unix.Mknod(node, unix.S_IFBLK|0o600, int(unix.Mkdev(loopMajor, uint32(number)))); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("make node of loop device %d: %w", number, err)
	}
	file, err := os.OpenFile(node, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open loop device %d: %w", number, err)
	}
	config := unix.LoopConfig{Fd: uint32(backing.Fd())}
	config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
	copy(config.Info.File_name[:len(config.Info.File_name)-1], backing.Name())
	if err := unix.IoctlLoopConfigure(int(file.Fd()), &config); err != nil {
		file.Close()
		return nil, fmt.Errorf("configure loop device %d: %w", number, err)
	}
	return &Device{Number: number, file: file}, nil
}

// Path returns the device's node, valid inside the cage.
func (d *Device) Path() string { return d.file.Name() }

// Rdev returns the device number, as mknod and stat use it.
func (d *Device) Rdev() uint64 { return unix.Mkdev(loopMajor, uint32(d.Number)) }

// Refresh makes the device as large as its file has become.
func (d *Device) Refresh() error {
	if err := unix.IoctlSetInt(int(d.file.Fd()), unix.LOOP_SET_CAPACITY, 0); err != nil {
		return fmt.Errorf("grow loop device %d: %w", d.Number, err)
	}
	return nil
}

// Close lets go of the device; the kernel detaches it once nobody else uses it.
func (d *Device) Close() error { return d.file.Close() }

// RemoveAdded removes the loop devices that the file lists, as far as nothing uses them now, and then the file.
func RemoveAdded(added string) error {
	lines, err := readLines(added)
	if err != nil || len(lines) == 0 {
		return err
	}
	control, err := os.OpenFile(controlPath, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("remove loop devices: %w", err)
	}
	defer control.Close()
	for _, line := range lines {
		number, err := strconv.Atoi(line)
		if err != nil {
			continue // a line cut short when the machine stopped
		}
		// Busy means that another program has taken the device since: then it is that program's now.
		err = unix.IoctlSetInt(int(control.Fd()), unix.LOOP_CTL_REMOVE, number)
		if err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("remove loop device %d: %w", number, err)
		}
	}
	if err := os.Remove(added); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove list of loop devices: %w", err)
	}
	return nil
}

// existing returns the numbers of the loop devices that the kernel has.
func existing() map[int]bool {
	known := map[int]bool{}
	paths, _ := filepath.Glob("/sys/block/loop*") // the pattern is well formed
	for _, path := range paths {
		if number, err := strconv.Atoi(filepath.Base(path)[len("loop"):]); err == nil {
			known[number] = true
		}
	}
	return known
}
