//go:build linux

package cgroups

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// prefix begins the name of every sandbox's directory in every hierarchy.
const prefix = "slipway-"

// removal is how long a group may stay busy after its last process ended.
const removal = 5 * time.Second

// Tree is the groups of one sandbox.
type Tree struct {
	sandbox     string
	hierarchies []Hierarchy
}

// Name returns the name of a sandbox's directory in every hierarchy.
func Name(sandbox string) string { return prefix + sandbox }

// Machine returns the hierarchies that are mounted on this machine.
func Machine() ([]Hierarchy, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("open mount table: %w", err)
	}
	defer file.Close()
	return Parse(file)
}

// New returns the groups of the sandbox; nothing is made yet.
func New(sandbox string, hierarchies []Hierarchy) Tree {
	return Tree{sandbox: sandbox, hierarchies: hierarchies}
}

// Hierarchies returns what the tree stands on.
func (t Tree) Hierarchies() []Hierarchy { return t.hierarchies }

// Make makes the member's group in every hierarchy. With memory above 0, that many bytes are the most it may use.
func (t Tree) Make(member string, memory int64) error {
	for _, h := range t.hierarchies {
		top := filepath.Join(h.Mount, prefix+t.sandbox)
		for _, dir := range []string{top, filepath.Join(top, member)} {
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("make control group %s: %w", dir, err)
			}
			if err := inherit(h, dir); err != nil {
				return err
			}
		}
		if err := limitMemory(h, filepath.Join(top, member), memory); err != nil {
			return err
		}
	}
	return nil
}

// Enter moves the calling process into the member's groups.
func (t Tree) Enter(member string) error {
	for _, h := range t.hierarchies {
		if err := write(filepath.Join(h.Mount, prefix+t.sandbox, member, "cgroup.procs"), "0"); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes the member's groups and all below them, and waits a little for processes that are still ending.
func (t Tree) Remove(ctx context.Context, member string) error {
	return t.remove(ctx, filepath.Join(prefix+t.sandbox, member))
}

// RemoveAll removes all groups of the sandbox.
func (t Tree) RemoveAll(ctx context.Context) error { return t.remove(ctx, prefix+t.sandbox) }

func (t Tree) remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, removal)
	defer cancel()
	var all []error
	for _, h := range t.hierarchies {
		all = append(all, removeTree(ctx, filepath.Join(h.Mount, name)))
	}
	return errors.Join(all...)
}

// Sandboxes lists the sandboxes that have groups on this machine, with whether a process lives in any of them.
func Sandboxes(hierarchies []Hierarchy) (map[string]bool, error) {
	found := map[string]bool{}
	for _, h := range hierarchies {
		dirs, err := filepath.Glob(filepath.Join(h.Mount, prefix+"*"))
		if err != nil {
			return nil, fmt.Errorf("list control groups: %w", err)
		}
		for _, dir := range dirs {
			id := strings.TrimPrefix(filepath.Base(dir), prefix)
			found[id] = found[id] || populated(dir)
		}
	}
	return found, nil
}

// populated reports whether a process is in the group or below it. Directories that vanish meanwhile do not count.
func populated(dir string) bool {
	found := false
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return nil //nolint:nilerr // what vanished holds no process
		}
		if procs, err := os.ReadFile(filepath.Join(path, "cgroup.procs")); err == nil && len(procs) > 0 {
			found = true
			return filepath.SkipAll
		}
		return nil
	})
	return found
}

// inherit gives a new group what it needs before a process may enter: version 1's cpuset starts empty, and in version 2
// a parent hands its controllers down by name.
func inherit(h Hierarchy, dir string) error {
	if h.Controls("cpuset") {
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := copyIfEmpty(filepath.Join(filepath.Dir(dir), file), filepath.Join(dir, file)); err != nil {
				return err
			}
		}
	}
	if h.V2 && strings.HasPrefix(filepath.Base(dir), prefix) {
		names, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
		if err != nil {
			return fmt.Errorf("read controllers of %s: %w", dir, err)
		}
		for name := range strings.FieldsSeq(string(names)) {
			if err := write(filepath.Join(dir, "cgroup.subtree_control"), "+"+name); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyIfEmpty(from, to string) error {
	if have, err := os.ReadFile(to); err != nil || len(strings.TrimSpace(string(have))) > 0 {
		return err
	}
	value, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	return write(to, strings.TrimSpace(string(value)))
}

func limitMemory(h Hierarchy, dir string, memory int64) error {
	file := "memory.limit_in_bytes"
	if h.V2 {
		file = "memory.max"
	}
	path := filepath.Join(dir, file)
	if _, err := os.Stat(path); err != nil || memory <= 0 {
		return nil //nolint:nilerr // a hierarchy without the memory controller limits nothing
	}
	return write(path, strconv.FormatInt(memory, 10))
}

// removeTree removes the group and all below it, deepest first, and tries again while the kernel calls one busy.
func removeTree(ctx context.Context, top string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := removeOnce(top)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove control group %s: %w", top, err)
		case <-tick.C:
		}
	}
}

func removeOnce(top string) error {
	var dirs []string
	_ = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		if err := os.Remove(dirs[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func write(path, value string) error {
	if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
		return fmt.Errorf("write control group: %w", err)
	}
	return nil
}
