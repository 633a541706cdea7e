package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/errs"
)

// remedyIndent puts remedies below the message, after "slipway: ".
const remedyIndent = "         "

// renderError writes an error for people: each of joined errors on a line of its own, and below it what to do next.
// A remedy that several errors in a row share is written once, after the last of them.
func renderError(w io.Writer, err error) {
	all := flatten(err)
	for i, e := range all {
		_, _ = fmt.Fprintf(w, "slipway: %s\n", indentRest(e.Error()))
		remedies := errs.Remedies(e)
		if i+1 < len(all) && slices.Equal(remedies, errs.Remedies(all[i+1])) {
			continue
		}
		for _, r := range remedies {
			_, _ = fmt.Fprintf(w, "%s%s\n", remedyIndent, strings.ReplaceAll(r, "\n", "\n"+remedyIndent))
		}
	}
}

// logError writes an error as one line of the JSON log.
func logError(w io.Writer, err error, code int) {
	for _, e := range flatten(err) {
		slog.New(slog.NewJSONHandler(w, nil)).LogAttrs(context.Background(), slog.LevelError, "command failed",
			slog.String("err", e.Error()), slog.String("kind", errs.KindOf(e).String()),
			slog.Any("remedies", errs.Remedies(e)), slog.Int("exit_code", code))
	}
}

// flatten returns the errors that err itself joins, whatever is deeper in its chain, or err.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, flatten(e)...)
	}
	if strings.TrimSpace(err.Error()) != joinText(all) {
		return []error{err} // fmt.Errorf with several %w: its own text says more than its parts
	}
	return all
}

func joinText(all []error) string { return strings.TrimSpace(errors.Join(all...).Error()) }

// indentRest puts the lines of a text after its first below the first.
func indentRest(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+remedyIndent)
}
