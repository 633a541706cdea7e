package cluster

import (
	"fmt"
	"strings"

	"github.com/slipway-project/slipway/internal/cluster/strictyaml"
	"github.com/slipway-project/slipway/internal/errs"
)

// Finding is one thing that is wrong, or doubtful, with a document.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`   // from 1; 0 where the document does not come from a file
	Column  int    `json:"column"` // from 1
	Field   string `json:"field"`  // path, as in workers[1].root.size; empty for the document as a whole
	Message string `json:"message"`
	Rule    string `json:"rule,omitempty"` // the requirement it breaks, as in INFRA-2; empty for one without a tag
}

// String returns the finding on one line: "cluster.yaml:7:12: managers.count: 4 is even; ... (INFRA-3)".
func (f Finding) String() string {
	var b strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&b, "%s:%d:%d: ", f.File, f.Line, f.Column)
	}
	if f.Field != "" {
		b.WriteString(f.Field + ": ")
	}
	b.WriteString(f.Message)
	if f.Rule != "" {
		fmt.Fprintf(&b, " (%s)", f.Rule)
	}
	return b.String()
}

// Warnings are findings that stop nothing.
type Warnings []Finding

// Faults are findings that make a document unusable. As an error they are of the kind errs.Invalid and print one line
// each; errors.As gives them back for printing as data.
type Faults []Finding

// Error returns the faults, one a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, finding := range f {
		lines[i] = finding.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each fault as an error of its own.
func (f Faults) Unwrap() []error {
	all := make([]error, len(f))
	for i, finding := range f {
		all[i] = errs.New(errs.Invalid, finding.String())
	}
	return all
}

// err returns f as an error, and nil where there are no faults.
func (f Faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// source is the file that a document came from.
type source struct {
	file    string
	decoded *strictyaml.Result
}

// finding places a message at the field of the path.
func (s source) finding(path, rule, message string) Finding {
	f := Finding{File: s.file, Field: path, Message: message, Rule: rule}
	if s.decoded != nil {
		at := s.decoded.At(path)
		f.Line, f.Column = at.Line, at.Column
	}
	return f
}

// broken reports whether the field of the path has a fault of form already, so that rules need not judge it.
func (s source) broken(path string) bool { return s.decoded != nil && s.decoded.Faulty(path) }
