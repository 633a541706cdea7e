package obs_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/secret"
)

func TestNewLogger(t *testing.T) {
	t.Parallel()
	var text, lines bytes.Buffer
	plain, err := obs.NewLogger(&text, obs.LogConfig{})
	if err != nil {
		t.Fatal(err)
	}
	machine, err := obs.NewLogger(&lines, obs.LogConfig{Format: obs.LogJSON, Level: "debug"})
	if err != nil {
		t.Fatal(err)
	}

	plain.Debug("hidden")
	obs.Component(plain, "provision").Info("created instance", "token", secret.New("hunter2"))
	machine.Debug("shown", "token", secret.New("hunter2"))

	if got := text.String(); strings.Contains(got, "hidden") || !strings.Contains(got, `component=provision token=***`) {
		t.Errorf("text log = %q", got)
	}
	var line map[string]any
	if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
		t.Fatalf("JSON log = %q: %v", lines.String(), err)
	}
	if line["msg"] != "shown" || line["level"] != "DEBUG" || line["token"] != "***" {
		t.Errorf("JSON log = %v", line)
	}
}

func TestNewLoggerRefuses(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]obs.LogConfig{
		"level":        {Level: "loud"},
		"level offset": {Level: "info+2"},
		"format":       {Format: "xml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := obs.NewLogger(nil, cfg); !errs.Is(err, errs.Invalid) {
				t.Errorf("NewLogger(%+v) = %v, want an invalid error", cfg, err)
			}
		})
	}
}

func TestProgressFunc(t *testing.T) {
	t.Parallel()
	var got []string
	p := obs.ProgressFunc(func(e obs.Event) { got = append(got, e.Step) })
	p.Emit(obs.Event{Step: "a"})
	obs.NoProgress.Emit(obs.Event{Step: "dropped"})
	if len(got) != 1 || got[0] != "a" {
		t.Errorf("events = %v", got)
	}
}
