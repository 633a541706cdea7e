package resource

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The kinds of these tests: a house stands alone, rooms are in it, a lamp vanishes with its room, a door does not.
var kinds = []Kind{{Name: "house"}, {Name: "room"}, {Name: "lamp", With: "room"}, {Name: "door"}, {Name: "attic", Leave: true}}

func house() Task {
	return Task{Key: "house/main", Fields: []Field{{Name: "size", Want: "big", Policy: Refuse, Remedy: "move"}}}
}

func room(colour string) Task {
	return Task{Key: "room/one", Fields: []Field{
		{Name: "house", Ref: "house/main", Policy: Refuse},
		{Name: "colour", Want: colour},
		{Name: "floor", Want: "1", Policy: Replace},
		{Name: "owner", Want: "ann", Policy: WriteOnce},
	}}
}

func lamp() Task {
	return Task{Key: "lamp/one", Closed: true, Fields: []Field{{Name: "room", Ref: "room/one"}, {Name: "bulb-1", Want: "on"}}}
}

func object(key Key, id, parent string, fields map[string]string) Object {
	return Object{Key: key, ID: id, Parent: parent, Fields: fields}
}

var (
	aHouse = object("house/main", "h-1", "", map[string]string{"size": "big"})
	aRoom  = object("room/one", "r-1", "h-1", map[string]string{"house": "h-1", "colour": "red", "floor": "1", "owner": "bob"})
	aLamp  = object("lamp/one", "l-1", "r-1", map[string]string{"room": "r-1", "bulb-1": "on"})
)

func with(o Object, field, value string) Object {
	fields := map[string]string{}
	for k, v := range o.Fields {
		fields[k] = v
	}
	fields[field] = value
	o.Fields = fields
	return o
}

// brief is a step without what the tests do not look at.
type brief struct {
	Action Action
	Key    Key
	ID     string
	Reason string
	Fields []FieldChange
}

func TestDiff(t *testing.T) {
	t.Parallel()
	all := []Task{house(), room("red"), lamp()}
	denied := errors.New("no permission for x:ListRooms")
	later := aRoom
	later.ID, later.Created = "r-0", time.Unix(100, 0)
	stray := object("room/two", "r-9", "h-1", nil)
	tests := map[string]struct {
		tasks []Task
		found Found
		want  []brief
	}{
		"nothing differs": {all, Found{Objects: []Object{aHouse, aRoom, aLamp}}, nil},
		"everything is missing": {all, Found{}, []brief{
			{Create, "house/main", "", "does not exist", []FieldChange{{Name: "size", New: "big"}}},
			{Create, "room/one", "", "does not exist", []FieldChange{{Name: "house", New: AfterApply}, {Name: "colour", New: "red"}, {Name: "floor", New: "1"}, {Name: "owner", New: "ann"}}},
			{Create, "lamp/one", "", "does not exist", []FieldChange{{Name: "room", New: AfterApply}, {Name: "bulb-1", New: "on"}}},
		}},
		"a mutable field": {[]Task{house(), room("blue")}, Found{Objects: []Object{aHouse, aRoom}}, []brief{
			{Update, "room/one", "r-1", "differs", []FieldChange{{Name: "colour", Old: "red", New: "blue"}}},
		}},
		"a create-only field that is refused": {[]Task{house()}, Found{Objects: []Object{with(aHouse, "size", "small")}}, []brief{
			{Refused, "house/main", "h-1", "size is small and cannot become big: move", []FieldChange{{Name: "size", Old: "small", New: "big", Note: "is small and cannot become big: move"}}},
		}},
		"what is made anew takes what vanishes with it": {all, Found{Objects: []Object{aHouse, with(aRoom, "floor", "2"), aLamp}}, []brief{
			{Recast, "room/one", "r-1", "floor cannot be changed in place", []FieldChange{{Name: "floor", Old: "2", New: "1", Note: "cannot be changed in place"}}},
			{Create, "lamp/one", "", "does not exist", []FieldChange{{Name: "room", New: AfterApply}, {Name: "bulb-1", New: "on"}}},
		}},
		"a closed task removes what it does not name": {all, Found{Objects: []Object{aHouse, aRoom, with(aLamp, "bulb-2", "on")}}, []brief{
			{Update, "lamp/one", "l-1", "differs", []FieldChange{{Name: "bulb-2", Old: "on", Note: "not in the document"}}},
		}},
		"an orphan goes, and its lamp needs no step": {[]Task{house()}, Found{Objects: []Object{aHouse, aRoom, aLamp}}, []brief{
			{Delete, "room/one", "r-1", "no longer in the document", nil},
		}},
		"of two houses the one with rooms stays": {all, Found{Objects: []Object{with(aHouse, "x", "y"), {Key: "house/main", ID: "h-0", Fields: aHouse.Fields}, aRoom, aLamp}}, []brief{
			{Delete, "house/main", "h-0", "left by an interrupted run", nil},
		}},
		"of two rooms the one that fits stays": {all, Found{Objects: []Object{aHouse, with(later, "floor", "3"), aRoom, aLamp}}, []brief{
			{Delete, "room/one", "r-0", "left by an interrupted run", nil},
		}},
		"of two equal rooms the older stays": {[]Task{house(), room("red")}, Found{Objects: []Object{aHouse, later, aRoom}}, []brief{
			{Delete, "room/one", "r-0", "left by an interrupted run", nil},
		}},
		"what stays is not in a room that goes": {all, Found{Objects: []Object{aHouse, aRoom, stray, with(aLamp, "x", "y"), object("lamp/one", "l-0", "r-9", aLamp.Fields)}}, []brief{
			{Update, "lamp/one", "l-1", "differs", []FieldChange{{Name: "x", Old: "y", Note: "not in the document"}}},
			{Delete, "room/two", "r-9", "no longer in the document", nil},
		}},
		"nor where it goes by itself": {[]Task{house(), room("red"), {Key: "door/one"}}, Found{Objects: []Object{aHouse, aRoom, stray, object("door/one", "d-0", "r-9", nil), object("door/one", "d-1", "r-1", nil)}}, []brief{
			{Delete, "door/one", "d-0", "left by an interrupted run", nil}, {Delete, "room/two", "r-9", "no longer in the document", nil},
		}},
		"what is left alone is no step": {[]Task{house()}, Found{Objects: []Object{aHouse, {Key: "attic/one", ID: "a-1"}}}, nil},
		"destroy takes everything": {nil, Found{Objects: []Object{aHouse, aRoom, aLamp, {Key: "attic/one", ID: "a-1"}}}, []brief{
			{Delete, "attic/one", "a-1", "", nil}, {Delete, "house/main", "h-1", "", nil}, {Delete, "room/one", "r-1", "", nil},
		}},
		"what could not be read is unknown, never missing": {[]Task{house(), room("red")}, Found{Objects: []Object{aHouse}, Denied: map[string]error{"room": denied, "attic": denied}}, []brief{
			{Unknown, "room/one", "", denied.Error(), nil}, {Unknown, "attic/*", "", denied.Error(), nil},
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []brief
			for _, s := range Diff(test.tasks, kinds, test.found).Steps {
				b := brief{Action: s.Action, Key: s.Key, Reason: s.Reason, Fields: s.Fields}
				if s.Have != nil {
					b.ID = s.Have.ID
				}
				got = append(got, b)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamedMembers(t *testing.T) {
	t.Parallel()
	o := Object{ID: "g", Members: []string{"i-1", "i-2"}}
	got := o.Named(func(id string) string { return map[string]string{"i-1": "manager-1"}[id] })
	if diff := cmp.Diff(map[string]string{"manager-1": "i-1", "i-2": "i-2"}, got.Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTorn: what was found contradicts itself where something is in use that was not found.
func TestTorn(t *testing.T) {
	t.Parallel()
	all := []Task{house(), room("red"), lamp()}
	tests := map[string]struct {
		tasks []Task
		found Found
		want  []string
	}{
		"whole":                       {all, Found{Objects: []Object{aHouse, aRoom, aLamp}}, nil},
		"nothing":                     {all, Found{}, nil},
		"a room without its house":    {all, Found{Objects: []Object{aRoom, aLamp}}, []string{"room one (r-1) is in h-1, which was not found", "room one (r-1) uses h-1, but house main was not found"}},
		"the same, and all must go":   {nil, Found{Objects: []Object{aRoom}}, []string{"room one (r-1) is in h-1, which was not found"}},
		"the house could not be read": {all, Found{Objects: []Object{aRoom, aLamp}, Denied: map[string]error{"house": errors.New("denied")}}, nil},
		"a room that is made anew":    {all, Found{Objects: []Object{aHouse, with(aRoom, "floor", "2"), aLamp}}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Diff(test.tasks, kinds, test.found).Torn); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
