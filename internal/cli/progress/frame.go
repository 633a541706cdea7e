package progress

import (
	"fmt"
	"time"

	"github.com/slipway-project/slipway/internal/obs"
)

// nameColumn is where details begin: most names fit, and a longer one moves only its own line.
const nameColumn = 34

// frame draws the model as lines of at most width columns, at most height of them: a line for each phase, and below a
// phase that is under way what failed, what runs, and what waits and for what. What ended well is only counted, so the
// picture stays small however large the cluster is.
func frame(m *model, now time.Time, width, height int, style Style) []string {
	var lines []string
	for _, p := range m.phases {
		lines = append(lines, phaseLine(p, now, width, style))
	}
	room := height - len(lines)
	var out []string
	for i, p := range m.phases {
		out = append(out, lines[i])
		if ended(p.state()) && p.state() != obs.StepFailed {
			continue
		}
		under := stepLines(p, now, width, room, style)
		room -= len(under)
		out = append(out, under...)
	}
	if len(out) > height {
		out = out[len(out)-height:]
	}
	return out
}

func phaseLine(p *phase, now time.Time, width int, style Style) string {
	mark, tint := markOf(p.state(), now, style)
	spans := []span{{mark + " ", tint}, {pad(p.title(), nameColumn), bold}}
	done, all := p.counts()
	took := p.took(now)
	switch {
	case p.state() == obs.StepWaiting:
		return style.line(width, append(spans, span{"waits", dim})...)
	case all > 0 && !ended(p.state()):
		spans = append(spans, span{fmt.Sprintf("%s  %d of %d steps", short(took), done, all), plainColor})
	case p.own != nil:
		spans = append(spans, span{times(p.own, now), plainColor}, span{"  " + oneLine(p.own.Detail), dim})
	default:
		spans = append(spans, span{short(took), plainColor}, span{"  " + plural(all, "step"), dim})
	}
	return style.line(width, spans...)
}

// stepLines draws the steps of a phase in at most room lines; if they do not fit, the last line says how many are left out.
func stepLines(p *phase, now time.Time, width, room int, style Style) []string {
	var shown []*step
	for _, state := range []obs.StepState{obs.StepFailed, obs.StepRunning, obs.StepWaiting} {
		shown = append(shown, p.with(state)...)
	}
	if room <= 0 {
		return nil
	}
	left := 0
	if len(shown) > room {
		left = len(shown) - room + 1
		shown = shown[:room-1]
	}
	lines := make([]string, 0, len(shown)+1)
	for _, s := range shown {
		lines = append(lines, stepLine(s, now, width, style))
	}
	if left > 0 {
		lines = append(lines, style.line(width, span{fmt.Sprintf("  %s and %d more", style.marks().more, left), dim}))
	}
	return lines
}

func stepLine(s *step, now time.Time, width int, style Style) string {
	mark, tint := markOf(s.State, now, style)
	spans := []span{{"  " + mark + " ", tint}, {pad(s.Title, nameColumn-2), plainColor}}
	switch s.State {
	case obs.StepFailed:
		detail := s.Detail
		if s.Err != nil {
			detail = s.Err.Error()
		}
		spans = append(spans, span{oneLine(detail), red})
	case obs.StepWaiting:
		text := "waits"
		if len(s.WaitsFor) > 0 {
			text = "waits for " + waitsFor(s.WaitsFor)
		}
		spans = append(spans, span{text, dim})
	case obs.StepRunning, obs.StepDone, obs.StepSkipped:
		spans = append(spans, span{times(s, now), plainColor}, span{"  " + oneLine(s.Detail), dim})
	}
	return style.line(width, spans...)
}

// times says how long a step runs or ran, and how long it is known to take.
func times(s *step, now time.Time) string {
	if s.State == obs.StepRunning && s.Expected > 0 {
		return short(s.took(now)) + " of about " + short(s.Expected)
	}
	return short(s.took(now))
}

func markOf(state obs.StepState, now time.Time, style Style) (string, color) {
	m := style.marks()
	switch state {
	case obs.StepRunning:
		return m.spin[int(now.UnixMilli()/100)%len(m.spin)], cyan
	case obs.StepDone, obs.StepSkipped:
		return m.done, green
	case obs.StepFailed:
		return m.failed, red
	case obs.StepWaiting:
		return m.waiting, dim
	default:
		return m.waiting, dim
	}
}

func pad(s string, width int) string { return fmt.Sprintf("%-*s ", width-1, s) }
