package awswire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

func newParams() *Params { return &Params{faults: new([]fault)} }

// ParseQuery reads the form of an EC2 or AWS query request; Action and Version are not part of the tree.
func ParseQuery(form url.Values) *Params {
	root := newParams()
	for key, values := range form {
		if key == "Action" || key == "Version" || len(values) == 0 {
			continue
		}
		root.set(strings.Split(key, "."), values[0])
	}
	return root
}

// ParseJSON reads the body of a JSON 1.1 request. Arrays become lists that count from 1; null is absence.
func ParseJSON(body []byte) (*Params, error) {
	root := newParams()
	if len(bytes.TrimSpace(body)) == 0 {
		return root, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var object map[string]any
	if err := decoder.Decode(&object); err != nil {
		return nil, fmt.Errorf("decode request body: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decode request body: more than one value")
	}
	root.graft(nil, object)
	return root, nil
}

// graft adds a decoded JSON value below path.
func (p *Params) graft(path []string, value any) {
	switch v := value.(type) {
	case map[string]any:
		p.touch(path)
		for key, sub := range v {
			p.graft(append(slices.Clone(path), key), sub)
		}
	case []any:
		p.touch(path)
		for i, sub := range v {
			p.graft(append(slices.Clone(path), strconv.Itoa(i+1)), sub)
		}
	case nil:
	case string:
		p.set(path, v)
	default: // bool and json.Number
		p.set(path, fmt.Sprint(v))
	}
}

// set stores a leaf, making the nodes on its way.
func (p *Params) set(path []string, value string) {
	node := p.touch(path)
	node.value, node.leaf = value, true
}

func (p *Params) touch(path []string) *Params {
	node := p
	for _, key := range path {
		next, ok := node.children[key]
		if !ok {
			next = &Params{path: node.Path(key), faults: p.faults}
			if node.children == nil {
				node.children = map[string]*Params{}
			}
			node.children[key] = next
		}
		node = next
	}
	return node
}

// fingerprint is a digest of everything that the caller asked for, except the named top-level parameters. Two requests
// with the same fingerprint ask for the same thing, whatever the order of their parameters.
func (p *Params) fingerprint(except ...string) string {
	sum := sha256.New()
	var walk func(*Params)
	walk = func(n *Params) {
		if n.leaf {
			fmt.Fprintf(sum, "%q=%q\n", n.path, n.value)
		}
		for _, key := range slices.Sorted(maps.Keys(n.children)) {
			if n == p && slices.Contains(except, key) {
				continue
			}
			walk(n.children[key])
		}
	}
	walk(p)
	return hex.EncodeToString(sum.Sum(nil))
}
