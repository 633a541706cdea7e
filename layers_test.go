package slipway_test

import (
	"path"
	"slices"
	"strings"
	"testing"
)

// layers are the units of the project from the bottom up; docs/architecture.md draws them. A unit is a folder below
// internal, with all that is in it, or one of cmd and e2e. It may import units of lower layers, and itself: so services
// never import one another.
var layers = [][]string{
	{"errs", "secret"},
	{"run", "obs"}, // base: these four import the standard library only
	{"cluster"},
	{"host", "awsapi"},                  // domain
	{"provision", "rollout", "sandbox"}, // services
	{"app"},
	{"cli"},
	{"cmd"},
}

// baseUnits import nothing but the standard library and one another.
var baseUnits = []string{"errs", "secret", "run", "obs"}

// confined names modules that only some units may import, so that each stays replaceable.
var confined = map[string][]string{
	"github.com/aws/":                {"awsapi", "provision", "app"},
	"github.com/moby/":               {"rollout"},
	"golang.org/x/crypto/ssh":        {"host", "app", "sandbox"},
	"github.com/goccy/go-yaml":       {"cluster"},
	"github.com/spf13/":              {"cli"},
	"github.com/vishvananda/netlink": {"sandbox"},
	"github.com/vishvananda/netns":   {"sandbox"},
}

// unitOf returns the unit of a folder of this module.
func unitOf(dir string) string {
	if rest, ok := strings.CutPrefix(dir, "internal/"); ok {
		unit, _, _ := strings.Cut(rest, "/")
		return unit
	}
	unit, _, _ := strings.Cut(dir, "/")
	return unit
}

func layerOf(unit string) int {
	return slices.IndexFunc(layers, func(units []string) bool { return slices.Contains(units, unit) })
}

// forTests reports whether a folder is there for tests only: testkit, and packages such as machinetest.
func forTests(dir string) bool {
	return strings.HasPrefix(dir, "internal/testkit") || strings.HasSuffix(path.Base(dir), "test")
}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	for _, f := range sourceFiles(t) {
		unit := unitOf(f.dir())
		if unit == "." || unit == "e2e" || unit == "testkit" {
			continue // they look at the project from outside
		}
		if layerOf(unit) < 0 {
			t.Errorf("%s: the unit %s has no layer: give it one in layers_test.go", f.path, unit)
			continue
		}
		for _, imported := range f.imports(t) {
			dir, ours := strings.CutPrefix(imported, module+"/")
			other := unitOf(dir)
			switch {
			case !ours || other == unit:
			case forTests(dir):
				if !f.test && !forTests(f.dir()) {
					t.Errorf("%s imports %s, which is there for tests only", f.path, dir)
				}
			case layerOf(other) >= layerOf(unit):
				t.Errorf("%s imports %s, which is not in a lower layer: declare a small interface here and let internal/app join the two", f.path, dir)
			}
		}
	}
}

func TestBaseImportsStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	for _, f := range sourceFiles(t) {
		if f.test || !slices.Contains(baseUnits, unitOf(f.dir())) {
			continue
		}
		for _, imported := range f.imports(t) {
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") && !strings.HasPrefix(imported, module+"/") {
				t.Errorf("%s imports %s; the base layer has the standard library only", f.path, imported)
			}
		}
	}
}

func TestModulesAreConfined(t *testing.T) {
	t.Parallel()
	for _, f := range sourceFiles(t) {
		if f.test || forTests(f.dir()) {
			continue
		}
		for _, imported := range f.imports(t) {
			for prefix, units := range confined {
				if strings.HasPrefix(imported, prefix) && !slices.Contains(units, unitOf(f.dir())) {
					t.Errorf("%s imports %s, which only %s may", f.path, imported, strings.Join(units, ", "))
				}
			}
		}
	}
}

func TestProductHasNoTestCode(t *testing.T) {
	t.Parallel()
	for _, f := range sourceFiles(t) {
		if f.test || forTests(f.dir()) {
			continue
		}
		for _, imported := range f.imports(t) {
			if imported == "testing" || strings.HasPrefix(imported, "testing/") || strings.HasSuffix(imported, "/httptest") {
				t.Errorf("%s imports %s, which does not belong into the product", f.path, imported)
			}
		}
	}
}
