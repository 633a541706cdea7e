package rollouttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/host"
)

// Volume is a host's data volume.
type Volume struct {
	Detached   bool
	Bytes      int64
	Filesystem string // ext4 once it is formatted
	FSBytes    int64
	Dirty      string // what blkid, wipefs or a look at the first bytes finds, besides a filesystem
	Mounted    bool
}

// Host is a machine.
type Host struct {
	Node cluster.Node

	Down      bool  // does not answer
	Hangs     bool  // does not even refuse
	Refuses   error // answers, but this is what comes of it
	OS        string
	Version   string
	Systemd   bool
	CPUs      int
	MemoryKiB int
	FreeKiB   int   // on /
	Ahead     int64 // of the clock, in seconds
	IPVS      bool
	Hostname  string
	Volume    Volume
	Files     map[string]string
	Offered   map[string][]string // versions in the repositories by package
	Installed map[string]string
	Held      []string
	Lists     int                        // age of apt's package lists in seconds; 0: there are none
	Moved     bool                       // the repositories have changed since the lists were read
	Broken    bool                       // the engine's installation was interrupted; dpkg --configure -a ends it
	Foreign   bool                       // an engine is there that no package brought
	AptLocked int                        // times that apt finds its lock taken
	Fail      func(command string) error // asked before each command
	Occupied  bool                       // something is below /var/lib/docker
	Journal   string                     // of docker.service

	Active     bool // docker.service
	Enabled    bool
	Locked     bool // the swarm's key is needed
	Leaderless bool // its swarm elects a leader, and the engine waits for one before it tells of itself
	Tasks      int  // that run here; they end when the node is drained
	Stubborn   bool // its tasks do not end

	fleet    *Fleet
	writes   []string
	commands []string
	nodeID   string // in its swarm
	swarm    *swarm
	loaded   string // daemon.json that the engine has started with
}

// connection is a connection to a host.
type connection struct {
	*Host
	closers []func()
}

var _ host.Host = (*connection)(nil)

// Name returns the node's name.
func (c *connection) Name() string { return c.Node.Name }

// Close ends what was opened over the connection.
func (c *connection) Close() error {
	for _, c := range c.closers {
		c()
	}
	return nil
}

// Put writes a file where it differs.
func (c *connection) Put(ctx context.Context, f host.File) (bool, error) {
	c.fleet.mu.Lock()
	defer c.fleet.mu.Unlock()
	if err := c.alive(ctx, "put "+f.Path); err != nil {
		return false, err
	}
	if c.Files[f.Path] == string(f.Content) {
		return false, nil
	}
	c.Files[f.Path] = string(f.Content)
	c.wrote("put %s", f.Path)
	return true, nil
}

// Run runs a command as the machine would.
func (c *connection) Run(ctx context.Context, cmd host.Command) (host.Output, error) {
	var input []byte
	if cmd.Stdin != nil {
		var err error
		if input, err = io.ReadAll(cmd.Stdin); err != nil {
			return host.Output{}, err
		}
	}
	c.fleet.mu.Lock()
	defer c.fleet.mu.Unlock()
	if err := c.alive(ctx, cmd.String()); err != nil {
		return host.Output{}, err
	}
	if !cmd.Root {
		return host.Output{}, fmt.Errorf("%s is not run as root", cmd)
	}
	out, code, complaint := c.run(cmd.Args, string(input))
	if code != 0 {
		return host.Output{Stdout: []byte(out), Stderr: []byte(complaint)}, &host.ExitError{Host: c.Node.Name, Command: cmd.String(), Code: code, Stderr: complaint}
	}
	return host.Output{Stdout: []byte(out)}, nil
}

func (h *Host) alive(ctx context.Context, command string) error {
	h.commands = append(h.commands, command)
	if h.Down {
		return errors.New("the connection was lost")
	}
	if h.Fail != nil {
		if err := h.Fail(command); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (h *Host) wrote(format string, args ...any) {
	h.writes = append(h.writes, fmt.Sprintf(format, args...))
}

// run interprets a command.
func (h *Host) run(args []string, input string) (out string, code int, complaint string) {
	switch args[0] {
	case "sh":
		return h.script(input)
	case "cat":
		content, ok := h.Files[args[1]]
		if !ok {
			return "", 1, "cat: " + args[1] + ": No such file or directory"
		}
		return content, 0, ""
	case "hostname":
		h.Hostname = args[1]
		h.wrote("hostname %s", args[1])
	case "systemctl":
		return h.systemctl(args[1:])
	case "mkfs.ext4":
		h.Volume.Filesystem, h.Volume.FSBytes = "ext4", h.Volume.Bytes
		h.wrote("mkfs")
	case "resize2fs":
		h.Volume.FSBytes = h.Volume.Bytes
		h.wrote("resize2fs")
	case "apt-get":
		return h.aptGet(args)
	case "apt-cache":
		for _, version := range h.Offered[args[2]] {
			if h.Lists == 0 {
				break
			}
			out += fmt.Sprintf(" %s | %s | http://deb.debian.org/debian bookworm/main amd64 Packages\n", args[2], version)
		}
		return out, 0, ""
	case "apt-mark":
		h.Held = append(h.Held, args[2:]...)
		h.wrote("hold %s", strings.Join(args[2:], " "))
	case "journalctl":
		return h.Journal, 0, ""
	case "dpkg":
		h.Broken = false
	case "timeout":
	default:
		return "", 127, "sh: 1: " + args[0] + ": not found"
	}
	return "", 0, ""
}

// script does what the product's scripts do; it knows them by what they are about.
func (h *Host) script(body string) (out string, code int, complaint string) {
	switch {
	case strings.Contains(body, "fact()"):
		return h.facts(), 0, ""
	case strings.Contains(body, "wipefs"):
		if h.Volume.Dirty != "" {
			return h.Volume.Dirty, 0, ""
		}
		return "blank", 0, ""
	case strings.Contains(body, `exec mount "$1"`):
		if h.Occupied {
			return "", 17, "/var/lib/docker is not empty"
		}
		if !strings.Contains(h.Files["/etc/fstab"], "/var/lib/docker") || h.Volume.Filesystem == "" {
			return "", 32, "mount: /var/lib/docker: can't find in /etc/fstab."
		}
		h.Volume.Mounted = true
		h.wrote("mount")
		return "", 0, ""
	case strings.Contains(body, `[ ! -b "$1" ]`):
		if h.Volume.Detached {
			return "", 1, ""
		}
		return "", 0, ""
	case strings.Contains(body, "curl"):
		h.Offered["docker-ce"] = []string{"5:28.2.2-1~debian.12~bookworm"}
		return "", 0, ""
	}
	return "", 127, "unknown script"
}

// systemctl does what systemd does to docker.service.
func (h *Host) systemctl(args []string) (out string, code int, complaint string) {
	switch args[0] {
	case "daemon-reload":
	case "enable":
		h.Enabled = true
		h.wrote("enable")
	case "start", "restart":
		h.wrote("%s docker", args[0])
		h.Active, h.loaded = true, h.Files["/etc/docker/daemon.json"]
	default:
		return "", 1, "Unknown command verb " + args[0]
	}
	return "", 0, ""
}

// aptGet installs packages. The engine's starts at once, as Debian's packages do.
func (h *Host) aptGet(args []string) (out string, code int, complaint string) {
	if h.AptLocked > 0 {
		h.AptLocked--
		return "", 100, "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)"
	}
	i := slices.Index(args, "install")
	if i < 0 {
		h.Lists, h.Moved = 1, false
		return "", 0, ""
	}
	if h.Moved {
		return "", 100, "E: Failed to fetch http://deb.debian.org/pool/d.deb  404  Not Found"
	}
	for _, p := range args[i+1:] {
		name, version, exact := strings.Cut(p, "=")
		if strings.HasPrefix(p, "-") {
			continue
		}
		if exact && !slices.Contains(h.Offered[name], version) && name != "docker-ce-cli" {
			return "", 100, "E: Version '" + version + "' for '" + name + "' was not found"
		}
		if !exact {
			version = "1.0"
		}
		h.Installed[name] = version
		h.wrote("install %s", p)
		if name == "docker.io" || name == "docker-ce" {
			if !h.Volume.Mounted && h.Node.DataVolume != "" {
				h.Occupied = true
			}
			h.Active, h.Enabled, h.loaded = true, true, h.Files["/etc/docker/daemon.json"]
		}
	}
	return "", 0, ""
}

// Loaded returns the daemon.json that the running engine has read.
func (h *Host) Loaded() string {
	h.fleet.mu.Lock()
	defer h.fleet.mu.Unlock()
	return h.loaded
}

// facts prints what the facts script prints.
func (h *Host) facts() string {
	var b strings.Builder
	fact := func(key, format string, args ...any) { fmt.Fprintf(&b, "%s\t%s\n", key, fmt.Sprintf(format, args...)) }
	fact("clock", "%d.5", time.Now().Unix()+h.Ahead)
	fact("hostname", "%s", h.Hostname)
	fact("os_id", "%s", h.OS)
	fact("os_version", "%s", h.Version)
	fact("os_codename", "bookworm")
	fact("arch", "amd64")
	fact("init", "%s", map[bool]string{true: "systemd", false: "tini"}[h.Systemd])
	fact("systemd", "%s", map[bool]string{true: "yes"}[h.Systemd])
	fact("cpus", "%d", h.CPUs)
	fact("memory_kib", "%d", h.MemoryKiB)
	fact("free", "/ %d %d", 40<<20, h.FreeKiB)
	fact("address", "%s", h.Node.PrivateIP)
	if h.IPVS {
		fact("ipvs", "yes")
	}
	if v := h.Volume; h.Node.DataVolume != "" && !v.Detached {
		fact("ebs", "%s /dev/nvme1n1 %d %d %s", host.VolumeLink(h.Node.DataVolume), v.Bytes, v.FSBytes, v.Filesystem)
		if v.Mounted {
			fact("mount", "/dev/nvme1n1 /var/lib/docker ext4")
		}
	}
	for name, version := range h.Installed {
		fact("package", "%s %s", name, version)
		if name == "docker.io" || name == "docker-ce" {
			fact("docker_cli", "/usr/bin/docker")
		}
	}
	for _, name := range h.Held {
		fact("held", "%s", name)
	}
	if h.Foreign {
		fact("docker_cli", "/usr/local/bin/docker")
	}
	if h.Broken {
		fact("docker_cli", "/usr/bin/docker")
		fact("unfinished", "docker.io")
	}
	if h.Lists > 0 {
		fact("package_lists", "%d", h.Lists)
	}
	fact("docker_unit", "%s %s", map[bool]string{true: "active", false: "inactive"}[h.Active], map[bool]string{true: "enabled"}[h.Enabled])
	if h.Active && h.loaded != h.Files["/etc/docker/daemon.json"] {
		fact("docker_outdated", "yes")
	}
	fact("end", "facts")
	return b.String()
}
