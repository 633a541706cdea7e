package image

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/errs"
)

func TestEnsureMakesAnImageThatHostsCanShare(t *testing.T) {
	t.Parallel()
	needBootstrap(t)
	path, err := Ensure(t.Context(), Config{Logger: slog.New(slog.DiscardHandler)}, Debian12)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Path(Config{}, Debian12)
	if err != nil || again != path {
		t.Fatalf("Path = %q, %v; want %q", again, err, path)
	}
	for _, name := range []string{"sbin/init", "usr/sbin/sshd", "usr/bin/sudo", "usr/bin/curl", "usr/lib/slipway/first-boot", "sbin/mkfs.ext4"} {
		if _, err := os.Stat(filepath.Join(path, name)); err != nil {
			t.Errorf("image lacks %s", name)
		}
	}
	// What identifies a host must not be the same in all of them.
	if keys, _ := filepath.Glob(filepath.Join(path, "etc/ssh/ssh_host_*")); len(keys) > 0 {
		t.Errorf("image holds host keys: %v", keys)
	}
	if id, err := os.ReadFile(filepath.Join(path, "etc/machine-id")); err != nil || len(id) > 0 {
		t.Errorf("machine-id = %q, %v; want it empty", id, err)
	}
	shadow, err := os.ReadFile(filepath.Join(path, "etc/shadow"))
	if err != nil || !strings.Contains(string(shadow), "\nadmin:!:") {
		t.Errorf("admin's password is not locked in:\n%s", shadow)
	}
}

func needBootstrap(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making an image needs root")
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		t.Skip("mmdebstrap is not installed")
	}
}

func TestEnsureLeavesNothingHalfMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// What a killed run left is no image, and is cleared away.
	half := filepath.Join(dir, ".making-"+Debian12+"-0")
	if err := os.MkdirAll(half, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Ensure(ctx, Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)}, Debian12); err == nil {
		t.Fatal("Ensure of a cancelled context made an image")
	}
	entries, err := filepath.Glob(filepath.Join(dir, "*"+Debian12+"*"))
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("%s is still there", half)
	}
}

func TestUnknownImageIsNotFound(t *testing.T) {
	t.Parallel()
	_, err := Ensure(t.Context(), Config{Dir: t.TempDir()}, "debian-1")
	if !errs.Is(err, errs.NotFound) || !strings.Contains(err.Error(), Debian12) {
		t.Errorf("err = %v, want NotFound that names %s", err, Debian12)
	}
}

func TestKeyChangesWithTheRecipe(t *testing.T) {
	t.Parallel()
	r := recipes()[Debian12]
	first, err := r.key(Debian12)
	if err != nil {
		t.Fatal(err)
	}
	r.Packages = append(r.Packages, "vim")
	second, err := r.key(Debian12)
	if err != nil || first == second {
		t.Errorf("keys %q and %q, %v: want two", first, second, err)
	}
}

func TestMachineSources(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"lines": {
			files: map[string]string{"sources.list": "# x\ndeb http://m/debian bookworm main contrib\ndeb-src http://m/debian bookworm main\n" +
				"deb http://m/debian bookworm-updates main\ndeb http://m/debian bookworm-backports main\n"},
			want: "deb http://m/debian bookworm main\ndeb http://m/debian bookworm-updates main\n",
		},
		"stanzas": {
			files: map[string]string{"sources.list.d/debian.sources": "Types: deb deb-src\n# c\nURIs: http://m/debian/\nSuites: bookworm bookworm-updates\nComponents: main\n\n" +
				"Types: deb\nURIs: http://m/debian-security\nSuites: bookworm-security\nComponents: main\n"},
			want: "deb http://m/debian/ bookworm main\ndeb http://m/debian/ bookworm-updates main\ndeb http://m/debian-security bookworm-security main\n",
		},
		"others' archives are left out": {
			files: map[string]string{
				"sources.list": "deb http://m/debian bookworm main\n", "sources.list.d/docker.list": "deb https://d/linux/debian bookworm stable\n",
				"sources.list.d/x.list": "deb [signed-by=/x.gpg] https://x/apt bookworm main\ndeb https://y/apt bookworm main\n",
			},
			want: "deb http://m/debian bookworm main\n",
		},
		"another release": {files: map[string]string{"sources.list": "deb http://m/debian trixie main\n"}},
		"only updates":    {files: map[string]string{"sources.list": "deb http://m/debian bookworm-updates main\n"}},
		"none":            {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for path, text := range tt.files {
				path = filepath.Join(dir, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := machineSources(dir, "bookworm")
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("err = %v, -want +got:\n%s", err, diff)
			}
		})
	}
}
