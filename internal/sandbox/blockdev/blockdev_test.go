//go:build linux

package blockdev

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
)

func TestFilesAreSparseAndOnlyGrow(t *testing.T) {
	t.Parallel()
	files := Files{Dir: filepath.Join(t.TempDir(), "volumes")}
	for _, step := range []struct{ ask, want int }{{2, 2}, {2, 2}, {3, 3}, {1, 3}} {
		if err := files.Create("vol-1", step.ask); err != nil {
			t.Fatal(err)
		}
		path, err := files.Path("vol-1")
		if err != nil {
			t.Fatal(err)
		}
		var stat unix.Stat_t
		if err := unix.Stat(path, &stat); err != nil {
			t.Fatal(err)
		}
		if stat.Size != int64(step.want)<<30 || stat.Blocks > 16 {
			t.Errorf("asked for %d GiB: %d bytes in %d blocks, want %d GiB in hardly any", step.ask, stat.Size, stat.Blocks, step.want)
		}
	}
	for range 2 {
		if err := files.Delete("vol-1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Create("../vol", 1); !errs.Is(err, errs.Invalid) {
		t.Errorf("an id that leaves the directory: %v, want Invalid", err)
	}
	if err := files.Create("vol-2", 0); !errs.Is(err, errs.Invalid) {
		t.Errorf("no size: %v, want Invalid", err)
	}
}

func TestDeviceShowsItsFileAndVanishesWithItsLastUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("loop devices need root")
	}
	if _, err := os.Stat(controlPath); err != nil {
		t.Skip("this machine has no loop devices")
	}
	dir := t.TempDir()
	files := Files{Dir: dir}
	if err := files.Create("vol-1", 1); err != nil {
		t.Fatal(err)
	}
	path, err := files.Path("vol-1")
	if err != nil {
		t.Fatal(err)
	}
	loops := NewLoops(dir, Made)
	device, err := loops.Attach(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loops.Attach(t.Context(), path); !errs.Is(err, errs.Conflict) {
		t.Errorf("a second device for one file: %v, want Conflict", err)
	}
	if err := os.WriteFile(device.Path(), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	if use, err := device.Busy(); use != "" || err != nil {
		t.Errorf("busy: %q, %v; want nobody", use, err)
	}
	exclusive, err := unix.Open(device.Path(), unix.O_RDONLY|unix.O_EXCL, 0)
	if err != nil {
		t.Fatal(err)
	}
	if use, err := device.Busy(); use == "" || err != nil {
		t.Errorf("busy: %q, %v; want that it is in use", use, err)
	}
	if err := unix.Close(exclusive); err != nil {
		t.Fatal(err)
	}
	backing := filepath.Join("/sys/block", filepath.Base(device.Path()), "loop/backing_file")
	if err := device.Close(); err != nil {
		t.Fatal(err)
	}
	if file, err := os.ReadFile(backing); err == nil && strings.HasPrefix(string(file), path) {
		t.Errorf("the device is still attached to %s", file)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text := make([]byte, len("hello"))
	if _, err := file.Read(text); err != nil || string(text) != "hello" {
		t.Errorf("the file begins with %q, %v", text, err)
	}
	for range 2 {
		if err := RemoveIdle(t.Context(), Made, dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := loops.Attach(t.Context(), filepath.Join(dir, "none")); !errs.Is(err, errs.NotFound) {
		t.Errorf("attach of a missing volume: %v, want NotFound", err)
	}
}

// permanent is how many devices a kernel makes by itself at start; other tests may make and remove the others.
const permanent = 8

func TestOnlyDevicesMadeOnDemandAreRemovedWhenIdle(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("loop devices need root")
	}
	if _, err := os.Stat(controlPath); err != nil {
		t.Skip("this machine has no loop devices")
	}
	dir := t.TempDir()
	files, loops := Files{Dir: dir}, NewLoops(dir, Made)
	before := exists(blocks)
	var devices []*Device
	for i := range len(before) + 2 { // so that some must be made, however many others are in use
		id := fmt.Sprintf("vol-%d", i)
		path, err := files.Path(id)
		if err != nil {
			t.Fatal(err)
		}
		if err := files.Create(id, 1); err != nil {
			t.Fatal(err)
		}
		device, err := loops.Attach(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		devices = append(devices, device)
	}
	owned := func(d *Device) bool { // a number that became free may be another test's by now
		return strings.HasPrefix(backing(blocks, d.Number), dir)
	}
	for _, device := range devices {
		if !owned(device) {
			t.Errorf("loop device %d is not attached", device.Number)
		}
		if own := before[device.Number] && device.Number < permanent; own == loops.marks.has(device.Number) && (own || !before[device.Number]) {
			t.Errorf("loop device %d: noted as made: %t, there before: %t", device.Number, !own, before[device.Number])
		}
		if err := device.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveIdle(t.Context(), Made, dir); err != nil {
		t.Fatal(err)
	}
	after := exists(blocks)
	for number := range before {
		if number < permanent && !after[number] {
			t.Errorf("loop device %d, which was there before, is gone", number)
		}
	}
	for _, device := range devices {
		if !before[device.Number] && after[device.Number] && owned(device) {
			t.Errorf("loop device %d is still there", device.Number)
		}
	}
}

func TestDevicesInUseStayNoted(t *testing.T) {
	t.Parallel()
	m := marks{filepath.Join(t.TempDir(), "run/loops")}
	for _, number := range []int{9, 12} {
		if err := m.add(number); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.remove(9); err != nil {
		t.Fatal(err)
	}
	if err := m.close(); err != nil {
		t.Fatal(err)
	}
	if numbers, err := m.numbers(); err != nil || len(numbers) != 1 || numbers[0] != 12 || !m.has(12) || m.has(9) {
		t.Errorf("marks = %v, %v; want 12", numbers, err)
	}
	if err := m.remove(12); err != nil {
		t.Fatal(err)
	}
	if err := m.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(m.dir); !os.IsNotExist(err) {
		t.Error("the empty directory is still there")
	}
}

func TestDevicesAreFoundByTheFileThatTheyShow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, file := range map[string]string{"loop0": "", "loop9": "/volumes/vol-1.img\n", "sda": ""} {
		if err := os.MkdirAll(filepath.Join(dir, name, "loop"), 0o755); err != nil {
			t.Fatal(err)
		}
		if file == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name, "loop/backing_file"), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if all := exists(dir); len(all) != 2 || !all[0] || !all[9] {
		t.Errorf("devices = %v, want 0 and 9", all)
	}
	if number := shows(dir, "/volumes/vol-1.img"); number != 9 {
		t.Errorf("vol-1 is shown by %d, want 9", number)
	}
	if number := shows(dir, "/volumes/vol-10.img"); number != -1 {
		t.Errorf("vol-10 is shown by %d, want none", number)
	}
}
