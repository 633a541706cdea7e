package resource

import (
	"cmp"
	"context"
	"maps"
	"strings"
	"sync"
	"time"
)

// Key identifies a resource within its cluster: kind and name, as in instance/manager-1. It is the value of the tag slipway:key.
type Key string

// NewKey returns the key of a kind's resource.
func NewKey(kind, name string) Key { return Key(kind + "/" + name) }

// Kind returns what stands before the slash.
func (k Key) Kind() string {
	kind, _, _ := strings.Cut(string(k), "/")
	return kind
}

// Name returns what stands behind the slash.
func (k Key) Name() string {
	_, name, _ := strings.Cut(string(k), "/")
	return name
}

// String returns kind and name with a space, for people.
func (k Key) String() string { return k.Kind() + " " + k.Name() }

// Object is one thing that exists in the cloud and is proven to be the cluster's.
type Object struct {
	Key     Key
	ID      string            // vpc-..., an ARN, a name: whatever the cloud's calls take
	Parent  string            // ID of the object that it lives in, which cannot vanish before; it goes with it where its Kind says so
	Uses    []string          // IDs of other objects that it needs
	Created time.Time         // zero where the cloud does not say
	Fields  map[string]string // what it is, by the names of Task.Fields
	Labels  map[string]string // what the plan does not compare, for its own functions
	Members []string          // IDs of others that it holds: Named makes each a field
	Lacks   []string          // what it holds although it was not found, so that Fields tell too little
}

// Named returns the object with a field for each member, called like the member. name returns the name of an ID, or
// nothing for a stranger, who is called by the ID.
func (o Object) Named(name func(id string) string) Object {
	if len(o.Members) == 0 {
		return o
	}
	fields := maps.Clone(o.Fields)
	if fields == nil {
		fields = map[string]string{}
	}
	for _, id := range o.Members {
		fields[cmp.Or(name(id), id)] = id
	}
	o.Fields, o.Members = fields, nil
	return o
}

// Policy says what may be done about a field that differs.
type Policy uint8

// The policies. A field that is in no list is unmanaged.
const (
	Mutable   Policy = iota // changed in place
	Replace                 // create-only, and cheap enough to remove and make anew
	Refuse                  // create-only, and too precious: the plan says so and nothing is applied
	GrowOnly                // may only become larger (not yet supported in place, so refused either way)
	WriteOnce               // set at creation; another value found later is left alone
)

// Field is one property of a wanted resource.
type Field struct {
	Name   string
	Policy Policy
	Want   string
	Ref    Key    // when set, Want is the ID of that resource, known when it exists
	Remedy string // for Refuse and GrowOnly: what to do instead
	// Loose says that the resource of Ref may vanish while this one still names it.
	Loose bool
}

// Need is something that must be there before a resource can be made.
type Need struct {
	Key   Key
	Ready bool // usable, not only created
}

// Task is one resource that the document wants. Functions that are nil are not needed for its kind.
type Task struct {
	Key    Key
	Needs  []Need
	Fields []Field
	// Closed says that fields which exist but are not wanted are to be removed, as for the rules of a security group.
	Closed bool
	// Repeatable says that making it twice is refused by the cloud, or gives the same thing: it has a client token or a
	// unique name. Otherwise an answer that was lost is looked for before it is made again.
	Repeatable bool
	// Takes is how long it takes from its creation until it is ready, for people and for the order of work.
	Takes time.Duration

	// Create makes it and returns it as it is then; fields that differ yet are given to Update.
	Create func(ctx context.Context, w *World) (Object, error)
	// Update changes the fields. It is called again with what is left when it fails.
	Update func(ctx context.Context, w *World, have Object, changes []FieldChange) error
	// Ready returns when it is usable. It takes none of the run's slots while it waits.
	Ready func(ctx context.Context, w *World, have Object, note func(string)) error
}

// Kind says how everything of one kind is removed, whether the document still wants it or not.
type Kind struct {
	Name string
	// After lists the kinds whose removal must be over before.
	After []string
	// With is the kind of its Parent if it vanishes with it.
	With string
	// Leave says that what the document does not want is left alone and mentioned; only destroy removes it.
	Leave bool
	// Takes is how long a removal takes.
	Takes time.Duration
	// Delete removes it. What is not there any more is no error.
	Delete func(ctx context.Context, have Object, note func(string)) error
	// Gone returns when nothing of it is left that others could wait for; nil where Delete's return says so.
	Gone func(ctx context.Context, have Object, note func(string)) error
}

// Finder looks for everything of some kinds that belongs to the cluster, in as few calls as possible.
type Finder struct {
	Kinds []string
	Find  func(ctx context.Context) ([]Object, error)
}

// World is what is known to exist while a plan is made or applied.
type World struct {
	mu   sync.Mutex
	have map[Key]Object
}

// NewWorld returns a world that holds the objects.
func NewWorld(objects ...Object) *World {
	w := &World{have: map[Key]Object{}}
	for _, o := range objects {
		w.have[o.Key] = o
	}
	return w
}

// Put notes that an object exists.
func (w *World) Put(o Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.have[o.Key] = o
}

// Remove notes that nothing with the key exists.
func (w *World) Remove(k Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.have, k)
}

// Get returns the object with the key.
func (w *World) Get(k Key) (Object, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o, ok := w.have[k]
	return o, ok
}

// NameOf returns the name of the object with the ID, or nothing.
func (w *World) NameOf(id string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, o := range w.have {
		if o.ID == id {
			return k.Name()
		}
	}
	return ""
}

// ID returns the ID of the object with the key, or nothing while there is none.
func (w *World) ID(k Key) string {
	o, _ := w.Get(k)
	return o.ID
}
