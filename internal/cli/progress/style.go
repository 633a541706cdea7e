package progress

import (
	"strings"
	"unicode/utf8"
)

// Style is how the live tree draws: with colours or without, with Unicode marks or ASCII ones.
type Style struct {
	Color   bool
	Unicode bool
}

// color is an SGR parameter; "" draws in the terminal's own.
type color string

const (
	plainColor color = ""
	bold       color = "1"
	dim        color = "2"
	red        color = "31"
	green      color = "32"
	cyan       color = "36"
)

// span is a piece of a line in one colour.
type span struct {
	text  string
	color color
}

type marks struct {
	done, failed, waiting, more string
	spin                        []string
}

func (s Style) marks() marks {
	if s.Unicode {
		return marks{done: "✓", failed: "✗", waiting: "·", more: "…", spin: []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}}
	}
	return marks{done: "+", failed: "x", waiting: ".", more: "...", spin: []string{"|", "/", "-", `\`}}
}

// line joins spans, cut to width columns. Every character counts as one column, which holds for what Slipway prints.
func (s Style) line(width int, spans ...span) string {
	var b strings.Builder
	left := width
	for _, sp := range spans {
		text := sp.text
		if n := utf8.RuneCountInString(text); n > left {
			text = cut(text, left, s.marks().more)
		}
		left -= utf8.RuneCountInString(text)
		if s.Color && sp.color != plainColor && text != "" {
			b.WriteString("\x1b[" + string(sp.color) + "m" + text + "\x1b[0m")
		} else {
			b.WriteString(text)
		}
		if left <= 0 {
			break
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// cut shortens text to width characters and marks it as cut, if there is room for the mark.
func cut(text string, width int, more string) string {
	runes := []rune(text)
	if width <= utf8.RuneCountInString(more) {
		return string(runes[:max(width, 0)])
	}
	return string(runes[:width-utf8.RuneCountInString(more)]) + more
}
