package cli

import (
	"io"
	"sync"

	"github.com/slipway-project/slipway/internal/cli/progress"
	"github.com/slipway-project/slipway/internal/obs"
)

// switchable is a display that begins as one that only passes messages through and becomes the real one when the
// flags are known. After Close it passes messages through again, so that errors come below the summary.
type switchable struct {
	mu  sync.Mutex
	now progress.Display
}

func (d *switchable) use(next progress.Display) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = next
}

func (d *switchable) current() progress.Display {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// Emit passes the event on.
func (d *switchable) Emit(e obs.Event) { d.current().Emit(e) }

// Write passes the lines on.
func (d *switchable) Write(p []byte) (int, error) { return d.current().Write(p) }

// Suspend calls f while no picture is on the screen.
func (d *switchable) Suspend(f func()) { d.current().Suspend(f) }

// Close leaves the summary.
func (d *switchable) Close() {
	last := d.current()
	last.Close()
	d.use(progress.Silent(last))
}

// locked is a writer that several goroutines may use.
type locked struct {
	mu  sync.Mutex
	out io.Writer
}

// Write passes the lines on.
func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}
