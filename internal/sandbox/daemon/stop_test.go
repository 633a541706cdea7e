package daemon_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-project/slipway/internal/sandbox/daemon"
)

func TestResetRemovesNothingOfOthers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "slipway", "mine [1]")
	if err := os.MkdirAll(filepath.Join(dir, "volumes"), 0o700); err != nil {
		t.Fatal(err)
	}
	letters := filepath.Join(dir, "letters")
	for _, path := range []string{letters, filepath.Join(dir, "account.json"), filepath.Join(dir, ".state-1"), filepath.Join(dir, "volumes/vol-1.img")} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := daemon.RemoveState(dir); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || entries[0].Name() != "letters" {
		t.Errorf("left: %v, %v; want the letters only", entries, err)
	}
	if err := os.Remove(letters); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := daemon.RemoveState(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Dir(dir)); !os.IsNotExist(err) {
		t.Errorf("the empty directories are still there: %v", err)
	}
}
