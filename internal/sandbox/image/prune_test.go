package image

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPruneRemovesOnlyOldImagesOfTheName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{
		"debian-12-0000000000000001", "debian-12-0000000000000002", "debian-12-arm-0000000000000003", "debian-13-0000000000000004",
	} {
		if err := os.MkdirAll(filepath.Join(dir, name, "etc"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := prune(dir, "debian-12", "debian-12-0000000000000002"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	want := []string{"debian-12-0000000000000002", "debian-12-arm-0000000000000003", "debian-13-0000000000000004"}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}
