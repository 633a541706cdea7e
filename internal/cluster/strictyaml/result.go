package strictyaml

import (
	"cmp"
	"slices"
	"strings"
)

// Result is what Decode found: the faults, in the order of the document, and where each field stands.
type Result struct {
	Faults    []Fault
	positions map[string]Position
	readable  bool
}

// At returns where the value of the path stands; of a field that the document leaves out, where the nearest field
// around it stands.
func (r *Result) At(path string) Position {
	for {
		if p, ok := r.positions[path]; ok {
			return p
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return Position{1, 1}
		}
		path = path[:cut]
	}
}

// Readable reports whether the document could be read at all, so that its fields are worth a look.
func (r *Result) Readable() bool { return r.readable }

// Set reports whether the document gives the path a value, right or wrong.
func (r *Result) Set(path string) bool {
	_, ok := r.positions[path]
	return ok
}

// Faulty reports whether there is a fault at the path or anywhere below it, or in something that holds it.
func (r *Result) Faulty(path string) bool {
	return slices.ContainsFunc(r.Faults, func(f Fault) bool {
		return f.Path != "" && (within(f.Path, path) || within(path, f.Path))
	})
}

// within reports whether path is outer or a part of it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func (r *Result) sort() {
	slices.SortStableFunc(r.Faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
