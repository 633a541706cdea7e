//go:build linux

package blockdev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
)

// Made is the directory, on this machine, of the marks of the loop devices that sandboxes had the kernel make. It is
// gone when they are.
const Made = "/run/slipway-loops"

const (
	loopMajor   = 7
	controlPath = "/dev/loop-control"
	// attempts bounds how often another process may take the free device that the kernel just named.
	attempts = 64
	// clearing bounds how long the kernel may take to let go of a device whose last user ended.
	clearing = 3 * time.Second
)

// Loops hands out loop devices. Their nodes are made in a directory of its own, which must lie on a file system that
// allows devices: the machine's /dev may hold too few, or be read-only.
type Loops struct {
	nodes string // directory of device nodes, private to the cage
	marks marks

	mu sync.Mutex // one at a time looks for a free device
}

// Device is an attached loop device. It stays while it is open here, or mounted or open elsewhere.
type Device struct {
	Number int // minor number of the node: loop<Number>
	file   *os.File
}

// NewLoops returns a supply of devices with nodes in the directory, which notes in the other directory, that all sandboxes
// of the machine share, what RemoveIdle must look at.
func NewLoops(nodes, made string) *Loops { return &Loops{nodes: nodes, marks: marks{made}} }

// Attach shows the file as a block device; refused (errs.Conflict) while another device shows it.
func (l *Loops) Attach(ctx context.Context, path string) (*Device, error) {
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
	if err := awaitFree(ctx, blocks, resolve(path)); err != nil {
		return nil, err
	}

	l.mu.Lock()
	defer l.mu.Unlock()
	for range attempts {
		device, err := l.attachFree(control, backing)
		if err == nil || !errors.Is(err, unix.EBUSY) && !isGone(err) {
			return device, err
		}
	}
	return nil, errs.New(errs.Exhausted, "attach volume: other programs take every free loop device").WithRetry()
}

func (l *Loops) attachFree(control, backing *os.File) (*Device, error) {
	before := exists(blocks)
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, fmt.Errorf("find free loop device: %w", err)
	}
	made := !before[number] || l.marks.has(number)
	if made {
		if err := l.marks.add(number); err != nil {
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
	if made { // another sandbox may have removed the device and its mark before it was opened, and opening made it again
		if err := l.marks.add(number); err != nil {
			file.Close()
			return nil, err
		}
	}
	return &Device{Number: number, file: file}, nil
}

// isGone reports whether a device was removed between being found free and being opened.
func isGone(err error) bool { return errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) }

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

// RemoveIdle removes the loop devices that the sandboxes of this machine had the kernel make, as the directory notes, and
// that nobody uses any more. Those of files below volumes, whose users have ended, are waited for.
func RemoveIdle(ctx context.Context, made, volumes string) error {
	m := marks{made}
	numbers, err := m.numbers()
	if err != nil || len(numbers) == 0 {
		return errors.Join(err, m.close())
	}
	control, err := os.OpenFile(controlPath, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("remove loop devices: %w", err)
	}
	defer control.Close()
	ctx, cancel := context.WithTimeout(ctx, clearing)
	defer cancel()
	for _, number := range numbers {
		gone, err := remove(ctx, control, number, resolve(volumes))
		if err == nil && gone {
			err = m.remove(number)
		}
		if err != nil {
			return fmt.Errorf("remove loop device %d: %w", number, err)
		}
	}
	return m.close()
}

// remove removes one device, unless somebody uses it.
func remove(ctx context.Context, control *os.File, number int, volumes string) (gone bool, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.IoctlSetInt(int(control.Fd()), unix.LOOP_CTL_REMOVE, number)
		if err == nil || errors.Is(err, unix.ENODEV) {
			return true, nil
		}
		if !errors.Is(err, unix.EBUSY) {
			return false, err
		}
		if file := backing(blocks, number); file != "" && !strings.HasPrefix(file, volumes+"/") {
			return false, nil
		}
		select {
		case <-ctx.Done():
			return false, nil // somebody looks at it; idle as it is, it does no harm
		case <-tick.C:
		}
	}
}
