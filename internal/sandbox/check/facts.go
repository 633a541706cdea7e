package check

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

const vm = "Run Slipway in a Linux virtual machine, as root."

// facts is where features are looked for: the machine's file system, or a test's.
type facts struct {
	root string
	look func(program string) (string, error)
}

// system is what no file tells.
type system struct {
	OS        string
	UID       int
	MemoryMiB int64 // available now
	DiskMiB   int64 // free where the sandbox keeps its volumes
	DiskPath  string
}

func (f facts) path(name string) string { return filepath.Join(f.root, name) }

func (f facts) read(name string) string {
	text, err := os.ReadFile(f.path(name))
	if err != nil {
		return "" // what cannot be read is not there
	}
	return string(text)
}

func (f facts) exists(name string) bool {
	_, err := os.Stat(f.path(name))
	return err == nil
}

func linux(s system) Finding {
	return Finding{Name: "Linux", Level: LevelError, OK: s.OS == "linux", Detail: s.OS + " on " + runtime.GOARCH, Remedy: vm}.tidy()
}

func superuser(s system) Finding {
	return Finding{
		Name: "root", Level: LevelError, OK: s.UID == 0, Detail: "runs as user " + strconv.Itoa(s.UID), Remedy: "Run the command with sudo.",
	}.tidy()
}

// namespaces looks for the kinds that a host has of its own.
func (f facts) namespaces() Finding {
	var absent []string
	for _, kind := range []string{"cgroup", "ipc", "mnt", "net", "pid", "uts"} {
		if !f.exists("proc/self/ns/" + kind) {
			absent = append(absent, kind)
		}
	}
	finding := Finding{Name: "namespaces", Level: LevelError, OK: len(absent) == 0, Detail: "all six kinds", Remedy: "Run a kernel that has them."}
	if len(absent) > 0 {
		finding.Detail = "the kernel lacks: " + strings.Join(absent, ", ")
	}
	return finding.tidy()
}

// filesystem looks for a type of file system in the running kernel, or for a module that the kernel will load.
func (f facts) filesystem(name, kind, why string) Finding {
	known := false
	for line := range strings.Lines(f.read("proc/filesystems")) {
		fields := strings.Fields(line)
		known = known || len(fields) > 0 && fields[len(fields)-1] == kind
	}
	known = known || f.module(kind)
	return Finding{Name: name, Level: LevelError, OK: known, Detail: why, Remedy: "Run: modprobe " + kind}.tidy()
}

// module reports whether the kernel has the module at hand to load.
func (f facts) module(name string) bool {
	release := strings.TrimSpace(f.read("proc/sys/kernel/osrelease"))
	list := "lib/modules/" + release + "/"
	for line := range strings.Lines(f.read(list+"modules.dep") + f.read(list+"modules.builtin")) {
		file, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		base, _, _ := strings.Cut(filepath.Base(file), ".")
		if base == name {
			return true
		}
	}
	return false
}

func (f facts) node(name, path, load, why string) Finding {
	return Finding{Name: name, Level: LevelError, OK: f.exists(path), Detail: why, Remedy: "Run: " + load}.tidy()
}

// cgroups looks for a hierarchy in which groups can be made.
func (f facts) cgroups() Finding {
	finding := Finding{
		Name: "control groups", Level: LevelError,
		Remedy: "Mount /sys/fs/cgroup for writing; in a container, run it privileged.",
	}
	v1, v2, readOnly := 0, 0, 0
	for line := range strings.Lines(f.read("proc/self/mounts")) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[2] != "cgroup" && fields[2] != "cgroup2" {
			continue
		}
		switch {
		case strings.HasPrefix(fields[3], "ro"):
			readOnly++
		case fields[2] == "cgroup":
			v1++
		default:
			v2++
		}
	}
	finding.OK = v1+v2 > 0 && readOnly == 0
	switch {
	case readOnly > 0:
		finding.Detail = "they are mounted read-only"
	case v1+v2 == 0:
		finding.Detail = "none are mounted"
	case v1 == 0:
		finding.Detail = "version 2"
	default:
		finding.Detail = fmt.Sprintf("version 1, %d hierarchies", v1)
	}
	return finding.tidy()
}

// sysctl is how forwarding is turned on inside the cage.
func (f facts) sysctl() Finding {
	return Finding{
		Name: "/proc/sys", Level: LevelError, OK: f.exists("proc/sys/net/ipv4/ip_forward"), Detail: "The cage's own networks are set up by it.",
		Remedy: "Mount /proc.",
	}.tidy()
}

func (f facts) tool(name, packet, use string) Finding {
	path, err := f.look(name)
	finding := Finding{Name: name, Level: LevelError, OK: err == nil, Detail: path, Remedy: "Run: apt-get install " + packet}
	if err != nil {
		finding.Detail = "not installed; it " + use
	}
	return finding.tidy()
}

// inotify has a limit per user, which all hosts share with the machine's own programs, since they run as one root: about
// inotifyPerHost each. What the hosts of sandboxes take is not counted: it is what the limit is for.
func (f facts) inotify() Finding {
	limit, err := strconv.Atoi(strings.TrimSpace(f.read("proc/sys/fs/inotify/max_user_instances")))
	others := f.inotifyInUse()
	hosts := max(0, limit-others) / inotifyPerHost
	return Finding{
		Name: "inotify instances", Level: LevelNotice, OK: err != nil || hosts >= manyHosts,
		Detail: fmt.Sprintf("the limit of %d, of which other programs take %d, is enough for about %d hosts", limit, others, hosts),
		Remedy: "Before a larger cluster, run: sysctl fs.inotify.max_user_instances=1024",
	}.tidy()
}

// inotifyInUse counts the inotify instances of root's processes outside sandboxes, as far as this user may see them.
func (f facts) inotifyInUse() int {
	count := 0
	processes, _ := filepath.Glob(f.path("proc/[0-9]*")) // the pattern is well formed
	for _, process := range processes {
		relative, err := filepath.Rel(f.root, process)
		if err != nil || !f.rootsOwn(relative) {
			continue
		}
		files, _ := filepath.Glob(filepath.Join(process, "fd/*")) // the pattern is well formed
		for _, file := range files {
			if target, err := os.Readlink(file); err == nil && target == "anon_inode:inotify" {
				count++
			}
		}
	}
	return count
}

// rootsOwn reports whether a process is root's and in no sandbox's control groups.
func (f facts) rootsOwn(process string) bool {
	for line := range strings.Lines(f.read(filepath.Join(process, "status"))) {
		if ids, ok := strings.CutPrefix(line, "Uid:"); ok {
			fields := strings.Fields(ids)
			return len(fields) > 0 && fields[0] == "0" && !strings.Contains(f.read(filepath.Join(process, "cgroup")), "/slipway-")
		}
	}
	return false
}

// ipvs is what swarm's virtual addresses and routing mesh forward with.
func (f facts) ipvs() Finding {
	ok := f.exists("proc/net/ip_vs") || f.module("ip_vs")
	return Finding{
		Name: "IPVS", Level: LevelNotice, OK: ok, Detail: "swarm's virtual addresses and routing mesh need it",
		Remedy: "Without it, use --endpoint-mode dnsrr and published ports in host mode.",
	}.tidy()
}

// What one host takes at least, and how many a cluster of the usual size has.
const (
	inotifyPerHost = 12
	manyHosts      = 9
	hostMemoryMiB  = 200
	needMemoryMiB  = 5 * hostMemoryMiB
	needDiskMiB    = 8 << 10
)

func memory(s system) Finding {
	return Finding{
		Name: "memory", Level: LevelNotice, OK: s.MemoryMiB >= needMemoryMiB,
		Detail: fmt.Sprintf("%d MiB are available; a host with an engine takes about %d", s.MemoryMiB, hostMemoryMiB),
		Remedy: fmt.Sprintf("Free some: a cluster of five takes %d MiB.", needMemoryMiB),
	}.tidy()
}

func disk(s system) Finding {
	return Finding{
		Name: "disk", Level: LevelNotice, OK: s.DiskMiB >= needDiskMiB,
		Detail: fmt.Sprintf("%d GiB are free at %s", s.DiskMiB>>10, s.DiskPath),
		Remedy: fmt.Sprintf("Free some, or use --state-dir: a cluster of five takes about %d GiB.", needDiskMiB>>10),
	}.tidy()
}

// tidy drops the remedy of what needs none.
func (f Finding) tidy() Finding {
	if f.OK {
		f.Remedy = ""
	}
	return f
}
