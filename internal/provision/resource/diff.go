package resource

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Action is what a plan does about one resource.
type Action string

// The actions.
const (
	Create  Action = "create"
	Update  Action = "update"
	Recast  Action = "replace" // removed and made anew
	Delete  Action = "delete"
	Unknown Action = "unknown" // it could not be read
	Refused Action = "refuse"  // it differs in what cannot be changed
)

// AfterApply stands for the ID of something that does not exist yet.
const AfterApply = "(after apply)"

// FieldChange is one field of a resource that differs.
type FieldChange struct {
	Name string `json:"name"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	Note string `json:"note,omitempty"`
}

// Step is one resource that needs something done. Task is nil for what the document does not want, Have for what does not exist.
type Step struct {
	Action Action
	Key    Key
	Task   *Task
	Have   *Object
	Reason string
	Fields []FieldChange
	Err    error // why it is unknown
}

// Found is what discovery saw.
type Found struct {
	Objects []Object
	Denied  map[string]error // by kind: what could not be read for want of a permission
}

// Result is the outcome of a comparison.
type Result struct {
	Steps []Step   // in the order of the tasks, then what goes
	World *World   // what exists and stays
	Left  []Object // not wanted, but left alone
	// Torn says where what was found contradicts itself: something is in use that was not found. Either lists lag behind,
	// or somebody took its identity away. Such a result must not be applied.
	Torn []string
}

// Diff compares what is wanted with what was found. With no task it plans the removal of everything, kinds that are
// otherwise left alone included.
func Diff(tasks []Task, kinds []Kind, found Found) Result {
	d := differ{kinds: map[string]Kind{}, found: found, doomed: map[string]bool{}, all: len(tasks) == 0, world: NewWorld()}
	for _, k := range kinds {
		d.kinds[k.Name] = k
	}
	return d.run(tasks)
}

type differ struct {
	kinds  map[string]Kind
	found  Found
	world  *World
	doomed map[string]bool // IDs of what is removed or replaced
	all    bool
}

func (d *differ) run(tasks []Task) Result {
	byKey := map[Key][]Object{}
	for _, o := range d.found.Objects {
		byKey[o.Key] = append(byKey[o.Key], o)
	}
	result := Result{World: d.world, Torn: d.orphaned()}
	d.condemn(tasks)
	var removed []Step
	for i := range tasks { // in an order in which parents come first
		task := &tasks[i]
		candidates := slices.DeleteFunc(byKey[task.Key], func(o Object) bool { return d.doomed[o.Parent] && d.vanishes(o) })
		delete(byKey, task.Key)
		keep, rest := d.choose(task, candidates)
		for _, o := range rest {
			removed = append(removed, d.remove(o, "left by an interrupted run"))
		}
		step, needed := d.step(task, keep)
		if needed {
			result.Steps = append(result.Steps, step)
		}
		result.Torn = append(result.Torn, d.torn(task, keep)...)
		switch {
		case step.Action == Recast:
			d.doomed[keep.ID] = true
		case keep != nil:
			d.world.Put(*keep)
		}
	}
	for _, o := range d.orphans(byKey) {
		if d.kinds[o.Key.Kind()].Leave && !d.all {
			result.Left = append(result.Left, o)
			continue
		}
		reason := "no longer in the document"
		if d.all {
			reason = ""
		}
		removed = append(removed, d.remove(o, reason))
	}
	// What vanishes with its parent needs no step of its own.
	removed = slices.DeleteFunc(removed, func(s Step) bool { return d.doomed[s.Have.Parent] && d.vanishes(*s.Have) })
	result.Steps = append(result.Steps, removed...)
	result.Steps = append(result.Steps, d.unread(tasks)...)
	return result
}

// condemn notes what no task wants before anything is chosen: what lives in it must not be what stays.
func (d *differ) condemn(tasks []Task) {
	wanted := map[Key]bool{}
	for _, t := range tasks {
		wanted[t.Key] = true
	}
	for _, o := range d.found.Objects {
		if !wanted[o.Key] && (d.all || !d.kinds[o.Key.Kind()].Leave) {
			d.doomed[o.ID] = true
		}
	}
}

// orphaned lists what lives in something that was not found, or has something that was not.
func (d *differ) orphaned() []string {
	if len(d.found.Denied) > 0 {
		return nil // it may only not have been read
	}
	ids := map[string]bool{}
	for _, o := range d.found.Objects {
		ids[o.ID] = true
	}
	var all []string
	for _, o := range d.found.Objects {
		if o.Parent != "" && !ids[o.Parent] {
			all = append(all, fmt.Sprintf("%s (%s) is in %s, which was not found", o.Key, o.ID, o.Parent))
		}
		for _, part := range o.Lacks {
			all = append(all, fmt.Sprintf("%s (%s) has %s, which was not found", o.Key, o.ID, part))
		}
	}
	slices.Sort(all)
	return all
}

// torn lists what a task's object uses although it was not found.
func (d *differ) torn(task *Task, have *Object) []string {
	if have == nil || len(d.found.Denied) > 0 {
		return nil
	}
	var all []string
	for _, f := range task.Fields {
		if f.Ref != "" && !f.Loose && have.Fields[f.Name] != "" && d.want(f) == AfterApply && !d.doomed[have.Fields[f.Name]] {
			all = append(all, fmt.Sprintf("%s (%s) uses %s, but %s was not found", have.Key, have.ID, have.Fields[f.Name], f.Ref))
		}
	}
	return all
}

// unread returns a step for each kind that could not be read and that no task speaks for.
func (d *differ) unread(tasks []Task) []Step {
	var steps []Step
	for _, kind := range slices.Sorted(maps.Keys(d.found.Denied)) {
		if !slices.ContainsFunc(tasks, func(t Task) bool { return t.Key.Kind() == kind }) {
			err := d.found.Denied[kind]
			steps = append(steps, Step{Action: Unknown, Key: NewKey(kind, "*"), Err: err, Reason: err.Error()})
		}
	}
	return steps
}

// orphans returns what no task wants, in a stable order.
func (d *differ) orphans(byKey map[Key][]Object) []Object {
	var all []Object
	for _, objects := range byKey {
		all = append(all, objects...)
	}
	slices.SortFunc(all, func(a, b Object) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID)) })
	return all
}

func (d *differ) remove(o Object, reason string) Step {
	d.doomed[o.ID] = true
	return Step{Action: Delete, Key: o.Key, Have: &o, Reason: reason}
}

// vanishes reports whether the object goes with its parent.
func (d *differ) vanishes(o Object) bool { return d.kinds[o.Key.Kind()].With != "" }

// choose picks the object that stays when an interrupted run left more than one: one whose parent stays, with what was
// built on it, else the one that fits, else the oldest.
func (d *differ) choose(task *Task, candidates []Object) (*Object, []Object) {
	if len(candidates) == 0 {
		return nil, nil
	}
	rank := func(o Object) int { return -d.dependents(o) }
	fits := func(o Object) int {
		n := 0
		for _, f := range task.Fields {
			if f.Policy != Mutable && o.Fields[f.Name] != d.want(f) {
				n++
			}
		}
		return n
	}
	falls := func(o Object) int {
		if d.doomed[o.Parent] {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(candidates, func(a, b Object) int {
		return cmp.Or(cmp.Compare(falls(a), falls(b)), cmp.Compare(rank(a), rank(b)), cmp.Compare(fits(a), fits(b)), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return &candidates[0], candidates[1:]
}

func (d *differ) dependents(o Object) int {
	n := 0
	for _, other := range d.found.Objects {
		if other.Parent == o.ID || slices.Contains(other.Uses, o.ID) {
			n++
		}
	}
	return n
}

// want is a field's wanted value, as far as it is known.
func (d *differ) want(f Field) string { return Wanted(f, d.world) }

// Wanted returns the value that a field shall have, or AfterApply while it is not known.
func Wanted(f Field, w *World) string {
	if f.Ref == "" {
		return f.Want
	}
	if id := w.ID(f.Ref); id != "" {
		return id
	}
	return AfterApply
}

// step says what is to be done for one task, and whether anything is.
func (d *differ) step(task *Task, have *Object) (Step, bool) {
	step := Step{Key: task.Key, Task: task, Have: have}
	if err := d.found.Denied[task.Key.Kind()]; err != nil && have == nil {
		step.Action, step.Err, step.Reason = Unknown, err, err.Error()
		return step, true
	}
	if have == nil {
		step.Action, step.Reason = Create, "does not exist"
		for _, f := range task.Fields {
			step.Fields = append(step.Fields, FieldChange{Name: f.Name, New: d.want(f)})
		}
		return step, true
	}
	changes, action := Changes(task, *have, d.world)
	step.Action, step.Fields = action, changes
	switch action {
	case Recast, Refused:
		var notes []string
		for _, c := range changes {
			if c.Note != "" {
				notes = append(notes, c.Name+" "+c.Note)
			}
		}
		step.Reason = strings.Join(notes, "; ")
	default:
		step.Reason = "differs"
	}
	return step, len(changes) > 0
}

// Changes lists the fields of an object that differ from its task, and what they ask for together: Update, Recast or
// Refused.
func Changes(task *Task, have Object, w *World) ([]FieldChange, Action) {
	action := Update
	var changes []FieldChange
	wanted := map[string]bool{}
	for _, f := range task.Fields {
		wanted[f.Name] = true
		want, got := Wanted(f, w), have.Fields[f.Name]
		if want == got || f.Policy == WriteOnce {
			continue
		}
		change := FieldChange{Name: f.Name, Old: got, New: want}
		switch f.Policy {
		case Replace:
			change.Note = "cannot be changed in place"
			if action == Update {
				action = Recast
			}
		case Refuse, GrowOnly:
			change.Note = refusal(f, got, want)
			action = Refused
		case Mutable, WriteOnce:
		}
		changes = append(changes, change)
	}
	if task.Closed {
		for _, name := range slices.Sorted(maps.Keys(have.Fields)) {
			if !wanted[name] {
				changes = append(changes, FieldChange{Name: name, Old: have.Fields[name], Note: "not in the document"})
			}
		}
	}
	return changes, action
}

func refusal(f Field, got, want string) string {
	note := fmt.Sprintf("is %s and cannot become %s", cmp.Or(got, "nothing"), want)
	if f.Remedy != "" {
		note += ": " + f.Remedy
	}
	return note
}
