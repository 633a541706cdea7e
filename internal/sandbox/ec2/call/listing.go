package call

import (
	"cmp"
	"encoding/xml"
	"slices"
	"strconv"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
)

// Row is an object within its scope, as filters and renderers see it.
type Row[T any] struct {
	*Scope
	It *T
}

// Listing describes a describe action: T is the object in the store, X how the answer shows it.
type Listing[T, X any] struct {
	Action string // DescribeVpcs
	Set    string // vpcSet
	IDs    string // VpcId; empty for an action that takes none
	Kind   Kind
	All    func(*Scope) []*T // in the order of key
	Key    func(*T) string
	Tags   func(Row[T]) map[string]string // nil for objects without tags
	Fields Fields[T]
	Render func(Row[T]) X
	// Names is a second parameter that names objects, KeyName, and Name what it is compared with; empty for none.
	Names string
	Name  func(*T) string
	// Narrow reads parameters of the action's own and returns what objects they leave; nil for none.
	Narrow func(*awswire.Params) func(Row[T]) bool
}

// Fields are what objects can be filtered by: by the filter's name, the values that an object has for it.
type Fields[T any] map[string]func(Row[T]) []string

// Query is the input of a describe action.
type Query[T any] struct {
	IDs     []string
	Names   []string
	Filters []awswire.Filter
	Page    awswire.Page
	Narrow  func(Row[T]) bool
}

// On returns the listing's action.
func (l Listing[T, X]) On(a *API) awswire.Action {
	return Op[Query[T]]{Name: l.Action, Decode: l.Decode, Handle: l.Describe}.Read(a)
}

// Describe answers the query.
func (l Listing[T, X]) Describe(s *Scope, q Query[T]) (any, error) {
	rows, next, err := l.Find(s, q)
	if err != nil {
		return nil, err
	}
	r := Results[X]{Set: l.Set, Next: next}
	for _, row := range rows {
		r.Items = append(r.Items, l.Render(row))
	}
	return r, nil
}

// Decode reads the query.
func (l Listing[T, X]) Decode(p *awswire.Params) Query[T] {
	q := Query[T]{Filters: p.Filters(), Page: p.Page(1, 1000)}
	if l.IDs != "" {
		q.IDs = p.Strings(l.IDs)
	}
	if l.Names != "" {
		q.Names = p.Strings(l.Names)
	}
	if l.Narrow != nil {
		q.Narrow = l.Narrow(p)
	}
	if len(q.IDs) > 0 && q.Page.Max > 0 {
		p.Refuse("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", l.IDs)
	}
	return q
}

// Find returns the objects that the query asks for, and the token of the next page.
func (l Listing[T, X]) Find(s *Scope, q Query[T]) ([]Row[T], string, error) {
	rows := make([]Row[T], 0, 16)
	ids, names := map[string]bool{}, map[string]bool{}
	for _, it := range l.All(s) {
		if s.Now.Before(s.Hidden[l.Key(it)]) {
			continue
		}
		r := Row[T]{s, it}
		ids[l.Key(it)] = true
		chosen := len(q.IDs) == 0 || slices.Contains(q.IDs, l.Key(it))
		if l.Name != nil {
			names[l.Name(it)] = true
			chosen = chosen && (len(q.Names) == 0 || slices.Contains(q.Names, l.Name(it)))
		}
		if chosen && (q.Narrow == nil || q.Narrow(r)) {
			rows = append(rows, r)
		}
	}
	if err := cmp.Or(l.missing(q.IDs, ids), l.missing(q.Names, names)); err != nil {
		return nil, "", err
	}
	rows, err := awswire.FilterSet[Row[T]]{Fields: l.Fields, Tags: l.Tags}.Select(rows, q.Filters)
	if err != nil {
		return nil, "", err
	}
	return awswire.Cut(rows, q.Page, func(r Row[T]) string { return l.Key(r.It) }, awswire.DialectOf(awswire.EC2Query))
}

// missing refuses the first of the wanted that is not known.
func (l Listing[T, X]) missing(wanted []string, known map[string]bool) error {
	for _, w := range wanted {
		if !known[w] {
			return l.Kind.NotFound(w)
		}
	}
	return nil
}

// Results is the answer of a describe action.
type Results[X any] struct {
	Set   string // name of the list
	Items []X
	Next  string // token of the next page; empty on the last
}

// MarshalXML writes <set><item>..</item></set><nextToken>..</nextToken>.
func (r Results[X]) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	set, item, next := Element(r.Set), Element("item"), Element("nextToken")
	if err := cmp.Or(e.EncodeToken(start), e.EncodeToken(set)); err != nil {
		return err
	}
	for _, x := range r.Items {
		if err := e.EncodeElement(x, item); err != nil {
			return err
		}
	}
	if err := e.EncodeToken(set.End()); err != nil {
		return err
	}
	if r.Next != "" {
		if err := e.EncodeElement(r.Next, next); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

// Element returns the start of an element without attributes.
func Element(name string) xml.StartElement { return xml.StartElement{Name: xml.Name{Local: name}} }

// Text makes a filter field of a row's value.
func Text[T any](f func(Row[T]) string) func(Row[T]) []string {
	return func(r Row[T]) []string { return []string{f(r)} }
}

// Of makes a filter field of an object's value.
func Of[T any](f func(*T) string) func(Row[T]) []string {
	return func(r Row[T]) []string { return []string{f(r.It)} }
}

// Is makes a filter field of an object's condition: true or false.
func Is[T any](f func(*T) bool) func(Row[T]) []string {
	return func(r Row[T]) []string { return []string{strconv.FormatBool(f(r.It))} }
}

// Always makes a filter field that has the same value for every object.
func Always[T any](value string) func(Row[T]) []string {
	return func(Row[T]) []string { return []string{value} }
}

// Value is how attributes are shown: <attribute><value>true</value></attribute>.
type Value[T any] struct {
	Value T `xml:"value"`
}
