package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// event is one line of a log, at so many seconds.
func event(second int, step, state string, needs ...string) string {
	waits := ""
	if len(needs) > 0 {
		waits = fmt.Sprintf(`,"waits_for":["infrastructure/%s"]`, strings.Join(needs, `","infrastructure/`))
	}
	return fmt.Sprintf(`{"time":"2026-01-01T00:00:%02d.5Z","level":"INFO","msg":"step","step":"infrastructure/%s","state":%q%s}`+"\n", second, step, state, waits)
}

// diamond is a graph whose longest chain by what the steps took is not the one by the cloud's latencies.
var diamond = strings.Join([]string{
	`{"time":"2026-01-01T00:00:00Z","level":"INFO","msg":"step","step":"plan","state":"running"}` + "\n",
	event(0, "lease", "running"), event(1, "lease", "done"),
	event(1, "left", "waiting", "top"), event(1, "bottom", "waiting", "left", "right"), event(1, "right", "waiting", "top"),
	event(1, "top", "running"), event(3, "top", "done"),
	event(3, "left", "running"), event(3, "right", "running"), event(4, "left", "running"),
	event(6, "left", "done"), event(10, "right", "done"), event(12, "bottom", "running"), event(13, "bottom", "done"),
	`{"time":"2026-01-01T00:00:14Z","level":"INFO","msg":"phase","phase":"infrastructure","state":"done"}` + "\n",
}, "")

func trace(t *testing.T, log string) Trace {
	t.Helper()
	tr, err := ReadTrace(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestCriticalPath(t *testing.T) {
	t.Parallel()
	tr := trace(t, diamond)
	if got := tr.Wall(); got != 12*time.Second {
		t.Errorf("wall time is %v, want 12s", got)
	}
	for name, test := range map[string]struct {
		model Model
		took  time.Duration
		path  []string
	}{
		"as measured": {tr.Measured(), 10 * time.Second, []string{"top", "right", "bottom"}}, // without the 2 s that bottom did not begin
		"by a model": {Model{Takes: func(id string) time.Duration {
			return map[string]time.Duration{"left": 5 * time.Second}[id]
		}}, 5 * time.Second, []string{"top", "left", "bottom"}},
		"with a lag": {Model{
			Takes: func(string) time.Duration { return time.Second },
			Lag: func(need, id string) time.Duration {
				return map[string]time.Duration{"right bottom": time.Minute}[need+" "+id]
			},
		}, 63 * time.Second, []string{"top", "right", "bottom"}},
	} {
		took, path := tr.Critical(test.model)
		if took != test.took {
			t.Errorf("%s: critical path is %v, want %v", name, took, test.took)
		}
		if diff := cmp.Diff(test.path, path); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPartOfGraph(t *testing.T) {
	t.Parallel()
	part := trace(t, diamond).Until(func(id string) bool { return id == "left" })
	if diff := cmp.Diff([]string{"left", "top"}, slices.Sorted(maps.Keys(part))); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if got := part.Wall(); got != 5*time.Second {
		t.Errorf("wall time is %v, want 5s", got)
	}
}

func TestLogsThatTellNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ log, want string }{
		"a failure":       {event(1, "a", "running") + event(2, "a", "failed"), "step a is failed"},
		"a step cut off":  {event(1, "a", "running"), "step a did not end"},
		"no JSON at all":  {"all is well\n", "read progress"},
		"a step not made": {event(1, "a", "waiting", "b"), "step a did not end"},
	} {
		if _, err := ReadTrace(strings.NewReader(test.log)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}
