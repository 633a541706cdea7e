package slipway_test

import (
	"go/ast"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Size alarms. What is larger should be split, not excused.
const (
	mostFileLines    = 600
	mostPackageLines = 4000 // without tests
	mostMethods      = 8    // of an interface
)

func TestSizes(t *testing.T) {
	t.Parallel()
	packages := map[string]int{}
	for _, f := range sourceFiles(t) {
		if f.generated {
			continue
		}
		if f.lines > mostFileLines {
			t.Errorf("%s has %d lines; the most is %d", f.path, f.lines, mostFileLines)
		}
		if !f.test {
			packages[f.dir()] += f.lines
		}
	}
	for dir, lines := range packages {
		if lines > mostPackageLines {
			t.Errorf("the package %s has %d lines; the most is %d", dir, lines, mostPackageLines)
		}
	}
}

func TestInterfacesAreSmall(t *testing.T) {
	t.Parallel()
	for _, f := range sourceFiles(t) {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if i, ok := spec.Type.(*ast.InterfaceType); ok && len(i.Methods.List) > mostMethods {
				t.Errorf("%s: the interface %s has %d methods; the most is %d", f.path, spec.Name.Name, len(i.Methods.List), mostMethods)
			}
			return true
		})
	}
}

func TestNoInit(t *testing.T) {
	t.Parallel()
	for _, f := range sourceFiles(t) {
		for _, decl := range f.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function: let the composition root call what it does", f.path)
			}
		}
	}
}

// TestPackagesAreDocumented wants one package comment in every package, in doc.go where there are several files.
func TestPackagesAreDocumented(t *testing.T) {
	t.Parallel()
	comments, files := map[string][]string{}, map[string]int{}
	for _, f := range sourceFiles(t) {
		if f.test && f.dir() != "." {
			continue
		}
		files[f.dir()]++
		if f.syntax.Doc == nil {
			continue
		}
		text := f.syntax.Doc.Text()
		if name := f.syntax.Name.Name; !strings.HasPrefix(text, "Package "+name+" ") && (name != "main" || !strings.HasPrefix(text, "Command ")) {
			t.Errorf("%s: the package comment does not begin with the package's name", f.path)
		}
		comments[f.dir()] = append(comments[f.dir()], f.path)
	}
	for dir := range files {
		if n := len(comments[dir]); n != 1 {
			t.Errorf("the package %s has %d package comments %v, want 1", dir, n, comments[dir])
		}
	}
}

// TestNoSleepingTests allows time.Sleep where synctest's clock runs, and os.Exit in TestMain; the linter sees to the rest.
func TestNoSleepingTests(t *testing.T) {
	t.Parallel()
	for _, f := range sourceFiles(t) {
		if !f.test {
			continue
		}
		bubble := slices.Contains(f.imports(t), "testing/synctest")
		for _, decl := range f.syntax.Decls {
			fn, isFunc := decl.(*ast.FuncDecl)
			ast.Inspect(decl, func(n ast.Node) bool {
				switch {
				case selects(n, "time", "Sleep") && !bubble:
					t.Errorf("%s sleeps: run the test in testing/synctest, or wait for what it waits for", f.path)
				case selects(n, "os", "Exit") && (!isFunc || fn.Name.Name != "TestMain"):
					t.Errorf("%s calls os.Exit outside TestMain", f.path)
				}
				return true
			})
		}
	}
}

// selects reports whether the node is the name of the package and of something in it, as in time.Sleep.
func selects(n ast.Node, pkg, name string) bool {
	s, ok := n.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg
}

func TestPackageNames(t *testing.T) {
	t.Parallel()
	vague := []string{"util", "utils", "common", "types", "helpers", "helper", "misc", "base", "constants"}
	for _, f := range sourceFiles(t) {
		if name := path.Base(f.dir()); slices.Contains(vague, name) {
			t.Errorf("%s: a package called %s says nothing of what it owns", f.path, name)
		}
	}
}

func TestModuleHasNoReplace(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"go.mod", "tools/go.mod"} {
		if regexp.MustCompile(`(?m)^\s*replace\b`).MatchString(read(t, name)) {
			t.Errorf("%s has a replace directive, which go install does not honour", name)
		}
	}
}

// TestDependenciesAreExplained compares the direct requirements with docs/dependencies.md, both ways.
func TestDependenciesAreExplained(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/dependencies.md")
	required := map[string]bool{}
	for line := range strings.Lines(read(t, "go.mod")) {
		fields := strings.Fields(line)
		if len(fields) == 2 && strings.Contains(fields[0], ".") && strings.HasPrefix(fields[1], "v") {
			required[fields[0]] = true
		}
	}
	if len(required) == 0 {
		t.Fatal("go.mod has no direct requirement")
	}
	for module := range required {
		if !strings.Contains(page, "`"+module+"`") {
			t.Errorf("docs/dependencies.md does not say why %s is needed", module)
		}
	}
	for _, match := range regexp.MustCompile("(?m)^\\| `([^`]+/[^`]+)`").FindAllStringSubmatch(page, -1) {
		if !required[match[1]] {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require directly", match[1])
		}
	}
}

func TestLicence(t *testing.T) {
	t.Parallel()
	if text := read(t, "LICENSE"); !strings.Contains(text, "Apache License") || !strings.Contains(text, "Version 2.0, January 2004") {
		t.Error("LICENSE is not the Apache License 2.0")
	}
}

// TestDocumentationLinks follows the relative links of the Markdown files to files of the project.
func TestDocumentationLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	for _, name := range markdownFiles(t) {
		for _, match := range link.FindAllStringSubmatch(read(t, name), -1) {
			target := match[1]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if _, err := os.Stat(path.Join(path.Dir(name), target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, target)
			}
		}
	}
}

// markdownFiles returns the README and every page below docs.
func markdownFiles(t *testing.T) []string {
	t.Helper()
	names := []string{"README.md"}
	folders := []string{"docs"}
	for len(folders) > 0 {
		folder := folders[0]
		folders = folders[1:]
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			switch name := path.Join(folder, e.Name()); {
			case e.IsDir():
				folders = append(folders, name)
			case strings.HasSuffix(name, ".md"):
				names = append(names, name)
			}
		}
	}
	return names
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
