package strictyaml

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

func (d *decoder) scalar(n ast.Node, path string, v reflect.Value, tag reflect.StructTag) {
	wrong := func() { d.fault(position(n), path, "must be %s, not %s", form(v.Type()), describe(n)) }
	switch v.Kind() {
	case reflect.String:
		s, ok := text(n)
		if !ok {
			wrong()
			return
		}
		if d.accepts(n, path, s, tag) {
			v.SetString(s)
		}
	case reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok {
			wrong()
			return
		}
		v.SetBool(b.Value)
	case reflect.Int:
		i, ok := number(n)
		if !ok {
			wrong()
			return
		}
		if d.inRange(n, path, i, tag) {
			v.SetInt(i)
		}
	}
}

// accepts checks a string against the tags enum and pattern.
func (d *decoder) accepts(n ast.Node, path, s string, tag reflect.StructTag) bool {
	if message, later := d.later[path+"="+s]; later {
		d.fault(position(n), path, "%s", message)
		return false
	}
	if enum, ok := tag.Lookup("enum"); ok {
		values := strings.Split(enum, "|")
		if !slices.Contains(values, s) {
			d.fault(position(n), path, "unknown value %q%s", s, suggestion(s, values))
			return false
		}
	}
	if pattern, ok := tag.Lookup("pattern"); ok && !regexp.MustCompile(pattern).MatchString(s) {
		d.fault(position(n), path, "%q does not fit: it must be %s", s, tag.Get("form"))
		return false
	}
	return true
}

// inRange checks a number against the tags min and max.
func (d *decoder) inRange(n ast.Node, path string, i int64, tag reflect.StructTag) bool {
	low, high := limit(tag, "min", math.MinInt64), limit(tag, "max", math.MaxInt64)
	switch {
	case i < low:
		d.fault(position(n), path, "%d is too small; the least is %d", i, low)
	case i > high:
		d.fault(position(n), path, "%d is too large; the most is %d", i, high)
	default:
		return true
	}
	return false
}

func limit(tag reflect.StructTag, name string, otherwise int64) int64 {
	s, ok := tag.Lookup(name)
	if !ok {
		return otherwise
	}
	i, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("strictyaml: the tag %s:%q is not a number", name, s))
	}
	return i
}

func text(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

func number(n ast.Node) (int64, bool) {
	i, ok := n.(*ast.IntegerNode)
	if !ok {
		return 0, false
	}
	switch v := i.Value.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(min(v, math.MaxInt64)), true
	}
	return 0, false
}

// fits reports whether the node has the form that v is written in.
func fits(n ast.Node, v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Int:
		_, ok := number(n)
		return ok
	case reflect.String:
		_, ok := text(n)
		return ok
	case reflect.Slice:
		return n.Type() == ast.SequenceType
	default:
		return false
	}
}

// form says in words how a value of the type is written.
func form(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.String {
			return "a list of texts"
		}
		return "a list"
	default:
		return "a mapping"
	}
}

// describe says in words what the node is.
func describe(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		s, _ := text(n)
		return fmt.Sprintf("the text %q", shorten(s))
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + shorten(n.GetToken().Value)
	case *ast.BoolNode:
		return fmt.Sprintf("the truth value %t (text needs quotes)", n.Value)
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	default:
		return "what is written"
	}
}

func shorten(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}
