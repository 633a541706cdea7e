package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxSize is the size in bytes above which a document is refused unread. The parser's time grows with the square of the
// number of keys; at this size it is a second.
const MaxSize = 64 << 10

// maxNesting is how many brackets or list dashes may be open at once; the parser recurses, and no struct is as deep.
const maxNesting = 64

// Position is a place in a document; both numbers count from 1.
type Position struct {
	Line, Column int
}

// Fault is one thing that is wrong with a document. Path is the field's, as in workers[1].root.size, and empty where
// the document as a whole is meant.
type Fault struct {
	Position
	Path    string
	Message string
}

// Union is implemented by pointers to types that may be written in several ways. Variants returns pointers to the
// fields of which exactly one is filled: the first whose form fits the value.
type Union interface {
	Variants() []any
}

// Options of Decode.
type Options struct {
	// Later maps the path of a key, or "path=value", to the message that refuses it because it is planned but not
	// there yet. It goes before the faults "unknown key" and "unknown value".
	Later map[string]string
}

// Decode decodes data into the struct that into points to. Fields that the document leaves out, or that have a fault,
// keep the values they had.
func Decode(data []byte, into any, opts Options) *Result {
	d := &decoder{result: &Result{positions: map[string]Position{}}, later: opts.Later}
	if body := d.parse(data); body != nil {
		d.result.readable = true
		d.document(body, into)
	}
	d.result.sort()
	return d.result
}

type decoder struct {
	result *Result
	later  map[string]string
}

// parse returns the body of the only document in data, or nil after a fault that leaves nothing to decode.
func (d *decoder) parse(data []byte) ast.Node {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if at, message := unreadable(data); message != "" {
		d.fault(at, "", "%s", message)
		return nil
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, message := syntax(err)
		d.fault(at, "", "not valid YAML: %s", message)
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.DirectiveType {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) == 0 {
		d.fault(Position{1, 1}, "", "the document is empty")
		return nil
	}
	for _, extra := range bodies[1:] {
		d.fault(position(extra), "", "a second document begins here; a file holds one")
	}
	return bodies[0]
}

// unreadable says where and why data cannot be a document at all, before any parser sees it.
func unreadable(data []byte) (Position, string) {
	start := Position{1, 1}
	if len(data) > MaxSize {
		return start, fmt.Sprintf("the document has more than %d bytes, which are not read", MaxSize)
	}
	line, column, nesting := 1, 1, 0
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		at := Position{line, column}
		switch {
		case r == utf8.RuneError && size == 1:
			return at, "not UTF-8 text"
		case r < ' ' && r != '\n' && r != '\r' && r != '\t':
			return at, fmt.Sprintf("not text: the control character %U", r)
		case r == '[' || r == '{':
			nesting++
		case r == ']' || r == '}':
			nesting = max(0, nesting-1)
		case r == '-' || r == '?':
			// "- - - -" opens a list in a list with each dash; words hold dashes too, but never this many in a line.
			if i+1 < len(data) && (data[i+1] == ' ' || data[i+1] == '\t') && column > maxNesting*8 {
				return at, "lists are nested too deeply"
			}
		}
		if nesting > maxNesting {
			return at, "brackets are nested too deeply"
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		i += size
	}
	return start, ""
}

func syntax(err error) (Position, string) {
	var se *yaml.SyntaxError
	if errors.As(err, &se) && se.Token != nil && se.Token.Position != nil {
		return Position{se.Token.Position.Line, se.Token.Position.Column}, se.Message
	}
	return Position{1, 1}, err.Error()
}

// position returns where the node begins for a reader: a block mapping begins at its first key, not at its colon.
func position(n ast.Node) Position {
	switch n := n.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return position(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return position(n.Key)
	}
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return Position{1, 1}
	}
	return Position{t.Position.Line, t.Position.Column}
}

func (d *decoder) fault(at Position, path, format string, args ...any) {
	d.result.Faults = append(d.result.Faults, Fault{Position: at, Path: path, Message: fmt.Sprintf(format, args...)})
}
