package run

// State is where a task of a group stands.
type State string

// The states of a task.
const (
	StateWaiting  State = ""         // not started yet
	StateStarting State = "starting" // started, not ready; Health.Error holds why it was restarted
	StateReady    State = "ready"
	StateEnded    State = "ended"  // finished, or stopped as it was told to
	StateFailed   State = "failed" // Health.Error says why
)

// Health is the state of one task.
type Health struct {
	Task  string `json:"task"`
	State State  `json:"state"`
	Error string `json:"error,omitempty"`
}
