//go:build linux

package hosts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const hardened = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// mountRoot puts the image and the root volume together at root.
func mountRoot(c initConfig, root string) error {
	// Nothing that the host mounts may show in the cage, and the reverse.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	volume := filepath.Join(c.Dir, "volume")
	if err := mkdirs(root, volume); err != nil {
		return err
	}
	// noinit_itable: the kernel would write the inode tables of an empty volume in the background, for nothing.
	if err := mount(c.Root, volume, "ext4", 0, "noinit_itable"); err != nil {
		return err
	}
	upper, work := filepath.Join(volume, "upper"), filepath.Join(volume, "work")
	if err := mkdirs(upper, work); err != nil {
		return err
	}
	if err := os.Chmod(upper, 0o755); err != nil { // it becomes the mode of /
		return fmt.Errorf("prepare root volume: %w", err)
	}
	return mount("overlay", root, "overlay", 0, "lowerdir="+c.Image+",upperdir="+upper+",workdir="+work)
}

// mountKernel mounts /proc, /sys, /dev and /run. What is not the network's in /proc/sys is read-only, and so is /sys:
// it would be the machine's.
func mountKernel(_ initConfig, root string) error {
	at := func(p string) string { return filepath.Join(root, p) }
	for _, m := range []struct {
		kind, target, data string
		flags              uintptr
	}{
		{"proc", "proc", "", hardened},
		{"sysfs", "sys", "", hardened},
		{"tmpfs", "dev", "mode=755", unix.MS_NOSUID},
		{"tmpfs", "run", "mode=755", unix.MS_NOSUID | unix.MS_NODEV},
	} {
		if err := mount(m.kind, at(m.target), m.kind, m.flags, m.data); err != nil {
			return err
		}
	}
	// A mount of its own for the network's part, before the rest around it becomes read-only.
	for _, p := range []string{at("proc/sys"), at("proc/sys/net")} {
		if err := bind(p, p, 0); err != nil {
			return err
		}
	}
	if err := remountReadOnly(at("proc/sys")); err != nil {
		return err
	}
	return bindReadOnly(at("proc/sysrq-trigger"), at("sys"))
}

// makeDev fills /dev with what a host needs, rather than showing the machine's devices.
func makeDev(c initConfig, root string) error {
	dev := filepath.Join(root, "dev")
	if err := mkdirs(path.Join(dev, "pts"), path.Join(dev, "shm"), path.Join(dev, "net"), path.Join(dev, "disk/by-id")); err != nil {
		return err
	}
	for _, n := range []struct {
		name         string
		major, minor uint32
	}{
		{"null", 1, 3},
		{"zero", 1, 5},
		{"full", 1, 7},
		{"random", 1, 8},
		{"urandom", 1, 9},
		{"tty", 5, 0},
		{"net/tun", 10, 200},
		{"fuse", 10, 229},
	} {
		if err := mknod(filepath.Join(dev, n.name), unix.S_IFCHR|0o666, unix.Mkdev(n.major, n.minor)); err != nil {
			return err
		}
	}
	for _, d := range c.Disks {
		if err := addDisk(dev, d); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
		"stderr": "/proc/self/fd/2", "core": "/proc/kcore",
	} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return fmt.Errorf("link device: %w", err)
		}
	}
	// 5 is Debian's group tty.
	if err := mount("devpts", path.Join(dev, "pts"), "devpts", unix.MS_NOSUID|unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"); err != nil {
		return err
	}
	if err := mount("tmpfs", path.Join(dev, "shm"), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
		return err
	}
	console := path.Join(dev, "console")
	if err := os.WriteFile(console, nil, 0o600); err != nil {
		return fmt.Errorf("make console: %w", err)
	}
	return bind(c.Console, console, 0)
}

// mountCgroups mounts every hierarchy as the cgroup namespace shows it: the host's own group is its root.
func mountCgroups(c initConfig, root string) error {
	top := filepath.Join(root, "sys/fs/cgroup")
	if len(c.Hierarchies) == 1 && c.Hierarchies[0].V2 {
		return mount("cgroup2", top, "cgroup2", hardened, "nsdelegate")
	}
	if err := mount("tmpfs", top, "tmpfs", hardened, "mode=755"); err != nil {
		return err
	}
	for _, h := range c.Hierarchies {
		dir, kind := filepath.Join(top, filepath.Base(h.Mount)), "cgroup"
		if h.V2 {
			kind = "cgroup2"
		}
		if err := mkdirs(dir); err != nil {
			return err
		}
		if err := mount(kind, dir, kind, hardened, h.Options); err != nil {
			return err
		}
		for name := range strings.SplitSeq(h.Options, ",") { // cpu and cpuacct are links to cpu,cpuacct
			link := filepath.Join(top, name)
			if strings.Contains(h.Options, "name=") || link == dir {
				continue
			}
			if err := os.Symlink(filepath.Base(dir), link); err != nil && !errors.Is(err, fs.ErrExist) && name != "" {
				return fmt.Errorf("link hierarchy %s: %w", name, err)
			}
		}
	}
	// Read-only, or systemd would mount hierarchies here that the machine itself does not use.
	return remountReadOnly(top)
}

// maskFacts lays files over those of /proc that would tell of the machine rather than of the host.
func maskFacts(c initConfig, root string) error {
	machine, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return fmt.Errorf("read processors: %w", err)
	}
	// A fresh UUID of the kernel is this boot's id.
	boot, err := os.ReadFile("/proc/sys/kernel/random/uuid")
	if err != nil {
		return fmt.Errorf("make boot id: %w", err)
	}
	facts := filepath.Join(c.Dir, "facts")
	if err := mkdirs(facts); err != nil {
		return err
	}
	if err := mount("tmpfs", facts, "tmpfs", hardened, "mode=755"); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"meminfo": memInfo(c.MemoryMiB), "cpuinfo": cpuInfo(string(machine), c.VCPUs), "sys/kernel/random/boot_id": string(boot),
	} {
		file := filepath.Join(facts, filepath.Base(name))
		if err := os.WriteFile(file, []byte(text), 0o444); err != nil {
			return fmt.Errorf("write facts: %w", err)
		}
		if err := bind(file, filepath.Join(root, "proc", name), unix.MS_RDONLY); err != nil {
			return err
		}
	}
	return nil
}

// enterRoot makes root the file system's root, and nothing of the cage's reachable any more.
func enterRoot(_ initConfig, root string) error {
	if err := unix.Chdir(root); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	// Old and new root on one mount point: the old one is on top then, and is taken off.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detach old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	return nil
}

// addDisk makes the disk's node and link below the /dev given, in place of what may be left of another disk there.
func addDisk(dev string, d disk) error {
	if err := removeDisk(dev, d); err != nil {
		return err
	}
	if err := mknod(filepath.Join(dev, d.node()), unix.S_IFBLK|0o660, d.Rdev); err != nil {
		return err
	}
	link := filepath.Join(dev, d.link())
	if err := os.Symlink(path.Join("../..", d.node()), link); err != nil {
		return fmt.Errorf("link disk %s: %w", d.Volume, err)
	}
	return nil
}

// removeDisk takes away what addDisk made.
func removeDisk(dev string, d disk) error {
	for _, name := range []string{d.link(), d.node()} {
		if err := os.Remove(filepath.Join(dev, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove disk %s: %w", d.Volume, err)
		}
	}
	return nil
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s at %s: %w", kind, target, err)
	}
	return nil
}

func bind(source, target string, flags uintptr) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", target, err)
	}
	if flags&unix.MS_RDONLY != 0 {
		return remountReadOnly(target)
	}
	return nil
}

// bindReadOnly makes each path that exists read-only where it is.
func bindReadOnly(paths ...string) error {
	for _, p := range paths {
		if err := bind(p, p, unix.MS_RDONLY); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

func remountReadOnly(target string) error {
	if err := unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|hardened, ""); err != nil {
		return fmt.Errorf("make %s read-only: %w", target, err)
	}
	return nil
}

func mknod(name string, mode uint32, rdev uint64) error {
	if err := unix.Mknod(name, mode, int(rdev)); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make device %s: %w", name, err)
	}
	return nil
}

func mkdirs(paths ...string) error {
	for _, p := range paths {
		if err := os.MkdirAll(p, 0o755); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	return nil
}
