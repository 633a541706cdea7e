// Package check finds out whether this machine can run the sandbox, and says for each feature that is missing what to do
// about it.
//
// It only looks: it changes nothing. It may be used by anybody, without root too.
package check

import "context"

// Level says how bad it is that a feature is missing.
type Level string

// The levels.
const (
	LevelError  Level = "error"  // the sandbox cannot run
	LevelNotice Level = "notice" // it runs, with the limits that Detail names
)

// Finding is one feature of the machine.
type Finding struct {
	Name   string `json:"name"` // overlayfs
	OK     bool   `json:"ok"`
	Level  Level  `json:"level"`            // how bad it is when not OK
	Detail string `json:"detail"`           // what was found
	Remedy string `json:"remedy,omitempty"` // what to do when not OK
}

// Machine looks at every feature that the sandbox needs, in a fixed order.
func Machine(_ context.Context) []Finding { return nil }
