package progress

import (
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/obs"
)

// model is what is known of the run so far: its phases in the order in which they appeared, each with its steps.
// A step's phase is its name up to the first slash; a step without one is a phase of itself.
type model struct {
	phases []*phase
	steps  map[string]*step
}

type phase struct {
	name  string
	own   *step // the step that is the phase itself; may be nil
	steps []*step
}

type step struct {
	obs.Event
	name    string    // within the phase
	started time.Time // first time that it ran; zero = not yet
	ended   time.Time // when it ended; zero = not yet
}

// transition says how an event changed its step.
type transition struct {
	phase *phase
	step  *step
	state bool // its state is another one
	text  bool // its detail is another one
}

func newModel() *model { return &model{steps: map[string]*step{}} }

// apply takes one event in and says what it changed.
func (m *model) apply(e obs.Event) transition {
	e.Time = stamp(e)
	phaseName, rest, nested := strings.Cut(e.Step, "/")
	p := m.phase(phaseName)
	s, known := m.steps[e.Step]
	if !known {
		s = &step{name: rest}
		m.steps[e.Step] = s
		if nested {
			p.steps = append(p.steps, s)
		} else {
			s.name, p.own = phaseName, s
		}
	}
	change := transition{phase: p, step: s, state: !known || s.State != e.State, text: e.Detail != s.Detail}
	s.take(e)
	return change
}

// take updates the step; what later events leave out stays as it was.
func (s *step) take(e obs.Event) {
	if e.Title == "" {
		e.Title = s.Title
	}
	if e.Title == "" {
		e.Title = strings.ReplaceAll(s.name, "/", " ")
	}
	if e.Expected == 0 {
		e.Expected = s.Expected
	}
	if e.Detail == "" && e.State == s.State {
		e.Detail = s.Detail
	}
	s.Event = e
	if e.State != obs.StepWaiting && s.started.IsZero() {
		s.started = e.Time
	}
	s.ended = time.Time{}
	if ended(e.State) {
		s.ended = e.Time
	}
}

func (m *model) phase(name string) *phase {
	for _, p := range m.phases {
		if p.name == name {
			return p
		}
	}
	p := &phase{name: name}
	m.phases = append(m.phases, p)
	return p
}

func ended(s obs.StepState) bool {
	return s == obs.StepDone || s == obs.StepFailed || s == obs.StepSkipped
}

// all returns the phase's steps, its own included.
func (p *phase) all() []*step {
	if p.own == nil {
		return p.steps
	}
	return append([]*step{p.own}, p.steps...)
}

// with returns the phase's steps in the state, in the order in which they appeared.
func (p *phase) with(state obs.StepState) []*step {
	var found []*step
	for _, s := range p.steps {
		if s.State == state {
			found = append(found, s)
		}
	}
	return found
}

// state is the phase's own if it has a step of its own that ended, else what its steps add up to.
func (p *phase) state() obs.StepState {
	if p.own != nil && (len(p.steps) == 0 || ended(p.own.State)) {
		return p.own.State
	}
	counts := map[obs.StepState]int{}
	for _, s := range p.all() {
		counts[s.State]++
	}
	switch {
	case counts[obs.StepRunning] > 0:
		return obs.StepRunning
	case counts[obs.StepFailed] > 0:
		return obs.StepFailed
	case counts[obs.StepWaiting] == 0:
		if counts[obs.StepDone] == 0 {
			return obs.StepSkipped
		}
		return obs.StepDone
	case counts[obs.StepDone] > 0:
		return obs.StepRunning
	default:
		return obs.StepWaiting
	}
}

// counts returns how many of the phase's steps ended, and of how many.
func (p *phase) counts() (done, all int) {
	for _, s := range p.steps {
		if ended(s.State) {
			done++
		}
	}
	return done, len(p.steps)
}

// took returns how long the phase has run: to its last end, or to now while anything is under way.
func (p *phase) took(now time.Time) time.Duration {
	var from, to time.Time
	for _, s := range p.all() {
		if !s.started.IsZero() && (from.IsZero() || s.started.Before(from)) {
			from = s.started
		}
		if s.ended.After(to) {
			to = s.ended
		}
	}
	if from.IsZero() {
		return 0
	}
	if state := p.state(); !ended(state) {
		to = now
	}
	return to.Sub(from)
}

// took returns how long the step has run.
func (s *step) took(now time.Time) time.Duration {
	switch {
	case s.started.IsZero():
		return 0
	case s.ended.IsZero():
		return now.Sub(s.started)
	default:
		return s.ended.Sub(s.started)
	}
}

// title returns the title of the phase for people.
func (p *phase) title() string {
	if p.own != nil && p.own.Title != "" {
		return p.own.Title
	}
	return p.name
}
