package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/slipway-project/slipway/internal/errs"
)

// ask writes a question and returns the line that was typed, without blanks around it. It ends with the context.
func (s *session) ask(ctx context.Context, question string) (string, error) {
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	var got line
	s.display.Suspend(func() {
		_, _ = fmt.Fprint(s.stderr, question+" ")
		go func() {
			text, err := s.stdin.ReadString('\n')
			typed <- line{text, err}
		}()
		select {
		case got = <-typed:
		case <-ctx.Done():
			_, _ = fmt.Fprintln(s.stderr)
			got.err = context.Cause(ctx)
		}
	})
	switch {
	case ctx.Err() != nil:
		return "", got.err
	case got.err != nil && (!errors.Is(got.err, io.EOF) || got.text == ""):
		return "", errs.New(errs.Invalid, "nobody answered").WithRemedy("In scripts, --yes answers every question.")
	}
	return strings.TrimSpace(got.text), nil
}

// confirm asks a question whose answer is yes or no; no answer is no.
func (s *session) confirm(ctx context.Context, question string) (bool, error) {
	answer, err := s.ask(ctx, question+" [y/N]")
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, nil
	default:
		return false, nil
	}
}

// errDeclined ends a command whose question was answered with no.
func errDeclined() error {
	return errs.New(errs.Conflict, "stopped: it was not confirmed, and nothing was changed")
}
