// Package check finds out whether this machine can run the sandbox, and says for each feature that is missing what to do
// about it.
//
// It only looks: it changes nothing. It may be used by anybody, without root too, and by several callers at once.
package check

import (
	"context"
	"os/exec"
)

// Level says how bad it is that a feature is missing.
type Level string

// The levels.
const (
	LevelError  Level = "error"  // the sandbox cannot run
	LevelNotice Level = "notice" // it runs, with the limits that Detail names
)

// Finding is one feature of the machine.
type Finding struct {
	Name   string `json:"name"` // overlayfs
	OK     bool   `json:"ok"`
	Level  Level  `json:"level"`            // how bad it is when not OK
	Detail string `json:"detail"`           // what was found
	Remedy string `json:"remedy,omitempty"` // what to do when not OK
}

// Machine looks at every feature that the sandbox needs, in a fixed order.
func Machine(_ context.Context) []Finding {
	return examine(facts{root: "/", look: exec.LookPath}, platform())
}

// tools are the programs that the sandbox runs, with their packages in Debian.
var tools = []struct{ name, packet, use string }{ //nolint:gochecknoglobals // a constant table
	{"mmdebstrap", "mmdebstrap", "makes the hosts' root file system"},
	{"slirp4netns", "slirp4netns", "lets hosts reach the outside, for packages"},
	{"nft", "nftables", "filters and translates the VPCs' packets"},
	{"mkfs.ext4", "e2fsprogs", "formats root volumes"},
	{"resize2fs", "e2fsprogs", "grows root volumes"},
}

// examine puts the findings together from the machine's files, which a test makes up, and from what only the system
// itself can tell.
func examine(f facts, s system) []Finding {
	all := []Finding{
		linux(s), superuser(s), f.namespaces(),
		f.filesystem("overlayfs", "overlay", "The hosts' root is an overlay of an image."),
		f.filesystem("ext4", "ext4", "The hosts' volumes are formatted with it."),
		f.node("loop devices", "dev/loop-control", "modprobe loop", "Volumes are loop devices."),
		f.node("tun devices", "dev/net/tun", "modprobe tun", "Hosts reach the outside through one."),
		f.cgroups(), f.sysctl(),
	}
	for _, t := range tools {
		all = append(all, f.tool(t.name, t.packet, t.use))
	}
	return append(all, memory(s), disk(s), f.inotify(), f.ipvs())
}
