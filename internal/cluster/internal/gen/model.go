package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/cluster/strictyaml"
)

// node is one value of the document: the document itself, a field, or the items of a list.
type node struct {
	key      string // the key that holds it; empty for the document and for items
	doc      string
	required bool
	kind     reflect.Kind // of the value: Struct, Slice, String, Int, Bool; Interface for one of several variants
	typeName string       // of a struct
	typeDoc  string
	enum     []string
	pattern  string
	form     string // the pattern in words
	min, max *int
	def      any     // default, where there is one that holds for every provider but the sandbox
	fields   []*node // of a struct
	item     *node   // of a slice
	variants []*node
}

// leastDocument is a document that leaves out everything that has a default.
const leastDocument = "version: v1\nname: least\ncloud: {provider: aws}\nmanagers: {}\nworkers: [{name: w, count: 1}]\n"

// model builds the tree of everything that a document may hold.
func model(src *source) (*node, error) {
	defaults, _, err := cluster.Load("least.yaml", []byte(leastDocument))
	if err != nil {
		return nil, fmt.Errorf("load the document of defaults: %w", err)
	}
	b := builder{src: src}
	return b.node(reflect.ValueOf(defaults).Elem(), ""), nil
}

type builder struct{ src *source }

// node describes the value v, which holds its default.
func (b builder) node(v reflect.Value, tag reflect.StructTag) *node {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	n := &node{kind: v.Kind(), pattern: tag.Get("pattern"), form: tag.Get("form")}
	if u, ok := v.Addr().Interface().(strictyaml.Union); ok {
		n.kind = reflect.Interface
		for _, variant := range u.Variants() {
			inner := b.node(reflect.ValueOf(variant).Elem(), tag)
			if inner.def != nil {
				n.def, inner.def = inner.def, nil
			}
			n.variants = append(n.variants, inner)
		}
		return n
	}
	switch v.Kind() {
	case reflect.Struct:
		b.structNode(n, v)
	case reflect.Slice:
		element := reflect.New(v.Type().Elem()).Elem()
		if v.Len() > 0 {
			element = v.Index(0)
		}
		n.item = b.node(element, tag)
		n.pattern = ""
	case reflect.String:
		if enum := tag.Get("enum"); enum != "" {
			n.enum = strings.Split(enum, "|")
		}
		if v.String() != "" {
			n.def = v.String()
		}
	case reflect.Int:
		n.pattern = ""
		n.min, n.max = bound(tag.Get("min")), bound(tag.Get("max"))
		if v.Int() != 0 {
			n.def = v.Int()
		}
	case reflect.Bool:
		n.def = v.Bool()
	}
	return n
}

func (b builder) structNode(n *node, v reflect.Value) {
	t := v.Type()
	n.typeName, n.typeDoc = t.Name(), b.src.types[t.Name()]
	for i := range t.NumField() {
		key, required := strictyaml.Key(t.Field(i))
		if key == "" {
			continue
		}
		field := b.node(v.Field(i), t.Field(i).Tag)
		field.key, field.required, field.doc = key, required, b.src.fields[t.Name()+"."+t.Field(i).Name]
		if required {
			field.def = nil
		}
		n.fields = append(n.fields, field)
	}
}

func bound(s string) *int {
	if i, err := strconv.Atoi(s); err == nil {
		return &i
	}
	return nil
}
