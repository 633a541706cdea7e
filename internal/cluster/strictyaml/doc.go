// Package strictyaml decodes one YAML document into a Go struct and reports everything that is wrong with it at once,
// each fault with its line, its column and the path of its field.
//
// It is stricter than YAML: keys that the struct does not know, keys given twice, anchors, aliases, tags, further
// documents and values without content are faults. What a value must hold is said by struct tags:
//
//	yaml:"name,omitempty"  the key; without omitempty the key is required
//	enum:"a|b"             the values that a string may have
//	pattern:"^[a-z]+$"     what a string must match, and form:"..." the same in words
//	min:"1" max:"7"        the range of a number
//
// Tags on a list apply to its items. A type that may be written in several ways implements Union.
//
// The package knows nothing of clusters, does no I/O and holds no state.
package strictyaml
