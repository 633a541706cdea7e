//go:build linux

package hosts

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
)

func TestOnlyBlankVolumesAreFormatted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		at    int64
		bytes string
		blank bool
		kind  errs.Kind // of the refusal
	}{
		"blank":            {bytes: "", blank: true},
		"ext4":             {at: 1024 + 0x38, bytes: "\x53\xef"},
		"XFS":              {bytes: "XFSB", kind: errs.Conflict},
		"partition table":  {at: 510, bytes: "\x55\xaa", kind: errs.Conflict},
		"mkfs interrupted": {at: 4096, bytes: "\x01\x02", blank: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "volume")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, 1<<20); err != nil {
				t.Fatal(err)
			}
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if _, err := file.WriteAt([]byte(tt.bytes), tt.at); err != nil {
				t.Fatal(err)
			}
			blank, err := isBlank(path)
			if blank != tt.blank || (err != nil) != (tt.kind != 0) || err != nil && !errs.Is(err, tt.kind) {
				t.Errorf("isBlank = %t, %v; want %t, kind %v", blank, err, tt.blank, tt.kind)
			}
		})
	}
}

func TestDiskTakesThePlaceOfWhatIsLeftOfAnother(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("device nodes need root")
	}
	dev := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dev, "disk/by-id"), 0o755); err != nil {
		t.Fatal(err)
	}
	old := disk{Index: 1, Volume: "vol-1", Rdev: unix.Mkdev(7, 4001)}
	moved := disk{Index: 2, Volume: "vol-1", Rdev: unix.Mkdev(7, 4002)}
	other := disk{Index: 1, Volume: "vol-2", Rdev: unix.Mkdev(7, 4003)}
	for _, d := range []disk{old, moved, other} {
		if err := addDisk(dev, d); err != nil {
			t.Fatal(err)
		}
		var stat unix.Stat_t
		if err := unix.Stat(filepath.Join(dev, d.link()), &stat); err != nil {
			t.Fatal(err)
		}
		if stat.Rdev != d.Rdev {
			t.Errorf("disk of %s is device %x, want %x", d.Volume, stat.Rdev, d.Rdev)
		}
	}
}
