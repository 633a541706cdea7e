// Package disk makes a node's data volume the filesystem below /var/lib/docker. It never formats what holds anything.
//
// It imports the domain and base layers. Its functions are safe for concurrent use on different hosts.
package disk

import (
	"context"
	"fmt"
	"strings"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
)

// Target is where the data volume is mounted: the engine's data root.
const Target = "/var/lib/docker"

// mountOptions let the host boot without the volume, so that it can be reached and repaired; the engine does not start then, see package engine.
const mountOptions = "defaults,nofail,x-systemd.device-timeout=30s"

// Ensure formats the volume if it is blank, mounts it at Target now and at every boot, and grows its filesystem to its size. It returns
// what it changed, also beside an error.
func Ensure(ctx context.Context, h host.Host, facts host.Facts, volumeID string) (changes []string, err error) {
	d := &disk{host: h, facts: facts, id: volumeID}
	for _, step := range []func(context.Context) error{d.find, d.checkMount, d.format, d.fstab, d.mount, d.grow} {
		if err := step(ctx); err != nil {
			return d.changes, err
		}
	}
	return d.changes, nil
}

// disk is the work on one host.
type disk struct {
	host    host.Host
	facts   host.Facts
	id      string
	volume  host.Volume
	mounted bool
	changes []string
}

func (d *disk) changed(format string, args ...any) {
	d.changes = append(d.changes, fmt.Sprintf(format, args...))
}

// find looks for the volume by its id. The name of the device depends on the instance type and on the order of attaching.
func (d *disk) find(ctx context.Context) error {
	volume, ok := d.facts.VolumeByID(d.id)
	if !ok {
		// A volume that was attached while the host booted may get its link a moment later.
		link := host.VolumeLink(d.id)
		_, err := d.host.Run(ctx, host.Script(waitScript, link))
		if code := host.ExitCode(err); err != nil && code != 1 {
			return fmt.Errorf("look for data volume of %s: %w", d.host.Name(), err)
		} else if code == 1 {
			return errs.New(errs.Unavailable, fmt.Sprintf("the data volume %s is not attached: there is no %s", d.id, link)).WithRetry().
				WithRemedy("check that the volume is attached to the instance and that the type is a Nitro one (Xen types hide volume ids), then run again")
		}
		if d.facts, err = host.Gather(ctx, d.host); err != nil {
			return err
		}
		if volume, ok = d.facts.VolumeByID(d.id); !ok {
			return errs.New(errs.Unavailable, "the data volume "+d.id+" went away while it was looked at").WithRetry()
		}
	}
	d.volume = volume
	return nil
}

// waitScript waits up to 20 s for a block device.
const waitScript = `i=0
while [ ! -b "$1" ]; do
	i=$((i + 1))
	[ "$i" -le 20 ] || exit 1
	sleep 1
done
`

// checkMount looks whether the volume, or something else, is at Target already.
func (d *disk) checkMount(context.Context) error {
	mount, ok := d.facts.MountAt(Target)
	if !ok {
		return nil
	}
	if mount.Source != d.volume.Device && mount.Source != d.volume.Link {
		return errs.New(errs.Conflict, fmt.Sprintf("%s is mounted at %s where the data volume %s (%s) belongs", mount.Source, Target, d.id, d.volume.Device)).
			WithRemedy("unmount it, take its line out of /etc/fstab, and run again")
	}
	d.mounted = true
	return nil
}

// format makes a filesystem on a volume that was proved to be blank.
func (d *disk) format(ctx context.Context) error {
	switch d.volume.Filesystem {
	case "ext4", "xfs":
		return nil
	case "":
	default:
		return errs.New(errs.Conflict, fmt.Sprintf("the data volume %s holds %s, which is not ours", d.id, d.volume.Filesystem)).
			WithRemedy("if nothing on it is needed, erase it on the host (wipefs -a " + d.volume.Link + ") and run again")
	}
	out, err := d.host.Run(ctx, host.Script(blankScript, d.volume.Link))
	if err != nil {
		return fmt.Errorf("look whether data volume %s is blank: %w", d.id, err)
	}
	if answer := out.Text(); answer != "blank" {
		return errs.New(errs.Conflict, fmt.Sprintf("the data volume %s is not blank (%s): it is not formatted", d.id, strings.Join(strings.Fields(answer), " "))).
			WithRemedy("if nothing on it is needed, erase it on the host (wipefs -a, then blkdiscard or dd of zeros to " + d.volume.Link + ") and run again")
	}
	// The inode tables are zeroed by the kernel in the background (lazy), which takes no room on a sparse or thin device. No blocks are
	// kept for root: the engine is the only one who writes here.
	if _, err := d.host.Run(ctx, host.Sudo("mkfs.ext4", "-q", "-L", "docker", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", d.volume.Link)); err != nil {
		return fmt.Errorf("format data volume %s: %w", d.id, err)
	}
	d.volume.Filesystem, d.volume.FilesystemBytes = "ext4", d.volume.Bytes
	d.changed("formatted the data volume %s with ext4", d.id)
	return nil
}

// blankScript prints "blank" for a device without any signature whose first MiB is zeros, and else what it found.
const blankScript = `PATH="$PATH:/usr/sbin:/sbin"
found=$(blkid -p "$1"; wipefs --noheadings "$1")
[ -z "$found" ] || { echo "signature: $found"; exit 0; }
count=$(head -c 1048576 "$1" | tr -d '\000' | wc -c)
size=$(head -c 1048576 "$1" | wc -c)
[ "$size" -eq 1048576 ] || { echo "cannot be read"; exit 0; }
[ "$count" -eq 0 ] || { echo "data at its beginning"; exit 0; }
echo blank
`

// fstab has the volume mounted at every boot.
func (d *disk) fstab(ctx context.Context) error {
	out, err := d.host.Run(ctx, host.Sudo("cat", "/etc/fstab"))
	if err != nil && host.ExitCode(err) != 1 {
		return fmt.Errorf("read /etc/fstab of %s: %w", d.host.Name(), err)
	}
	wanted, err := editFstab(string(out.Stdout), d.volume.Link, d.volume.Filesystem)
	if err != nil {
		return err
	}
	changed, err := d.host.Put(ctx, host.File{Path: "/etc/fstab", Mode: 0o644, Content: []byte(wanted)})
	if err != nil {
		return err
	}
	if !changed {
		return nil
	}
	d.changed("wrote /etc/fstab")
	if _, err := d.host.Run(ctx, host.Sudo("systemctl", "daemon-reload")); err != nil {
		return fmt.Errorf("reload systemd of %s: %w", d.host.Name(), err)
	}
	return nil
}

// mount mounts the volume now. What an engine has already written below Target would disappear under it, so that is refused.
func (d *disk) mount(ctx context.Context) error {
	if d.mounted {
		return nil
	}
	_, err := d.host.Run(ctx, host.Script(mountScript, Target))
	if host.ExitCode(err) == exitOccupied {
		return errs.Wrap(errs.Conflict, err, fmt.Sprintf("the engine has written into %s before the data volume %s was mounted there", Target, d.id)).
			WithRemedy("stop docker, move what is in " + Target + " away or delete it, and run again")
	}
	if err != nil {
		return fmt.Errorf("mount data volume %s: %w", d.id, err)
	}
	d.mounted = true
	d.changed("mounted %s at %s", d.id, Target)
	return nil
}

// exitOccupied is mountScript's code for a directory that is not empty.
const exitOccupied = 17

const mountScript = `PATH="$PATH:/usr/sbin:/sbin"
mkdir -p "$1"
[ -z "$(ls -A "$1")" ] || { echo "$1 is not empty" >&2; exit 17; }
chmod 0710 "$1"
exec mount "$1"
`

// slack is how much bigger than its filesystem a volume may be: less than a block group of ext4 cannot be used.
const slack = 128 << 20

// grow makes the filesystem as big as the volume, which may have grown since.
func (d *disk) grow(ctx context.Context) error {
	switch d.volume.Filesystem {
	case "ext4":
		if d.volume.FilesystemBytes == 0 || d.volume.Bytes-d.volume.FilesystemBytes < slack {
			return nil
		}
		if _, err := d.host.Run(ctx, host.Sudo("resize2fs", d.volume.Link)); err != nil {
			return fmt.Errorf("grow filesystem of data volume %s: %w", d.id, err)
		}
	case "xfs":
		out, err := d.host.Run(ctx, host.Sudo("xfs_growfs", Target))
		if err != nil {
			return fmt.Errorf("grow filesystem of data volume %s: %w", d.id, err)
		}
		if !strings.Contains(out.Text(), "data blocks changed") {
			return nil
		}
	}
	d.changed("grew the filesystem of %s to %d GiB", d.id, d.volume.Bytes>>30)
	return nil
}
