//go:build linux

package cgroups

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxLine bounds a line of the mount table: those of overlays name every layer.
const maxLine = 1 << 20

// Hierarchy is one mounted tree of control groups.
type Hierarchy struct {
	Mount   string `json:"mount"`   // where the machine mounts it: /sys/fs/cgroup/cpu,cpuacct
	Options string `json:"options"` // what mounts it once more: cpu,cpuacct or none,name=systemd; empty for version 2
	V2      bool   `json:"v2"`
}

// Controls reports whether the hierarchy is of version 1 and has the controller.
func (h Hierarchy) Controls(controller string) bool {
	return !h.V2 && slices.Contains(strings.Split(h.Options, ","), controller)
}

// Parse reads the hierarchies out of /proc/self/mountinfo, each once, in the order of mounting.
func Parse(mountinfo io.Reader) ([]Hierarchy, error) {
	var all []Hierarchy
	seen := map[string]bool{}
	lines := bufio.NewScanner(mountinfo)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 6 || len(tail) < 3 {
			continue
		}
		h := Hierarchy{Mount: fields[4]}
		switch tail[0] {
		case "cgroup2":
			h.V2 = true
		case "cgroup":
			h.Options = controllers(tail[2])
		default:
			continue
		}
		if key := fmt.Sprint(h.V2, h.Options); !seen[key] {
			seen[key] = true
			all = append(all, h)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read mount table: %w", err)
	}
	return all, nil
}

// controllers keeps of a superblock's options those that name the hierarchy.
func controllers(options string) string {
	var kept []string
	named := false
	for option := range strings.SplitSeq(options, ",") {
		switch {
		case strings.HasPrefix(option, "name="):
			named = true
			kept = append(kept, option)
		case slices.Contains([]string{"rw", "ro", "xattr", "clone_children", "cpuset_v2_mode", "noprefix"}, option),
			strings.Contains(option, "="):
		default:
			kept = append(kept, option)
		}
	}
	if named && len(kept) == 1 {
		kept = append([]string{"none"}, kept...)
	}
	return strings.Join(kept, ",")
}
