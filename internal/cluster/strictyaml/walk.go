package strictyaml

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Key returns the key of a struct field and whether a document must have it; "" for a field that is not decoded.
func Key(f reflect.StructField) (key string, required bool) {
	name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "" || name == "-" || !f.IsExported() {
		return "", false
	}
	return name, options != "omitempty"
}

func (d *decoder) document(body ast.Node, into any) {
	d.value(body, "", reflect.ValueOf(into).Elem(), "")
}

// value decodes the node into v; tag is the struct tag of the field that holds v.
func (d *decoder) value(n ast.Node, path string, v reflect.Value, tag reflect.StructTag) {
	at := position(n)
	if path != "" {
		d.result.positions[path] = at
	}
	if message := refused(n); message != "" {
		d.fault(at, path, "%s", message)
		return
	}
	if u, ok := v.Addr().Interface().(Union); ok {
		d.union(n, path, u, tag)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		before := len(d.result.Faults)
		d.value(n, path, fresh.Elem(), tag)
		if len(d.result.Faults) == before {
			v.Set(fresh)
		}
	case reflect.Struct:
		d.mapping(n, path, v)
	case reflect.Slice:
		d.sequence(n, path, v, tag)
	case reflect.String, reflect.Bool, reflect.Int:
		d.scalar(n, path, v, tag)
	default:
		panic(fmt.Sprintf("strictyaml: %s has the type %s, which no document can fill", path, v.Type()))
	}
}

// refused says why no value may be written as the node is.
func refused(n ast.Node) string {
	switch n.(type) {
	case *ast.NullNode:
		return "has no value"
	case *ast.AnchorNode, *ast.AliasNode:
		return "anchors (&) and aliases (*) are not read: write the value out"
	case *ast.TagNode:
		return "YAML tags (!) are not read: write the plain value"
	}
	return ""
}

func (d *decoder) union(n ast.Node, path string, u Union, tag reflect.StructTag) {
	var forms []string
	for _, variant := range u.Variants() {
		v := reflect.ValueOf(variant).Elem()
		if fits(n, v) {
			d.value(n, path, v, tag)
			return
		}
		forms = append(forms, form(v.Type()))
	}
	d.fault(position(n), path, "must be %s, not %s", strings.Join(forms, " or "), describe(n))
}

func (d *decoder) sequence(n ast.Node, path string, v reflect.Value, tag reflect.StructTag) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.fault(position(n), path, "must be %s, not %s", form(v.Type()), describe(n))
		return
	}
	list := reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values))
	for i, item := range seq.Values {
		d.value(item, fmt.Sprintf("%s[%d]", path, i), list.Index(i), tag)
	}
	v.Set(list)
}

func (d *decoder) mapping(n ast.Node, path string, v reflect.Value) {
	var entries []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	default:
		d.fault(position(n), path, "must be %s, not %s", form(v.Type()), describe(n))
		return
	}
	first := map[string]Position{}
	for _, entry := range entries {
		d.entry(entry, path, v, first)
	}
	d.missing(n, path, v.Type(), first)
}

// entry decodes one key with its value into the struct v; first holds where each key of the mapping first stood.
func (d *decoder) entry(entry *ast.MappingValueNode, path string, v reflect.Value, first map[string]Position) {
	at := position(entry.Key)
	key, ok := plainKey(entry.Key)
	if !ok {
		d.fault(at, path, "the key %s is not read: a key is plain text", shorten(entry.Key.String()))
		return
	}
	inner := join(path, key)
	if before, twice := first[key]; twice {
		d.fault(at, inner, "is given twice; the first is on line %d", before.Line)
		return
	}
	first[key] = at
	field, known := fieldOf(v.Type(), key)
	switch message, later := d.later[inner]; {
	case later:
		d.fault(at, inner, "%s", message)
	case !known:
		d.fault(at, inner, "unknown key%s", suggestion(key, keysOf(v.Type())))
	default:
		d.value(entry.Value, inner, v.FieldByIndex(field.Index), field.Tag)
	}
}

func (d *decoder) missing(n ast.Node, path string, t reflect.Type, given map[string]Position) {
	for i := range t.NumField() {
		key, required := Key(t.Field(i))
		if _, ok := given[key]; required && !ok {
			d.fault(position(n), join(path, key), "is required")
		}
	}
}

func plainKey(n ast.MapKeyNode) (string, bool) {
	switch k := n.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.IntegerNode, *ast.BoolNode, *ast.FloatNode, *ast.NullNode:
		return k.GetToken().Value, true
	}
	return "", false
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if k, _ := Key(t.Field(i)); k == key && k != "" {
			return t.Field(i), true
		}
	}
	return reflect.StructField{}, false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if k, _ := Key(t.Field(i)); k != "" {
			keys = append(keys, k)
		}
	}
	return keys
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
