//go:build linux

package hosts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/blockdev"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// CreateVolume makes the volume, or grows it, under a running host too.
func (s *Supervisor) CreateVolume(_ context.Context, v machine.Volume) error {
	if err := s.deps.Volumes.Create(v.ID, v.SizeGiB); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.hosts[s.disks[v.ID]]; h != nil && h.boot != nil {
		for _, d := range h.boot.disks {
			if d.Volume == v.ID {
				return d.device.Refresh()
			}
		}
	}
	return nil
}

// DeleteVolume removes the volume, unless a host has it.
func (s *Supervisor) DeleteVolume(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if host, ok := s.disks[id]; ok {
		return conflict(id, host)
	}
	return s.deps.Volumes.Delete(id)
}

// Attach shows the volume to a running host.
func (s *Supervisor) Attach(ctx context.Context, id string, a machine.Attachment) error {
	h := s.lock(id, false)
	if h == nil {
		return errs.New(errs.NotFound, fmt.Sprintf("attach volume %s: host %s does not run", a.VolumeID, id))
	}
	defer h.op.Unlock()
	b := s.current(h)
	if b == nil {
		return errs.New(errs.Conflict, fmt.Sprintf("attach volume %s: host %s does not run", a.VolumeID, id))
	}
	if slices.ContainsFunc(b.disks, func(d attached) bool { return d.Volume == a.VolumeID }) {
		return nil
	}
	d, err := s.attach(ctx, id, a.VolumeID, freeIndex(b.disks))
	if err != nil {
		return fmt.Errorf("attach volume %s to host %s: %w", a.VolumeID, id, err)
	}
	if err := addDisk(b.dev(), d.disk); err != nil {
		s.detachAll([]attached{d})
		return fmt.Errorf("attach volume %s to host %s: %w", a.VolumeID, id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b.disks = append(slices.Clone(b.disks), d)
	h.spec.Attachments = append(slices.Clone(h.spec.Attachments), a)
	return nil
}

// Detach takes the volume from a running host, unless something there uses it.
func (s *Supervisor) Detach(_ context.Context, id, volume string) error {
	h := s.lock(id, false)
	if h == nil {
		return nil
	}
	defer h.op.Unlock()
	if b := s.current(h); b != nil {
		i := slices.IndexFunc(b.disks, func(d attached) bool { return d.Volume == volume })
		if i < 0 {
			return nil
		}
		d := b.disks[i]
		use, err := d.device.Busy()
		if err != nil {
			return fmt.Errorf("detach volume %s: %w", volume, err)
		}
		if use != "" {
			return errs.New(errs.Conflict, fmt.Sprintf("volume %s is in use on host %s: %s", volume, id, use)).
				WithRemedy("Unmount it there first, or stop the host.")
		}
		if err := removeDisk(b.dev(), d.disk); err != nil {
			return err
		}
		s.mu.Lock()
		b.disks = slices.Delete(slices.Clone(b.disks), i, i+1)
		s.mu.Unlock()
		s.detachAll([]attached{d})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h.spec.Attachments = slices.DeleteFunc(slices.Clone(h.spec.Attachments), func(a machine.Attachment) bool { return a.VolumeID == volume })
	return nil
}

// dev returns the host's /dev as this process reaches it.
func (b *boot) dev() string {
	return filepath.Join("/proc", strconv.Itoa(b.cmd.Process.Pid), "root/dev")
}

// attachAll shows all volumes of a host that is about to boot as devices, the root volume first and with a file system
// on it. On an error it returns those that it attached.
func (s *Supervisor) attachAll(ctx context.Context, spec machine.Host) ([]attached, error) {
	var disks []attached
	for i, a := range ordered(spec.Attachments) {
		d, err := s.attach(ctx, spec.ID, a.VolumeID, i)
		if err != nil {
			return disks, fmt.Errorf("attach volume %s: %w", a.VolumeID, err)
		}
		disks = append(disks, d)
	}
	if err := prepareRoot(disks[0].device); err != nil {
		return disks, fmt.Errorf("prepare root volume %s: %w", disks[0].Volume, err)
	}
	return disks, nil
}

func (s *Supervisor) attach(ctx context.Context, host, volume string, index int) (attached, error) {
	path, err := s.deps.Volumes.Path(volume)
	if err != nil {
		return attached{}, err
	}
	s.mu.Lock()
	owner, taken := s.disks[volume]
	if !taken {
		s.disks[volume] = host
	}
	s.mu.Unlock()
	if taken {
		return attached{}, conflict(volume, owner)
	}
	device, err := s.deps.Loops.Attach(ctx, path)
	if err != nil {
		s.mu.Lock()
		delete(s.disks, volume)
		s.mu.Unlock()
		return attached{}, err
	}
	return attached{disk: disk{Index: index, Volume: volume, Rdev: device.Rdev()}, device: device}, nil
}

func (s *Supervisor) detachAll(disks []attached) {
	for _, d := range disks {
		if err := d.device.Close(); err != nil {
			s.deps.Logger.Warn("failed to close loop device", "volume", d.Volume, "err", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range disks {
		delete(s.disks, d.Volume)
	}
}

func freeIndex(disks []attached) int {
	index := 0
	for slices.ContainsFunc(disks, func(d attached) bool { return d.Index == index }) {
		index++
	}
	return index
}

// prepareRoot makes a file system on a blank device, and grows one whose volume has grown.
func prepareRoot(device *blockdev.Device) error {
	blank, err := isBlank(device.Path())
	if err != nil {
		return err
	}
	if blank {
		// Lazy and without discard: the file below is sparse, every block of it reads as zeros.
		return run("mkfs.ext4", "-q", "-F", "-L", "root", "-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard", device.Path())
	}
	return grow(device)
}

// isBlank reports whether nothing was ever written where a file system begins. What holds something else than an ext file
// system, told by the magic number in its superblock, is refused rather than overwritten. mkfs.ext4 writes the superblock
// last: what a killed one left counts as blank.
func isBlank(path string) (bool, error) {
	file, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("read superblock: %w", err)
	}
	defer file.Close()
	var start [4096]byte
	if _, err := file.ReadAt(start[:], 0); err != nil {
		return false, fmt.Errorf("read superblock: %w", err)
	}
	switch {
	case start[1024+0x38] == 0x53 && start[1024+0x39] == 0xef:
		return false, nil
	case start == [len(start)]byte{}:
		return true, nil
	default:
		return false, errs.New(errs.Conflict, "the volume holds data, but not the file system of a root volume")
	}
}

// grow makes the file system as large as its device. Its journal may need replay first, which e2fsck does.
func grow(device *blockdev.Device) error {
	file, err := os.Open(device.Path())
	if err != nil {
		return fmt.Errorf("read superblock: %w", err)
	}
	defer file.Close()
	size, err := file.Seek(0, 2)
	if err != nil {
		return fmt.Errorf("measure device: %w", err)
	}
	var super [0x20]byte
	if _, err := file.ReadAt(super[:], 1024); err != nil {
		return fmt.Errorf("read superblock: %w", err)
	}
	word := func(at int) int64 {
		return int64(super[at]) | int64(super[at+1])<<8 | int64(super[at+2])<<16 | int64(super[at+3])<<24
	}
	blocks, block := word(0x04), int64(1024)<<word(0x18)
	if size-blocks*block < 16<<20 {
		return nil
	}
	var exit *exec.ExitError
	if err := run("e2fsck", "-f", "-p", device.Path()); err != nil && !(errors.As(err, &exit) && exit.ExitCode() == fsckRepaired) {
		return err
	}
	return run("resize2fs", device.Path())
}

// fsckRepaired is e2fsck's exit code for a file system that is in order now.
const fsckRepaired = 1

func run(name string, args ...string) error {
	output, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		if strings.Contains(string(output), unix.ENOSPC.Error()) {
			return errs.Wrap(errs.Exhausted, err, "this machine's disk is full")
		}
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(output)))
	}
	return nil
}
