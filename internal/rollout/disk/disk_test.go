package disk

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/rollout/rollouttest"
)

var node = cluster.Node{Name: "linux-1", InstanceID: "i-1", PrivateIP: "172.31.0.4", DataVolume: "vol-0abc"}

// ensure runs Ensure on the double, with fresh facts.
func ensure(t *testing.T, fleet *rollouttest.Fleet) ([]string, error) {
	t.Helper()
	h, err := fleet.DialOnce(t.Context(), node)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := host.Gather(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return Ensure(t.Context(), h, facts, node.DataVolume)
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	fleet := rollouttest.New()
	h := fleet.Add(node)
	if _, err := ensure(t, fleet); err != nil {
		t.Fatal(err)
	}
	if h.Volume.Filesystem != "ext4" || !h.Volume.Mounted {
		t.Errorf("the volume is %+v", h.Volume)
	}
	const want = "LABEL=root / ext4 defaults 0 1\n" +
		"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0abc /var/lib/docker ext4 defaults,nofail,x-systemd.device-timeout=30s 0 2\n"
	if diff := cmp.Diff(want, h.Files["/etc/fstab"]); diff != "" {
		t.Error(diff)
	}
	fleet.Forget()
	changes, err := ensure(t, fleet)
	if err != nil || len(changes) != 0 || len(fleet.Writes()) != 0 {
		t.Errorf("a second time: %v, %v, %v", changes, fleet.Writes(), err)
	}
	h.Volume.Bytes = 200 << 30
	changes, err = ensure(t, fleet)
	if err != nil || !slices.Equal(changes, []string{"grew the filesystem of vol-0abc to 200 GiB"}) || h.Volume.FSBytes != 200<<30 {
		t.Errorf("a bigger volume: %v, %v", changes, err)
	}
	h.Volume.Mounted = false // the host was booted, and its fstab was late
	changes, err = ensure(t, fleet)
	if err != nil || !slices.Equal(changes, []string{"mounted vol-0abc at /var/lib/docker"}) {
		t.Errorf("an unmounted volume: %v, %v", changes, err)
	}
}

func TestEnsureRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		spoil func(h *rollouttest.Host)
		kind  errs.Kind
		text  string
	}{
		{"not attached", func(h *rollouttest.Host) { h.Volume.Detached = true }, errs.Unavailable, "vol-0abc is not attached"},
		{"another filesystem", func(h *rollouttest.Host) { h.Volume.Filesystem = "crypto_LUKS" }, errs.Conflict, "holds crypto_LUKS, which is not ours"},
		{"a signature", func(h *rollouttest.Host) { h.Volume.Dirty = "signature: PTTYPE=\"gpt\"" }, errs.Conflict, "is not blank (signature: PTTYPE=\"gpt\")"},
		{"data", func(h *rollouttest.Host) { h.Volume.Dirty = "data at its beginning" }, errs.Conflict, "is not blank (data at its beginning)"},
		{"an engine was first", func(h *rollouttest.Host) { h.Occupied = true }, errs.Conflict, "has written into /var/lib/docker before"},
		{"another disk in fstab", func(h *rollouttest.Host) { h.Files["/etc/fstab"] += "UUID=1 /var/lib/docker xfs defaults 0 0\n" }, errs.Conflict, "/etc/fstab mounts UUID=1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fleet := rollouttest.New()
			h := fleet.Add(node)
			tt.spoil(h)
			before := h.Volume.Filesystem
			_, err := ensure(t, fleet)
			if !errs.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.text) || len(errs.Remedies(err)) == 0 {
				t.Errorf("got %v (%s), advises %q", err, errs.KindOf(err), errs.Remedies(err))
			}
			if h.Volume.Mounted || tt.name != "an engine was first" && tt.name != "another disk in fstab" && h.Volume.Filesystem != before {
				t.Errorf("the volume was touched: %+v", h.Volume)
			}
		})
	}
}

// TestBlankScript runs the script that guards the formatting on files that stand for disks.
func TestBlankScript(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"/usr/sbin/blkid", "/usr/sbin/wipefs", "/usr/sbin/mkfs.ext4"} {
		if _, err := os.Stat(tool); err != nil {
			if _, err := os.Stat(strings.TrimPrefix(tool, "/usr")); err != nil {
				t.Skipf("needs %s: apt-get install util-linux e2fsprogs", tool)
			}
		}
	}
	dir := t.TempDir()
	disk := func(name string, write func(f *os.File) error) string {
		path := filepath.Join(dir, name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(64 << 20); err != nil {
			t.Fatal(err)
		}
		if write != nil {
			if err := write(f); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	at := func(offset int64, content string) func(*os.File) error {
		return func(f *os.File) error {
			_, err := f.WriteAt([]byte(content), offset)
			return err
		}
	}
	ext4 := disk("ext4", nil)
	if out, err := exec.CommandContext(t.Context(), "/usr/sbin/mkfs.ext4", "-q", ext4).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	small := filepath.Join(dir, "small")
	if err := os.WriteFile(small, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		disk("blank", nil):                          "blank",
		ext4:                                        "signature: ",
		disk("partitions", at(510, "\x55\xaa")):     "", // not blank, whatever it is taken for
		disk("lvm", at(512, "LABELONE")):            "",
		disk("data", at(4096, "rows of a table")):   "data at its beginning",
		disk("late", at(1<<20-1, "x")):              "data at its beginning",
		disk("xfs", at(0, "XFSB")):                  "",
		filepath.Join(dir, "there is nothing here"): "cannot be read",
		small: "cannot be read",
	} {
		script := exec.CommandContext(t.Context(), "sh", "-s", "--", path)
		script.Stdin = strings.NewReader(blankScript)
		out, err := script.Output()
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		got := strings.TrimSpace(string(out))
		if !strings.HasPrefix(got, want) || (got == "blank") != (want == "blank") {
			t.Errorf("%s is %q, want %q", filepath.Base(path), got, want)
		}
	}
}

func TestEditFstab(t *testing.T) {
	t.Parallel()
	const link = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol1"
	const ours = link + " /var/lib/docker ext4 defaults,nofail,x-systemd.device-timeout=30s 0 2\n"
	for _, tt := range []struct{ name, old, want string }{
		{"empty", "", ours},
		{"no newline at the end", "LABEL=root / ext4", "LABEL=root / ext4\n" + ours},
		{"already there", "# mine\n" + ours + "tmpfs /tmp tmpfs\n", "# mine\n" + ours + "tmpfs /tmp tmpfs\n"},
		{"old options", link + " /var/lib/docker ext4 defaults 0 0\n", ours},
		{"twice", ours + ours, ours},
		{"a comment", "# /dev/sdb /var/lib/docker\n", "# /dev/sdb /var/lib/docker\n" + ours},
	} {
		got, err := editFstab(tt.old, link, "ext4")
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", tt.name, err, diff)
		}
	}
}
