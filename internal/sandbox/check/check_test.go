package check

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// good is a machine that has everything.
var (
	goodFiles = map[string]string{
		"proc/filesystems": "nodev\tproc\n\text4\nnodev\toverlay\n", "dev/loop-control": "", "dev/net/tun": "",
		"proc/self/mounts":             "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n",
		"proc/sys/net/ipv4/ip_forward": "0\n", "proc/sys/fs/inotify/max_user_instances": "1024\n", "proc/net/ip_vs": "",
		"proc/self/ns/cgroup": "", "proc/self/ns/ipc": "", "proc/self/ns/mnt": "", "proc/self/ns/net": "", "proc/self/ns/pid": "", "proc/self/ns/uts": "",
	}
	goodSystem = system{OS: "linux", MemoryMiB: 8000, DiskMiB: 80 << 10, DiskPath: "/var/lib"}
)

func TestGoodMachineHasNoFault(t *testing.T) {
	t.Parallel()
	for _, f := range examine(machineOf(t, nil), goodSystem) {
		if !f.OK || f.Remedy != "" || f.Detail == "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestEachMissingFeatureIsNamedWithItsRemedy(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files  map[string]string // over the good ones; "-" removes one
		system func(*system)
		tool   string // that is missing
		level  Level
		remedy string
	}{
		"Linux":             {system: func(s *system) { s.OS = "darwin" }, level: LevelError, remedy: "virtual machine"},
		"root":              {system: func(s *system) { s.UID = 1000 }, level: LevelError, remedy: "sudo"},
		"namespaces":        {files: map[string]string{"proc/self/ns/cgroup": "-"}, level: LevelError, remedy: "kernel"},
		"overlayfs":         {files: map[string]string{"proc/filesystems": "\text4\n"}, level: LevelError, remedy: "modprobe overlay"},
		"ext4":              {files: map[string]string{"proc/filesystems": "nodev\toverlay\n"}, level: LevelError, remedy: "modprobe ext4"},
		"loop devices":      {files: map[string]string{"dev/loop-control": "-"}, level: LevelError, remedy: "modprobe loop"},
		"tun devices":       {files: map[string]string{"dev/net/tun": "-"}, level: LevelError, remedy: "modprobe tun"},
		"control groups":    {files: map[string]string{"proc/self/mounts": "cgroup2 /sys/fs/cgroup cgroup2 ro 0 0\n"}, level: LevelError, remedy: "privileged"},
		"/proc/sys":         {files: map[string]string{"proc/sys/net/ipv4/ip_forward": "-"}, level: LevelError, remedy: "Mount /proc"},
		"mmdebstrap":        {tool: "mmdebstrap", level: LevelError, remedy: "apt-get install mmdebstrap"},
		"slirp4netns":       {tool: "slirp4netns", level: LevelError, remedy: "apt-get install slirp4netns"},
		"nft":               {tool: "nft", level: LevelError, remedy: "apt-get install nftables"},
		"mkfs.ext4":         {tool: "mkfs.ext4", level: LevelError, remedy: "apt-get install e2fsprogs"},
		"resize2fs":         {tool: "resize2fs", level: LevelError, remedy: "apt-get install e2fsprogs"},
		"memory":            {system: func(s *system) { s.MemoryMiB = 100 }, level: LevelNotice, remedy: "Free some"},
		"disk":              {system: func(s *system) { s.DiskMiB = 100 }, level: LevelNotice, remedy: "--state-dir"},
		"inotify instances": {files: map[string]string{"proc/sys/fs/inotify/max_user_instances": "16\n"}, level: LevelNotice, remedy: "max_user_instances"},
		"IPVS":              {files: map[string]string{"proc/net/ip_vs": "-"}, level: LevelNotice, remedy: "dnsrr"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s := machineOf(t, tt.files), goodSystem
			if tt.system != nil {
				tt.system(&s)
			}
			if tt.tool != "" {
				f.look = func(program string) (string, error) {
					if program == tt.tool {
						return "", errors.New("not found")
					}
					return "/usr/bin/" + program, nil
				}
			}
			var missing []string
			for _, found := range examine(f, s) {
				if found.OK {
					continue
				}
				missing = append(missing, found.Name)
				if found.Level != tt.level || !strings.Contains(found.Remedy, tt.remedy) {
					t.Errorf("%+v, want level %s and a remedy with %q", found, tt.level, tt.remedy)
				}
			}
			if len(missing) != 1 || missing[0] != name {
				t.Errorf("missing: %v, want only %s", missing, name)
			}
		})
	}
}

func TestModuleThatCanBeLoadedIsEnough(t *testing.T) {
	t.Parallel()
	f := machineOf(t, map[string]string{
		"proc/filesystems": "\text4\n", "proc/sys/kernel/osrelease": "6.1.0-1-amd64\n",
		"lib/modules/6.1.0-1-amd64/modules.dep": "kernel/fs/overlayfs/overlay.ko.xz:\n",
	})
	if found := f.filesystem("overlayfs", "overlay", "x"); !found.OK {
		t.Errorf("%+v", found)
	}
}

func TestInotifyInstancesOfOtherProgramsCount(t *testing.T) {
	t.Parallel()
	f := machineOf(t, map[string]string{
		"proc/sys/fs/inotify/max_user_instances": "128\n",
		"proc/7/status":                          "Name:\ta\nUid:\t0\t0\t0\t0\n",
		"proc/8/status":                          "Name:\tb\nUid:\t1000\t0\t0\t0\n",
		"proc/9/status":                          "Name:\tc\nUid:\t0\t0\t0\t0\n",
		"proc/9/cgroup":                          "0::/slipway-main/i-1/init.scope\n",
	})
	for _, process := range []string{"7", "8", "9"} {
		dir := f.path(filepath.Join("proc", process, "fd"))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			if err := os.Symlink("anon_inode:inotify", filepath.Join(dir, strconv.Itoa(i))); err != nil {
				t.Fatal(err)
			}
		}
	}
	found := f.inotify()
	if found.OK || !strings.Contains(found.Detail, "other programs take 40, is enough for about 7 hosts") ||
		!strings.Contains(found.Remedy, "sysctl fs.inotify.max_user_instances=") {
		t.Errorf("%+v, want that 40 of 128 are taken", found)
	}
}

func TestMachineLooksAtTheRealOne(t *testing.T) {
	t.Parallel()
	if found := Machine(t.Context()); len(found) < 10 || found[0].Name != "Linux" {
		t.Errorf("findings: %+v", found)
	}
}

// machineOf makes up a machine's files: the good ones with changes.
func machineOf(t *testing.T, changes map[string]string) facts {
	t.Helper()
	files := map[string]string{}
	for name, text := range goodFiles {
		files[name] = text
	}
	for name, text := range changes {
		files[name] = text
	}
	root := t.TempDir()
	for name, text := range files {
		if text == "-" {
			continue
		}
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return facts{root: root, look: func(program string) (string, error) { return "/usr/bin/" + program, nil }}
}
