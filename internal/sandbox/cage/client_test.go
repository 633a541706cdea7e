//go:build linux

package cage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
)

func TestErrorsKeepTheirKindOverTheSocket(t *testing.T) {
	t.Parallel()
	for _, kind := range errs.Kinds() {
		sent := fmt.Errorf("attach volume vol-1: %w", errs.New(kind, "it is mounted").WithRemedy("Unmount it.").WithRetry())
		text, err := json.Marshal(newFailure(sent))
		if err != nil {
			t.Fatal(err)
		}
		var f failure
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatal(err)
		}
		got := f.error()
		if errs.KindOf(got) != kind || got.Error() != sent.Error() || !errs.Retryable(got) || errs.Remedies(got)[0] != "Unmount it." {
			t.Errorf("%v came as %v of kind %v, with remedies %v", sent, got, errs.KindOf(got), errs.Remedies(got))
		}
	}
}

func TestPatienceEndsBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	if got := patience(t.Context()); got != 0 {
		t.Errorf("without a deadline: %d s, want 0", got)
	}
	for _, tt := range []struct {
		left time.Duration
		want int
	}{{30 * time.Second, 23}, {100 * time.Millisecond, 1}, {-time.Second, 1}} {
		ctx, cancel := context.WithTimeout(t.Context(), tt.left)
		if got := patience(ctx); got != tt.want && got != tt.want+1 {
			t.Errorf("%v left: %d s, want %d", tt.left, got, tt.want)
		}
		cancel()
	}
}

func TestConfigIsCheckedBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"id":              {ID: "A/B", StateDir: "/s", RunDir: "/r"},
		"no id":           {StateDir: "/s", RunDir: "/r"},
		"state directory": {ID: "a", StateDir: "s", RunDir: "/r"},
		"run directory":   {ID: "a", StateDir: "/s"},
	} {
		if _, err := Start(t.Context(), cfg); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
	if err := ignorePipe(errors.New("x")); err == nil {
		t.Error("an error other than a closed pipe was dropped")
	}
}
