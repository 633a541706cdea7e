// Package slipway_test keeps the project's own rules: which package may import which, how large things may grow, what
// every package must say. Each rule is a test, so that a change of a rule is a line in a review.
package slipway_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// module is the path of this module; imports of our own begin with it.
const module = "github.com/slipway-project/slipway"

// sourceFile is one Go file of the project.
type sourceFile struct {
	path      string // relative to the root, with slashes
	lines     int
	test      bool // _test.go
	generated bool
	syntax    *ast.File
}

// dir returns the folder of the file's package.
func (f sourceFile) dir() string { return path.Dir(f.path) }

// imports returns the paths that the file imports.
func (f sourceFile) imports(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, spec := range f.syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, p)
	}
	return paths
}

// sourceFiles returns every Go file of the module. The files are parsed once.
func sourceFiles(t *testing.T) []sourceFile {
	t.Helper()
	files, err := parseTree()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var parseTree = sync.OnceValues(func() ([]sourceFile, error) {
	var files []sourceFile
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			// Folders with a go.mod of their own, hidden ones and testdata are not part of the module.
			_, inner := os.Stat(filepath.Join(name, "go.mod"))
			if name != "." && (inner == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, sourceFile{
			path: filepath.ToSlash(name), lines: strings.Count(string(text), "\n"),
			test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(syntax), syntax: syntax,
		})
		return nil
	})
	return files, err
})
