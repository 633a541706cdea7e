package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// source is what only the source text of the package knows.
type source struct {
	types  map[string]string // comment of each type, by its name
	fields map[string]string // comment of each field, by "Type.Field"
	rules  []rule            // the requirements that rules quote, in the order of the source
}

// rule is a requirement with what it asks for.
type rule struct{ tag, meaning string }

func readSource(dir string) (*source, error) {
	src := &source{types: map[string]string{}, fields: map[string]string{}}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("find the source of the package in %s: %w", dir, fs.ErrNotExist)
	}
	set := token.NewFileSet()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", path, err)
		}
		for _, decl := range file.Decls {
			if gen, ok := decl.(*ast.GenDecl); ok {
				src.decl(gen)
			}
		}
	}
	return src, nil
}

func (s *source) decl(gen *ast.GenDecl) {
	for _, spec := range gen.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			s.types[spec.Name.Name] = oneLine(gen.Doc)
			if st, ok := spec.Type.(*ast.StructType); ok {
				s.structType(spec.Name.Name, st)
			}
		case *ast.ValueSpec:
			s.rule(spec)
		}
	}
}

func (s *source) structType(name string, st *ast.StructType) {
	for _, field := range st.Fields.List {
		for _, ident := range field.Names {
			s.fields[name+"."+ident.Name] = oneLine(field.Doc)
		}
	}
}

// rule reads a constant such as ruleZones = "INFRA-2" // meaning.
func (s *source) rule(spec *ast.ValueSpec) {
	if len(spec.Names) != 1 || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "rule") {
		return
	}
	if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
		if tag, err := strconv.Unquote(lit.Value); err == nil {
			s.rules = append(s.rules, rule{tag: tag, meaning: oneLine(spec.Comment)})
		}
	}
}

// oneLine returns the first paragraph of a comment as one line.
func oneLine(group *ast.CommentGroup) string {
	first, _, _ := strings.Cut(group.Text(), "\n\n")
	return strings.Join(strings.Fields(first), " ")
}
