package errs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/errs"
)

func TestKindOf(t *testing.T) {
	t.Parallel()
	conflict := errs.New(errs.Conflict, "the lease is held")
	for name, tt := range map[string]struct {
		err  error
		want errs.Kind
	}{
		"plain":             {io.EOF, errs.Internal},
		"direct":            {conflict, errs.Conflict},
		"wrapped":           {fmt.Errorf("plan: %w", conflict), errs.Conflict},
		"outermost wins":    {errs.Wrap(errs.Unavailable, conflict, "ask"), errs.Unavailable},
		"joined":            {errors.Join(io.EOF, conflict), errs.Conflict},
		"cancelled":         {fmt.Errorf("wait: %w", context.Canceled), errs.Unavailable},
		"deadline":          {context.DeadlineExceeded, errs.Unavailable},
		"classed, deadline": {errs.Wrap(errs.Exhausted, context.DeadlineExceeded, "wait"), errs.Exhausted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := errs.KindOf(tt.err); got != tt.want || !errs.Is(tt.err, tt.want) {
				t.Errorf("KindOf = %s, want %s", got, tt.want)
			}
		})
	}
	if errs.Is(nil, errs.Internal) {
		t.Error("no error is of no kind")
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range errs.Kinds() {
		if name := k.String(); name == "" || seen[name] {
			t.Errorf("the kind %d is called %q", k, name)
		}
		seen[k.String()] = true
	}
	if len(seen) != 8 || errs.Kind(200).String() != "internal" {
		t.Errorf("%d kinds; an unknown one is %s", len(seen), errs.Kind(200))
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"no such node":       errs.New(errs.NotFound, "no such node").WithRemedy("list them"),
		"read document: EOF": errs.Wrap(errs.Internal, io.EOF, "read document"),
		"EOF":                errs.Wrap(errs.Internal, io.EOF, ""),
		"up: no answer: EOF": fmt.Errorf("up: %w", errs.Wrap(errs.Unavailable, io.EOF, "no answer").WithRetry()),
		"first line\nsecond": errors.Join(errors.New("first line"), errs.New(errs.Invalid, "second")),
	} {
		if err.Error() != want {
			t.Errorf("Error() = %q, want %q", err.Error(), want)
		}
	}
	if cause := errs.Wrap(errs.Internal, io.EOF, "read"); !errors.Is(cause, io.EOF) {
		t.Error("the cause is lost")
	}
}

func TestCopies(t *testing.T) {
	t.Parallel()
	base := errs.New(errs.Unavailable, "no answer")
	changed := base.WithRemedy("wait").WithRetry()
	if base.Remedy != "" || base.Retryable {
		t.Error("WithRemedy or WithRetry changed the error they were called on")
	}
	if changed.Remedy != "wait" || !errs.Retryable(fmt.Errorf("up: %w", changed)) || errs.Retryable(base) || errs.Retryable(io.EOF) {
		t.Errorf("changed = %+v", changed)
	}
}

func TestRemedies(t *testing.T) {
	t.Parallel()
	inner := errs.New(errs.Exhausted, "disk full").WithRemedy("free some space")
	err := errs.Wrap(errs.Internal, errors.Join(
		fmt.Errorf("node 1: %w", inner),
		errs.New(errs.Exhausted, "disk full").WithRemedy(" free some space "),
		errs.New(errs.Unavailable, "no answer"),
		errs.New(errs.Unavailable, "no answer").WithRemedy("look at the network"),
	), "roll out").WithRemedy("run up again")
	want := []string{"run up again", "free some space", "look at the network"}
	if diff := cmp.Diff(want, errs.Remedies(err)); diff != "" {
		t.Errorf("remedies (-want +got):\n%s", diff)
	}
	if errs.Remedies(nil) != nil {
		t.Error("no error has remedies")
	}
}
