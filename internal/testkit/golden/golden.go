// Package golden compares what a test got with a file of the repository, and rewrites the file when the test runs with
// -update. Golden files are small and readable; where one holds more than a page, an assertion is better.
//
// Only tests import it. It is safe for parallel tests that use different files.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files with what the tests got") //nolint:gochecknoglobals // flags of tests are global

// Check fails the test when got differs from the content of the file at path, which is relative to the test's package.
func Check(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run the test with -update to write it)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; run the test with -update if this is right (-want +got):\n%s", path, diff)
	}
}
