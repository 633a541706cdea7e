package awswire

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Params is a tree of request parameters, the same for every protocol: BlockDeviceMapping.1.Ebs.VolumeSize=8 of a
// query and {"Names": ["a"]} of JSON are both read by name. It remembers what was read, so that the rest can be refused,
// and it collects faults instead of returning them: a decoder reads everything first, and the dispatcher refuses the
// call before anything is done if there was a fault.
type Params struct {
	path     string
	value    string
	leaf     bool // has a value of its own
	used     bool
	children map[string]*Params
	faults   *[]fault // shared by the tree
}

type faultKind uint8

const (
	faultMissing faultKind = iota
	faultInvalid
)

type fault struct {
	kind    faultKind
	code    string // overrides the dialect's code if not empty
	message string
}

// String returns the parameter's value, "" if it is absent.
func (p *Params) String(name string) string { return p.child(name).Value() }

// Required returns the parameter's value; its absence is a fault.
func (p *Params) Required(name string) string {
	c := p.child(name)
	if c.Value() == "" {
		p.missing(name)
	}
	return c.Value()
}

// Has reports whether the caller sent the parameter, or anything below it. It does not count as reading it.
func (p *Params) Has(name string) bool {
	c, ok := p.children[name]
	return ok && (c.leaf || len(c.children) > 0)
}

// Int returns the parameter as a whole number, def if it is absent.
func (p *Params) Int(name string, def int) int {
	c := p.child(name)
	if !c.leaf {
		return def
	}
	n, err := strconv.Atoi(c.Value())
	if err != nil {
		p.Invalid("Invalid value '%s' for %s. It must be an integer.", c.value, p.Path(name))
		return def
	}
	return n
}

// IntBetween is Int for a parameter that must be in [low, high].
func (p *Params) IntBetween(name string, def, low, high int) int {
	n := p.Int(name, def)
	if p.Has(name) && (n < low || n > high) {
		p.Invalid("Value ( %d ) for parameter %s is invalid. Expecting a value between %d and %d.", n, p.Path(name), low, high)
		return def
	}
	return n
}

// Bool returns the parameter as a truth value, def if it is absent.
func (p *Params) Bool(name string, def bool) bool {
	c := p.child(name)
	if !c.leaf {
		return def
	}
	switch strings.ToLower(c.Value()) {
	case "true":
		return true
	case "false":
		return false
	}
	p.Invalid("Invalid value '%s' for %s. It must be true or false.", c.value, p.Path(name))
	return def
}

// Time returns the parameter as a time, zero if it is absent.
func (p *Params) Time(name string) time.Time {
	c := p.child(name)
	if !c.leaf {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, c.Value())
	if err != nil {
		p.Invalid("Invalid value '%s' for %s. It must be a time.", c.value, p.Path(name))
	}
	return t
}

// OneOf returns the parameter's value, def if it is absent; a value that is not in the list is a fault.
func (p *Params) OneOf(name, def string, allowed ...string) string {
	v := p.String(name)
	if v == "" {
		return def
	}
	if !slices.Contains(allowed, v) {
		p.Invalid("Value ( %s ) for parameter %s is invalid. Valid values are: %s.", v, p.Path(name), strings.Join(allowed, ", "))
		return def
	}
	return v
}

// Strings returns the parameter as a list of values: Name.1, Name.2 or Name.member.1.
func (p *Params) Strings(name string) []string {
	var all []string
	for _, item := range p.List(name) {
		all = append(all, item.Value())
	}
	return all
}

// List returns the items of a list parameter in the order of their numbers.
func (p *Params) List(name string) []*Params {
	c := p.child(name)
	c.used = true // an empty list is sent as Name=
	if m, ok := c.children["member"]; ok {
		c = m
		c.used = true
	}
	type item struct {
		n int
		p *Params
	}
	items := make([]item, 0, len(c.children))
	for key, sub := range c.children {
		if n, err := strconv.Atoi(key); err == nil && n >= 0 {
			items = append(items, item{n, sub})
		}
	}
	slices.SortFunc(items, func(a, b item) int { return a.n - b.n })
	list := make([]*Params, len(items))
	for i := range items {
		list[i] = items[i].p
	}
	return list
}

// Sub returns the parameters below name; of an absent one, an empty tree.
func (p *Params) Sub(name string) *Params { return p.child(name) }

// Value returns the node's own value, as of an item of a list of strings.
func (p *Params) Value() string {
	p.used = true
	return p.value
}

// Path returns the full name of a parameter below p, as the caller wrote it.
func (p *Params) Path(name string) string {
	switch {
	case p.path == "":
		return name
	case name == "":
		return p.path
	default:
		return p.path + "." + name
	}
}

// Invalid records that a parameter has a wrong value; the call is refused with the dialect's code for that.
func (p *Params) Invalid(format string, args ...any) { p.fault(faultInvalid, "", format, args...) }

// Refuse records a fault with an AWS error code of the caller's choice, such as InvalidParameterCombination.
func (p *Params) Refuse(code, format string, args ...any) {
	p.fault(faultInvalid, code, format, args...)
}

func (p *Params) missing(name string) {
	p.fault(faultMissing, "", "The request must contain the parameter %s", p.Path(name))
}

func (p *Params) fault(kind faultKind, code, format string, args ...any) {
	*p.faults = append(*p.faults, fault{kind: kind, code: code, message: fmt.Sprintf(format, args...)})
}

// child returns the node, or an empty one that belongs to no tree but shares the faults.
func (p *Params) child(name string) *Params {
	if c, ok := p.children[name]; ok {
		return c
	}
	return &Params{path: p.Path(name), faults: p.faults}
}

// unused returns the paths of the values that nobody read, sorted.
func (p *Params) unused() []string {
	var all []string
	if p.leaf && !p.used {
		all = append(all, p.path)
	}
	for _, key := range slices.Sorted(maps.Keys(p.children)) {
		all = append(all, p.children[key].unused()...)
	}
	return all
}

// check returns the first fault as an error of the dialect: what is unknown first, since it is most likely a
// misspelling of what is missing.
func (p *Params) check(d *Dialect) error {
	if names := p.unused(); len(names) > 0 {
		return Errorf(d.UnknownParameter, 400, "The parameter %s is not recognized", strings.Join(names, ", "))
	}
	if len(*p.faults) == 0 {
		return nil
	}
	first := slices.MinFunc(*p.faults, func(a, b fault) int { return int(a.kind) - int(b.kind) })
	code := first.code
	if code == "" {
		code = d.InvalidParameter
		if first.kind == faultMissing {
			code = d.MissingParameter
		}
	}
	return Errorf(code, 400, "%s", first.message)
}
