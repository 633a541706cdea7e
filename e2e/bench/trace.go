package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Step is one node of the graph that a command ran, as its JSON progress tells.
type Step struct {
	ID    string   // without the prefix, as in "instance/manager-1 ready"
	Needs []string // IDs
	Began time.Time
	Ended time.Time
}

// Took is how long the step worked or waited, attempts that failed included.
func (s Step) Took() time.Duration { return s.Ended.Sub(s.Began) }

// infrastructure is what the IDs of the graph's steps begin with in the log, and lease the one step that is outside of
// the graph.
const (
	infrastructure = "infrastructure/"
	lease          = "lease"
)

// Trace is the graph that a command ran, by the IDs of its steps.
type Trace map[string]Step

// line is what is read of a line of the log.
type line struct {
	Time     time.Time `json:"time"`
	Message  string    `json:"msg"`
	Step     string    `json:"step"`
	State    string    `json:"state"`
	WaitsFor []string  `json:"waits_for"`
	Error    string    `json:"err"`
}

// ReadTrace reads what `--log-format json` wrote. A step that failed or did not end is an error.
func ReadTrace(log io.Reader) (Trace, error) {
	trace := Trace{}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("read progress %q: %w", lines.Text(), err)
		}
		id, ok := strings.CutPrefix(l.Step, infrastructure)
		if l.Message != "step" || !ok || id == lease {
			continue
		}
		s := trace[id]
		s.ID = id
		switch l.State {
		case "waiting":
			s.Needs = nil
			for _, need := range l.WaitsFor {
				s.Needs = append(s.Needs, strings.TrimPrefix(need, infrastructure))
			}
		case "running":
			if s.Began.IsZero() {
				s.Began = l.Time
			}
		case "done":
			s.Ended = l.Time
		default:
			return nil, fmt.Errorf("step %s is %s: %s", id, l.State, l.Error)
		}
		trace[id] = s
	}
	for id, s := range trace {
		if s.Began.IsZero() || s.Ended.IsZero() {
			return nil, fmt.Errorf("step %s did not end", id)
		}
	}
	return trace, lines.Err()
}

// Wall is the time from the beginning of the first step to the end of the last.
func (t Trace) Wall() time.Duration {
	var began, ended time.Time
	for _, s := range t {
		if began.IsZero() || s.Began.Before(began) {
			began = s.Began
		}
		if s.Ended.After(ended) {
			ended = s.Ended
		}
	}
	return ended.Sub(began)
}

// Until returns the part of the graph that the steps which are goals need.
func (t Trace) Until(goal func(id string) bool) Trace {
	part := Trace{}
	var visit func(id string)
	visit = func(id string) {
		if _, ok := part[id]; ok {
			return
		}
		part[id] = t[id]
		for _, need := range t[id].Needs {
			visit(need)
		}
	}
	for id := range t {
		if goal(id) {
			visit(id)
		}
	}
	return part
}

// Model says how long the steps of a graph take.
type Model struct {
	Takes func(id string) time.Duration
	Lag   func(need, id string) time.Duration // between a step's end and the earliest use of what it made; nil for none
}

// Measured is what the steps took in the run itself.
func (t Trace) Measured() Model {
	return Model{Takes: func(id string) time.Duration { return t[id].Took() }}
}

// Critical returns the longest chain of needs under a model and the steps on it: what the graph takes when nothing waits
// for anything but what it needs.
func (t Trace) Critical(m Model) (time.Duration, []string) {
	ends := map[string]time.Duration{}
	before := map[string]string{}
	var visit func(id string) time.Duration
	visit = func(id string) time.Duration {
		if end, ok := ends[id]; ok {
			return end
		}
		var start time.Duration
		for _, need := range t[id].Needs {
			end := visit(need)
			if m.Lag != nil {
				end += m.Lag(need, id)
			}
			if before[id] == "" || end > start {
				start, before[id] = end, need
			}
		}
		ends[id] = start + m.Takes(id)
		return ends[id]
	}
	last := ""
	for id := range t {
		if end := visit(id); last == "" || end > ends[last] || end == ends[last] && id < last {
			last = id
		}
	}
	var path []string
	for id := last; id != ""; id = before[id] {
		path = append([]string{id}, path...)
	}
	return ends[last], path
}
