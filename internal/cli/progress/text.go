package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/obs"
)

// short prints a duration as people say it: 0.4s, 12s, 1m05s, 1h02m.
func short(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
}

// oneLine keeps a detail or an error on one line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// waitsFor names at most three of the steps that something waits for.
func waitsFor(names []string) string {
	shown := make([]string, 0, len(names))
	for _, n := range names {
		if _, rest, nested := strings.Cut(n, "/"); nested {
			n = rest
		}
		shown = append(shown, n)
	}
	if len(shown) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(shown[:3], ", "), len(shown)-3)
	}
	return strings.Join(shown, ", ")
}

// summary is one phase's last line, without a mark in front.
func summary(p *phase, now time.Time) string {
	took := short(p.took(now))
	_, all := p.counts()
	failed := len(p.with(obs.StepFailed))
	switch {
	case failed > 0:
		return fmt.Sprintf("%s: %d of %d steps failed, %s", p.title(), failed, all, took)
	case p.state() == obs.StepFailed:
		return fmt.Sprintf("%s: failed after %s", p.title(), took)
	case !ended(p.state()):
		return fmt.Sprintf("%s: not finished, %s", p.title(), took)
	case all > 0:
		return fmt.Sprintf("%s: %s, %s", p.title(), plural(all, "step"), took)
	case p.own != nil && p.own.Detail != "":
		return fmt.Sprintf("%s: %s, %s", p.title(), oneLine(p.own.Detail), took)
	default:
		return fmt.Sprintf("%s: %s", p.title(), took)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
