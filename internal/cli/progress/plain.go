package progress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/obs"
)

// Plain writes one timestamped line for each change: for pipes, files and CI.
type Plain struct {
	mu    sync.Mutex
	out   io.Writer
	model *model
}

var _ Display = (*Plain)(nil)

// NewPlain returns a display that writes lines to out.
func NewPlain(out io.Writer) *Plain { return &Plain{out: out, model: newModel()} }

// Emit writes a line if the event says something new. Waiting steps and steps with nothing to do stay silent.
func (d *Plain) Emit(e obs.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change := d.model.apply(e)
	if line := plainLine(change); line != "" {
		d.line(change.step.Time, line)
	}
}

// Write passes log lines through.
func (d *Plain) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.Write(p)
}

// Suspend calls f.
func (d *Plain) Suspend(f func()) { f() }

// Close writes a line for each phase.
func (d *Plain) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for _, p := range d.model.phases {
		d.line(now, "summary  "+summary(p, now))
	}
}

func (d *Plain) line(at time.Time, text string) {
	_, _ = fmt.Fprintf(d.out, "%s  %s\n", at.UTC().Format(time.RFC3339), text)
}

func plainLine(c transition) string {
	s, name := c.step, c.phase.name
	if c.step != c.phase.own {
		name += "  " + s.Title
	} else if s.Title != name {
		name += "  " + s.Title
	}
	detail := oneLine(s.Detail)
	switch s.State {
	case obs.StepRunning:
		switch {
		case !c.state && !c.text:
			return ""
		case c.state && detail == "" && s.Expected > 0:
			return fmt.Sprintf("%s: started, expected to take %s", name, short(s.Expected))
		case detail == "":
			return name + ": started"
		default:
			return name + ": " + detail
		}
	case obs.StepDone:
		if !c.state {
			return ""
		}
		return joined(fmt.Sprintf("%s: done in %s", name, short(s.took(s.Time))), detail)
	case obs.StepFailed:
		if errors.Is(s.Err, context.Canceled) {
			return fmt.Sprintf("%s: stopped after %s", name, short(s.took(s.Time)))
		}
		if s.Err != nil {
			detail = oneLine(s.Err.Error())
		}
		return joined(fmt.Sprintf("%s: FAILED after %s", name, short(s.took(s.Time))), detail)
	case obs.StepSkipped:
		if detail == "" {
			return ""
		}
		return name + ": skipped, " + detail
	case obs.StepWaiting:
		return ""
	default:
		return ""
	}
}

func joined(text, detail string) string {
	if detail == "" {
		return text
	}
	return text + ": " + detail
}
