package obs

import "time"

// StepState is where a step of long work stands.
type StepState string

// The states of a step. A step goes waiting -> running -> done | failed | skipped; a step may begin as running.
const (
	StepWaiting StepState = "waiting" // WaitsFor names what for
	StepRunning StepState = "running" // Detail says what exactly
	StepDone    StepState = "done"
	StepFailed  StepState = "failed" // Err says why
	StepSkipped StepState = "skipped"
)

// Event is one change of one step of long work, as the live tree, the plain lines and the JSON log show it.
type Event struct {
	Time     time.Time
	Step     string        // unique in the run: infrastructure/instance/manager-1, rollout/engine/linux-2
	Title    string        // for people: "instance manager-1"; needed in the first event of a step only
	State    StepState     // where the step stands now
	Detail   string        // what it does now, or what it did: "created i-0abc", "waits for apt"
	Expected time.Duration // how long the step is known to take; 0 = not known
	WaitsFor []string      // steps that a waiting step waits for
	Err      error         // of a failed step
}

// Progress receives the events of long work. It must be safe for concurrent use and return at once.
type Progress interface {
	Emit(Event)
}

// ProgressFunc makes a function a Progress.
type ProgressFunc func(Event)

// Emit calls f.
func (f ProgressFunc) Emit(e Event) { f(e) }

// NoProgress drops every event.
var NoProgress Progress = ProgressFunc(func(Event) {}) //nolint:gochecknoglobals // it holds nothing
