//go:build linux

package cgroups

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestParseKnowsEveryLayout(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mountinfo string
		want      []Hierarchy
	}{
		"version 2": {
			mountinfo: "25 20 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			want:      []Hierarchy{{Mount: "/sys/fs/cgroup", V2: true}},
		},
		"hybrid": {
			mountinfo: "24 20 0:21 / /sys/fs/cgroup ro - tmpfs tmpfs rw\n" +
				"25 24 0:22 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n" +
				"26 24 0:23 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n" +
				"27 24 0:24 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
				"28 24 0:25 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset,clone_children\n",
			want: []Hierarchy{
				{Mount: "/sys/fs/cgroup/unified", V2: true},
				{Mount: "/sys/fs/cgroup/systemd", Options: "none,name=systemd"},
				{Mount: "/sys/fs/cgroup/cpu,cpuacct", Options: "cpu,cpuacct"},
				{Mount: "/sys/fs/cgroup/cpuset", Options: "cpuset"},
			},
		},
		"mounted twice": {
			mountinfo: "1 0 0:1 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n2 0 0:1 / /elsewhere rw - cgroup cgroup rw,pids\n",
			want:      []Hierarchy{{Mount: "/sys/fs/cgroup/pids", Options: "pids"}},
		},
		"beside an overlay of many layers": {
			mountinfo: "30 20 0:30 / /merged rw - overlay overlay rw,lowerdir=" + strings.Repeat("/layer", 1<<14) + "\n" +
				"25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
			want: []Hierarchy{{Mount: "/sys/fs/cgroup", V2: true}},
		},
		"none": {mountinfo: "24 20 0:21 / / rw - ext4 /dev/vda rw\nnonsense\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(strings.NewReader(tt.mountinfo))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v -want +got:\n%s", err, diff)
			}
		})
	}
}

// TestTreeOnVersion2 shows what is written where, on plain files: the kernel at hand may not have version 2.
func TestTreeOnVersion2(t *testing.T) {
	t.Parallel()
	mount := t.TempDir()
	top := filepath.Join(mount, "slipway-s")
	// Directories of the kernel come with their files.
	if err := os.MkdirAll(filepath.Join(top, "i-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"cgroup.controllers": "cpu memory pids\n", "i-1/memory.max": "max\n"} {
		if err := os.WriteFile(filepath.Join(top, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tree := New("s", []Hierarchy{{Mount: mount, V2: true}})
	if err := tree.Make("i-1", 1<<30); err != nil {
		t.Fatal(err)
	}
	if err := tree.Enter("i-1"); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"cgroup.subtree_control": "+pids", "i-1/memory.max": "1073741824", "i-1/cgroup.procs": "0"} {
		if got, err := os.ReadFile(filepath.Join(top, name)); err != nil || string(got) != want {
			t.Errorf("%s = %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(top, "i-1/cgroup.subtree_control")); err == nil {
		t.Error("controllers are handed on by a host's own group, which is its init's to do")
	}
	found, err := Sandboxes(tree.Hierarchies())
	if diff := cmp.Diff(map[string]bool{"s": true}, found); diff != "" || err != nil {
		t.Errorf("%v -want +got:\n%s", err, diff)
	}
}

func TestTreeOnThisMachine(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("making control groups needs root")
	}
	// A sandbox that starts meanwhile would sweep a group without processes: its lock keeps it waiting.
	lock, err := os.Open("/sys/fs/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	hierarchies, err := Machine()
	if err != nil || len(hierarchies) == 0 {
		t.Skipf("no control groups are mounted here: %v", err)
	}
	id := fmt.Sprintf("unit-%d", os.Getpid())
	tree := New(id, hierarchies)
	for range 2 {
		if err := tree.Make("i-1", 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	// What systemd makes below is removed along.
	if err := os.Mkdir(filepath.Join(hierarchies[0].Mount, "slipway-"+id, "i-1", "init.scope"), 0o755); err != nil {
		t.Fatal(err)
	}
	found, err := Sandboxes(hierarchies)
	if lives, known := found[id]; err != nil || !known || lives {
		t.Errorf("sandboxes: %v, %v; want %s, without processes", found, err, id)
	}
	for range 2 {
		if err := tree.RemoveAll(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := Sandboxes(hierarchies); err != nil || len(found) > 0 && found[id] {
		t.Errorf("after the removal: %v, %v", found, err)
	}
}
