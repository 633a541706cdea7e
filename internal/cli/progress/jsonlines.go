package progress

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/obs"
)

// JSON writes each event as one JSON object on a line, in the form of the JSON log.
type JSON struct {
	mu      sync.Mutex
	out     io.Writer
	handler slog.Handler
	model   *model
}

var _ Display = (*JSON)(nil)

// NewJSON returns a display that writes JSON lines to out.
func NewJSON(out io.Writer) *JSON {
	return &JSON{out: out, handler: slog.NewJSONHandler(out, nil), model: newModel()}
}

// Emit writes the event.
func (d *JSON) Emit(e obs.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.model.apply(e).step
	attrs := []slog.Attr{slog.String("step", s.Step), slog.String("title", s.Title), slog.String("state", string(s.State))}
	if s.Detail != "" {
		attrs = append(attrs, slog.String("detail", s.Detail))
	}
	if s.Expected > 0 {
		attrs = append(attrs, slog.Float64("expected_s", s.Expected.Seconds()))
	}
	if len(s.WaitsFor) > 0 {
		attrs = append(attrs, slog.Any("waits_for", s.WaitsFor))
	}
	if ended(s.State) {
		attrs = append(attrs, slog.Float64("took_s", seconds(s.took(s.Time))))
	}
	level := slog.LevelInfo
	if s.Err != nil {
		level = slog.LevelError
		attrs = append(attrs, slog.String("err", s.Err.Error()))
	}
	d.write(s.Time, level, "step", attrs)
}

// Write passes log lines through; the logger must write JSON too.
func (d *JSON) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.Write(p)
}

// Suspend calls f.
func (d *JSON) Suspend(f func()) { f() }

// Close writes a line for each phase.
func (d *JSON) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for _, p := range d.model.phases {
		_, all := p.counts()
		d.write(now, slog.LevelInfo, "phase", []slog.Attr{
			slog.String("phase", p.name), slog.String("state", string(p.state())), slog.Int("steps", all),
			slog.Float64("took_s", seconds(p.took(now))),
		})
	}
}

// seconds rounds to milliseconds, so that the lines stay readable.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

func (d *JSON) write(at time.Time, level slog.Level, message string, attrs []slog.Attr) {
	r := slog.NewRecord(at, level, message, 0)
	r.AddAttrs(attrs...)
	_ = d.handler.Handle(context.Background(), r)
}
