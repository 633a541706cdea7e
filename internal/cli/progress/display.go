package progress

import (
	"io"
	"time"

	"github.com/slipway-project/slipway/internal/obs"
)

// Display is one way to show progress.
type Display interface {
	obs.Progress
	// Write takes log lines and messages, which must not tear the picture. Each call holds whole lines.
	io.Writer
	// Suspend takes the picture away, calls f (which may ask something on the terminal), and brings it back.
	Suspend(f func())
	// Close ends the picture and leaves a summary with the time of each phase, if anything was shown.
	Close()
}

// Silent shows nothing but what is written to it.
func Silent(out io.Writer) Display { return silent{Writer: out} }

type silent struct{ io.Writer }

func (silent) Emit(obs.Event)   {}
func (silent) Suspend(f func()) { f() }
func (silent) Close()           {}

// stamp returns the event's own time, or now if it has none.
func stamp(e obs.Event) time.Time {
	if e.Time.IsZero() {
		return time.Now()
	}
	return e.Time
}
