package ec2

import (
	"cmp"
	"encoding/xml"
	"slices"
	"strconv"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
)

// row is an object within its scope, as filters and renderers see it.
type row[T any] struct {
	*scope
	it *T
}

// listing describes a describe action: T is the object in the store, X how the answer shows it.
type listing[T, X any] struct {
	action string // DescribeVpcs
	set    string // vpcSet
	ids    string // VpcId; empty for an action that takes none
	kind   kind
	all    func(*scope) []*T // in the order of key
	key    func(*T) string
	tags   func(row[T]) map[string]string // nil for objects without tags
	fields map[string]func(row[T]) []string
	render func(row[T]) X
	// names is a second parameter that names objects, KeyName, and name what it is compared with; empty for none.
	names string
	name  func(*T) string
	// narrow reads parameters of the action's own and returns what objects they leave; nil for none.
	narrow func(*awswire.Params) func(row[T]) bool
}

// query is the input of a describe action.
type query[T any] struct {
	IDs     []string
	Names   []string
	Filters []awswire.Filter
	Page    awswire.Page
	Narrow  func(row[T]) bool
}

// on returns the listing's action.
func (l listing[T, X]) on(a *api) awswire.Action {
	return op[query[T]]{name: l.action, decode: l.decode, handle: l.describe}.read(a)
}

// describe answers the query.
func (l listing[T, X]) describe(s *scope, q query[T]) (any, error) {
	rows, next, err := l.find(s, q)
	if err != nil {
		return nil, err
	}
	r := results[X]{set: l.set, next: next}
	for _, row := range rows {
		r.items = append(r.items, l.render(row))
	}
	return r, nil
}

func (l listing[T, X]) decode(p *awswire.Params) query[T] {
	q := query[T]{Filters: p.Filters(), Page: p.Page(1, 1000)}
	if l.ids != "" {
		q.IDs = p.Strings(l.ids)
	}
	if l.names != "" {
		q.Names = p.Strings(l.names)
	}
	if l.narrow != nil {
		q.Narrow = l.narrow(p)
	}
	if len(q.IDs) > 0 && q.Page.Max > 0 {
		p.Refuse("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", l.ids)
	}
	return q
}

// find returns the objects that the query asks for, and the token of the next page.
func (l listing[T, X]) find(s *scope, q query[T]) ([]row[T], string, error) {
	rows := make([]row[T], 0, 16)
	ids, names := map[string]bool{}, map[string]bool{}
	for _, it := range l.all(s) {
		r := row[T]{s, it}
		ids[l.key(it)] = true
		chosen := len(q.IDs) == 0 || slices.Contains(q.IDs, l.key(it))
		if l.name != nil {
			names[l.name(it)] = true
			chosen = chosen && (len(q.Names) == 0 || slices.Contains(q.Names, l.name(it)))
		}
		if chosen && (q.Narrow == nil || q.Narrow(r)) {
			rows = append(rows, r)
		}
	}
	if err := cmp.Or(l.missing(q.IDs, ids), l.missing(q.Names, names)); err != nil {
		return nil, "", err
	}
	rows, err := awswire.FilterSet[row[T]]{Fields: l.fields, Tags: l.tags}.Select(rows, q.Filters)
	if err != nil {
		return nil, "", err
	}
	return awswire.Cut(rows, q.Page, func(r row[T]) string { return l.key(r.it) }, awswire.DialectOf(awswire.EC2Query))
}

// missing refuses the first of the wanted that is not known.
func (l listing[T, X]) missing(wanted []string, known map[string]bool) error {
	for _, w := range wanted {
		if !known[w] {
			return l.kind.notFound(w)
		}
	}
	return nil
}

// results is the answer of a describe action.
type results[X any] struct {
	set   string
	items []X
	next  string
}

// MarshalXML writes <set><item>..</item></set><nextToken>..</nextToken>.
func (r results[X]) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	set, item, next := element(r.set), element("item"), element("nextToken")
	if err := cmp.Or(e.EncodeToken(start), e.EncodeToken(set)); err != nil {
		return err
	}
	for _, x := range r.items {
		if err := e.EncodeElement(x, item); err != nil {
			return err
		}
	}
	if err := e.EncodeToken(set.End()); err != nil {
		return err
	}
	if r.next != "" {
		if err := e.EncodeElement(r.next, next); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

func element(name string) xml.StartElement { return xml.StartElement{Name: xml.Name{Local: name}} }

// text makes a filter field of a function with one value.
func text[T any](f func(row[T]) string) func(row[T]) []string {
	return func(r row[T]) []string { return []string{f(r)} }
}

// truth makes a filter field of a condition: true or false.
func truth[T any](f func(row[T]) bool) func(row[T]) []string {
	return func(r row[T]) []string { return []string{strconv.FormatBool(f(r))} }
}
