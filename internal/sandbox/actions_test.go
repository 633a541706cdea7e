package sandbox_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/netip"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-project/slipway/internal/sandbox"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
	"github.com/slipway-project/slipway/internal/testkit/golden"
)

// TestEveryActionIsTested finds, for each action of each service, the tests of the sandbox that call it, through helpers
// too, and writes the table down. An action without a test is a fault.
func TestEveryActionIsTested(t *testing.T) {
	t.Parallel()
	values, err := settings.New(settings.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	services := sandbox.Services(sandbox.Deps{Store: state.InMemory(), Settings: values, PublicRange: netip.MustParsePrefix("198.18.0.0/16")})
	callers := map[string][]string{} // tests by the input that they make: ec2.CreateVpcInput
	for _, dir := range testedDirectories(t) {
		for test, names := range callsOf(t, dir) {
			for name := range names {
				callers[name] = append(callers[name], filepath.Base(dir)+"."+test)
			}
		}
	}
	var b strings.Builder
	b.WriteString(`<!-- Written by internal/sandbox/actions_test.go; go test ./internal/sandbox -update writes it anew. -->
# Actions of the sandbox

What the sandbox's cloud can do, and which tests of internal/sandbox call each action through the AWS SDK (by package and
name). Whatever is not listed is refused with AWS's own error for an unknown action, and so is every parameter and filter
that an action does not read.
`)
	for _, service := range services {
		fmt.Fprintf(&b, "\n## %s (%s)\n\n| Action | Changes something | Tests |\n|---|---|---|\n", service.Name, service.Version)
		for _, name := range service.Names() {
			tests := callers[sdkPackage(service.Name)+"."+name+"Input"]
			if len(tests) == 0 {
				t.Errorf("no test calls %s:%s", service.Name, name)
			}
			mutates := ""
			if service.Actions[name].Mutates {
				mutates = "yes"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, mutates, list(tests, service.Name))
		}
	}
	golden.Check(t, "../../docs/reference/sandbox-actions.md", b.String())
}

// sdkPackage is the name of the SDK's package for a service.
func sdkPackage(service string) string {
	if service == "elasticloadbalancing" {
		return "elasticloadbalancingv2"
	}
	return service
}

// mostTests is how many tests the table names for an action; some are called by nearly all.
const mostTests = 3

// list names tests of an action: those of its service's own package if there are any, which others do not change.
func list(tests []string, service string) string {
	if service == "elasticloadbalancing" {
		service = "elbv2"
	}
	var own []string
	for _, test := range tests {
		if strings.HasPrefix(test, service+".") {
			own = append(own, test)
		}
	}
	if len(own) == 0 {
		own = tests
	}
	slices.Sort(own)
	own = slices.Compact(own)
	if len(own) > mostTests {
		own = append(own[:mostTests:mostTests], "...")
	}
	return strings.Join(own, ", ")
}

// testedDirectories returns every directory of the sandbox, and the in-process cloud's, that has tests.
func testedDirectories(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for _, root := range []string{".", "../testkit/cloud"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if strings.HasSuffix(path, "_test.go") {
				found[filepath.Dir(path)] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// callsOf returns what each test of a directory names, directly or through other functions of the directory's tests: plain
// names, and those of other packages as ec2.CreateVpcInput, with the package's own name whatever the file calls it.
func callsOf(t *testing.T, dir string) map[string]map[string]bool {
	t.Helper()
	direct := map[string]map[string]bool{} // names, by the function that uses them
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		packages := importsOf(file)
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Body != nil {
				if direct[f.Name.Name] == nil {
					direct[f.Name.Name] = map[string]bool{}
				}
				noteNames(f.Body, packages, direct[f.Name.Name])
			}
		}
	}
	tests := map[string]map[string]bool{}
	for name := range direct {
		if strings.HasPrefix(name, "Test") && name != "TestMain" {
			tests[name] = map[string]bool{}
			follow(direct, name, tests[name])
		}
	}
	return tests
}

// importsOf returns the last part of each import's path by the name that the file has for it.
func importsOf(file *ast.File) map[string]string {
	packages := map[string]string{}
	for _, spec := range file.Imports {
		base := path.Base(strings.Trim(spec.Path.Value, `"`))
		name := base
		if spec.Name != nil {
			name = spec.Name.Name
		}
		packages[name] = base
	}
	return packages
}

// noteNames notes every name in a body: functions and methods, and what it takes from other packages.
func noteNames(body ast.Node, packages map[string]string, into map[string]bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && packages[x.Name] != "" {
				into[packages[x.Name]+"."+n.Sel.Name] = true
			}
			into[n.Sel.Name] = true
		case *ast.Ident:
			into[n.Name] = true
		}
		return true
	})
}

func follow(direct map[string]map[string]bool, name string, into map[string]bool) {
	for used := range direct[name] {
		if !into[used] {
			into[used] = true
			follow(direct, used, into)
		}
	}
}
