package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision"
)

// tint colours text for a terminal, or leaves it alone.
type tint bool

// tint returns how to colour what goes to the stream.
func (s *session) tint(stream io.Writer) tint {
	return tint(s.process.IsTerminal(stream) && s.process.Getenv("NO_COLOR") == "" && s.process.Getenv("TERM") != "dumb")
}

func (t tint) paint(color, text string) string {
	if !t || color == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// mark is how a plan shows an action.
type mark struct{ sign, color string }

func markOf(action provision.Action) mark {
	switch action {
	case provision.ActionCreate:
		return mark{"+", "32"}
	case provision.ActionUpdate:
		return mark{"~", "33"}
	case provision.ActionReplace:
		return mark{"-/+", "35"}
	case provision.ActionDelete:
		return mark{"-", "31"}
	case provision.ActionRefuse:
		return mark{"!", "31"}
	case provision.ActionUnknown:
		return mark{"?", "36"}
	default:
		return mark{"?", "36"}
	}
}

// printPlan writes the plan for people: a line for each change with its reason, below it the fields, at the end a
// summary.
func printPlan(w io.Writer, plan *provision.Plan, t tint) error {
	var b strings.Builder
	for _, c := range plan.Changes {
		m := markOf(c.Action)
		line := fmt.Sprintf("%3s %s", m.sign, strings.Replace(c.Key, "/", " ", 1))
		if c.ID != "" {
			line += " " + c.ID
		}
		b.WriteString(t.paint(m.color, line))
		if c.Reason != "" {
			b.WriteString(": " + c.Reason)
		}
		b.WriteString("\n")
		for _, f := range c.Fields {
			b.WriteString("      " + fieldText(f, c.Action) + "\n")
		}
	}
	for _, n := range plan.Notices {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	if plan.Empty() {
		fmt.Fprintf(&b, "Nothing to change: cluster %s in %s is as its document says.\n", plan.Cluster, plan.Region)
	} else {
		fmt.Fprintf(&b, "\n%s in cluster %s, %s.\n", plan.Summary(), plan.Cluster, plan.Region)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return errs.Wrap(errs.Internal, err, "write the output")
	}
	return nil
}

func fieldText(f provision.FieldChange, action provision.Action) string {
	text := fmt.Sprintf("%s: %s -> %s", f.Name, orNone(f.Old), orNone(f.New))
	if action == provision.ActionCreate {
		text = fmt.Sprintf("%s: %s", f.Name, f.New)
	}
	if f.Note != "" {
		text += " (" + f.Note + ")"
	}
	return text
}

func orNone(v string) string {
	if v == "" {
		return "(none)"
	}
	return v
}
