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
	list := filepath.Join(dir, "list")
	loops := NewLoops(dir, list)
	device, err := loops.Attach(path)
	if err != nil {
		t.Fatal(err)
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
		if err := RemoveIdle(t.Context(), list, dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := loops.Attach(filepath.Join(dir, "none")); !errs.Is(err, errs.NotFound) {
		t.Errorf("attach of a missing volume: %v, want NotFound", err)
	}
}

func TestDevicesMadeOnDemandAreRemovedWhenIdle(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("loop devices need root")
	}
	if _, err := os.Stat(controlPath); err != nil {
		t.Skip("this machine has no loop devices")
	}
	dir := t.TempDir()
	files, loops := Files{Dir: dir}, NewLoops(dir, filepath.Join(dir, "list"))
	path, err := files.Path("vol-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Create("vol-1", 1); err != nil {
		t.Fatal(err)
	}
	var devices []*Device
	for range permanent + 2 { // so that some are not the kernel's own, however many others are in use
		device, err := loops.Attach(path)
		if err != nil {
			t.Fatal(err)
		}
		devices = append(devices, device)
	}
	owned := func(d *Device) bool { // a number that became free may be another test's by now
		backing, err := os.ReadFile(fmt.Sprintf("/sys/block/loop%d/loop/backing_file", d.Number))
		return err == nil && strings.HasPrefix(string(backing), dir)
	}
	for _, device := range devices {
		if !owned(device) {
			t.Errorf("loop device %d is not attached", device.Number)
		}
		if err := device.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveIdle(t.Context(), loops.list, dir); err != nil {
		t.Fatal(err)
	}
	for _, device := range devices {
		_, err := os.Stat(fmt.Sprintf("/sys/block/loop%d/loop", device.Number)) // there is none below an idle device
		if device.Number < permanent || err == nil && !owned(device) {
			continue
		}
		if _, err := os.Stat(fmt.Sprintf("/sys/block/loop%d", device.Number)); err == nil {
			t.Errorf("loop device %d is still there", device.Number)
		}
	}
	if _, err := os.Stat(loops.list); !os.IsNotExist(err) {
		t.Error("the list is still there")
	}
}
