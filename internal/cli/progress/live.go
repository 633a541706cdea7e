package progress

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/obs"
)

// redraw is how often the live tree is drawn while nothing happens, so that its clocks run.
const redraw = 200 * time.Millisecond

// Live redraws a tree in place, on a terminal. It draws each frame with one write, over the last one and without
// clearing it first, so that nothing flickers.
type Live struct {
	out   io.Writer
	size  func() (width, height int)
	style Style

	mu        sync.Mutex
	model     *model
	drawn     int  // lines of the picture on the screen
	suspended bool // nothing may be drawn

	stop chan struct{}
	done chan struct{}
}

var _ Display = (*Live)(nil)

// NewLive starts a live tree on the terminal behind out; size tells the terminal's size now. Close ends it.
func NewLive(out io.Writer, size func() (width, height int), style Style) *Live {
	d := &Live{
		out: out, size: size, style: style, model: newModel(),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go d.run()
	return d
}

func (d *Live) run() {
	defer close(d.done)
	tick := time.NewTicker(redraw)
	defer tick.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-tick.C:
			d.mu.Lock()
			d.draw(nil)
			d.mu.Unlock()
		}
	}
}

// Emit takes an event in; the next frame shows it.
func (d *Live) Emit(e obs.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.model.apply(e)
}

// Write puts log lines above the picture.
func (d *Live) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.suspended || d.drawn == 0 {
		return d.out.Write(p)
	}
	d.draw(p)
	return len(p), nil
}

// Suspend takes the picture away while f runs.
func (d *Live) Suspend(f func()) {
	d.mu.Lock()
	d.clear()
	d.suspended = true
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.suspended = false
		d.mu.Unlock()
	}()
	f()
}

// Close takes the picture away and leaves the summary, a line for each phase. What failed is left to the error message.
func (d *Live) Close() {
	close(d.stop)
	<-d.done
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	now := time.Now()
	width, _ := d.size()
	for _, p := range d.model.phases {
		mark, tint := markOf(p.state(), now, d.style)
		if !ended(p.state()) {
			mark, tint = d.style.marks().waiting, dim
		}
		_, _ = fmt.Fprintln(d.out, d.style.line(width, span{mark + " ", tint}, span{summary(p, now), plainColor}))
	}
}

// draw writes above, which may be empty, and then the picture, over what was drawn last. The caller holds the lock.
func (d *Live) draw(above []byte) {
	if d.suspended {
		return
	}
	width, height := d.size()
	lines := frame(d.model, time.Now(), max(width-1, 20), max(height-1, 3), d.style)
	if len(lines) == 0 && len(above) == 0 {
		return
	}
	var b bytes.Buffer
	if d.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", d.drawn)
	}
	for line := range strings.Lines(string(above)) {
		b.WriteString(strings.TrimSuffix(line, "\n") + "\x1b[K\n")
	}
	for _, line := range lines {
		b.WriteString(line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	d.drawn = len(lines)
	_, _ = d.out.Write(b.Bytes())
}

// clear takes the picture off the screen. The caller holds the lock.
func (d *Live) clear() {
	if d.drawn > 0 {
		_, _ = fmt.Fprintf(d.out, "\x1b[%dA\x1b[J", d.drawn)
	}
	d.drawn = 0
}
