package progress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/obs"
)

// event makes an event of the step that happens now.
func event(step string, state obs.StepState, change ...func(*obs.Event)) obs.Event {
	e := obs.Event{Time: time.Now(), Step: step, State: state}
	for _, c := range change {
		c(&e)
	}
	return e
}

func titled(t string) func(*obs.Event)          { return func(e *obs.Event) { e.Title = t } }
func detail(t string) func(*obs.Event)          { return func(e *obs.Event) { e.Detail = t } }
func expected(d time.Duration) func(*obs.Event) { return func(e *obs.Event) { e.Expected = d } }
func waiting(steps ...string) func(*obs.Event)  { return func(e *obs.Event) { e.WaitsFor = steps } }
func failing(err error) func(*obs.Event)        { return func(e *obs.Event) { e.Err = err } }
func emit(to obs.Progress, events ...obs.Event) { each(events, to.Emit) }
func each(events []obs.Event, f func(obs.Event)) {
	for _, e := range events {
		f(e)
	}
}

// wait lets time pass; every test that calls it runs in a bubble of its own.
func wait(d time.Duration) {
	time.Sleep(d)
	synctest.Wait() // what falls due at the same instant is done too
}

// story plays a small run: the network is made, of two instances one comes up and one fails.
func story(to obs.Progress) {
	emit(to,
		event("plan", obs.StepRunning, titled("plan")),
		event("plan", obs.StepDone, detail("4 to create")),
		event("infrastructure/vpc", obs.StepRunning, titled("network"), expected(2*time.Second)),
		event("infrastructure/instance/manager-1", obs.StepWaiting, titled("instance manager-1"), waiting("infrastructure/vpc")),
		event("infrastructure/instance/linux-1", obs.StepWaiting, titled("instance linux-1"), waiting("infrastructure/vpc")),
	)
	wait(1500 * time.Millisecond)
	emit(to,
		event("infrastructure/vpc", obs.StepDone, detail("created vpc-1")),
		event("infrastructure/instance/manager-1", obs.StepRunning, expected(30*time.Second), detail("starts i-1")),
		event("infrastructure/instance/linux-1", obs.StepRunning, expected(30*time.Second)),
	)
	wait(12 * time.Second)
}

func ending(to obs.Progress) {
	emit(to,
		event("infrastructure/instance/manager-1", obs.StepDone, detail("i-1 runs")),
		event("infrastructure/instance/linux-1", obs.StepFailed, failing(errors.New("run instances:\nInsufficientInstanceCapacity"))),
	)
}

// screen is a terminal that understands what Live writes: lines, cursor up, clear to the end of line and of screen.
type screen struct {
	mu    sync.Mutex
	lines []string
	row   int
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for text := string(p); text != ""; {
		switch {
		case strings.HasPrefix(text, "\x1b["):
			end := strings.IndexAny(text, "AKJ")
			switch text[end] {
			case 'A':
				for range atoi(text[2:end]) {
					s.row--
				}
			case 'J':
				s.lines = s.lines[:s.row]
			}
			text = text[end+1:]
		default:
			line, rest, _ := strings.Cut(text, "\n")
			s.put(strings.TrimSuffix(line, "\x1b[K"))
			text = rest
		}
	}
	return len(p), nil
}

func (s *screen) put(line string) {
	if s.row == len(s.lines) {
		s.lines = append(s.lines, "")
	}
	s.lines[s.row] = line
	s.row++
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n") + "\n"
}

func atoi(digits string) (n int) {
	for _, d := range digits {
		n = n*10 + int(d-'0')
	}
	return n
}

func fixedSize(width, height int) func() (int, int) {
	return func() (int, int) { return width, height }
}

func TestLiveDrawsInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{}
		live := NewLive(s, fixedSize(81, 25), Style{})
		story(live)
		synctest.Wait()
		_, _ = live.Write([]byte("a line of the log\n"))
		want := `a line of the log
+ plan                              0.0s  4 to create
\ infrastructure                    13s  1 of 3 steps
  \ instance manager-1              12s of about 30s  starts i-1
  \ instance linux-1                12s of about 30s
`
		if diff := cmp.Diff(want, s.String()); diff != "" {
			t.Errorf("picture (-want +got):\n%s", diff)
		}
		ending(live)
		wait(redraw)
		if got := s.String(); !strings.Contains(got, "x instance linux-1                run instances: InsufficientInstanceCapacity\n") {
			t.Errorf("the picture does not show what failed:\n%s", got)
		}
		live.Close()
		want = `a line of the log
+ plan: 4 to create, 0.0s
x infrastructure: 1 of 3 steps failed, 13s
`
		if diff := cmp.Diff(want, s.String()); diff != "" {
			t.Errorf("summary (-want +got):\n%s", diff)
		}
	})
}

func TestLiveLeavesTheScreenToQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{}
		live := NewLive(s, fixedSize(80, 24), Style{})
		live.Emit(event("plan", obs.StepRunning))
		wait(time.Second)
		live.Suspend(func() {
			wait(time.Second)
			if got := s.String(); got != "\n" {
				t.Errorf("while suspended the screen shows %q", got)
			}
		})
		wait(redraw)
		if !strings.Contains(s.String(), "plan") {
			t.Error("the picture did not come back")
		}
		live.Close()
	})
}

func TestFrameFitsTheTerminal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newModel()
		for _, n := range strings.Fields("a b c d e f g h") {
			m.apply(event("infrastructure/instance/"+n, obs.StepRunning, detail(strings.Repeat("wide ", 20))))
		}
		m.apply(event("rollout/engine/a", obs.StepWaiting, waiting("infrastructure/a", "b", "c", "d", "e")))
		for _, style := range []Style{{}, {Unicode: true}} {
			lines := frame(m, time.Now(), 30, 6, style)
			if len(lines) > 6 {
				t.Errorf("%d lines do not fit 6", len(lines))
			}
			for _, l := range lines {
				if n := len([]rune(l)); n > 30 {
					t.Errorf("%d columns do not fit 30: %q", n, l)
				}
			}
			if last := strings.Join(lines, "\n"); !strings.Contains(last, "and 5 more") {
				t.Errorf("nothing says how many steps are left out:\n%s", last)
			}
		}
	})
}

func TestColorsDoNotCountAsColumns(t *testing.T) {
	t.Parallel()
	got := Style{Color: true}.line(8, span{"abc", red}, span{"defghijk", bold})
	if want := "\x1b[31mabc\x1b[0m\x1b[1mde...\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPlainWritesALineForEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		plain := NewPlain(&b)
		story(plain)
		plain.Emit(event("infrastructure/instance/manager-1", obs.StepRunning, detail("starts i-1"))) // says nothing new
		ending(plain)
		emit(plain, event("rollout/swarm", obs.StepRunning), event("rollout/swarm", obs.StepFailed, failing(fmt.Errorf("wait: %w", context.Canceled))))
		plain.Close()
		want := `2000-01-01T00:00:00Z  plan: started
2000-01-01T00:00:00Z  plan: done in 0.0s: 4 to create
2000-01-01T00:00:00Z  infrastructure  network: started, expected to take 2.0s
2000-01-01T00:00:01Z  infrastructure  network: done in 1.5s: created vpc-1
2000-01-01T00:00:01Z  infrastructure  instance manager-1: starts i-1
2000-01-01T00:00:01Z  infrastructure  instance linux-1: started, expected to take 30s
2000-01-01T00:00:13Z  infrastructure  instance manager-1: done in 12s: i-1 runs
2000-01-01T00:00:13Z  infrastructure  instance linux-1: FAILED after 12s: run instances: InsufficientInstanceCapacity
2000-01-01T00:00:13Z  rollout  swarm: started
2000-01-01T00:00:13Z  rollout  swarm: stopped after 0.0s
2000-01-01T00:00:13Z  summary  plan: 4 to create, 0.0s
2000-01-01T00:00:13Z  summary  infrastructure: 1 of 3 steps failed, 13s
2000-01-01T00:00:13Z  summary  rollout: 1 of 1 steps failed, 0.0s
`
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

func TestJSONWritesEveryEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		lines := NewJSON(&b)
		emit(lines,
			event("a/b", obs.StepWaiting, titled("the b"), waiting("a/c")),
			event("a/b", obs.StepRunning, expected(time.Second)))
		wait(1500 * time.Millisecond)
		emit(lines, event("a/b", obs.StepFailed, failing(errors.New("no"))))
		lines.Close()
		want := `{"time":"2000-01-01T00:00:00Z","level":"INFO","msg":"step","step":"a/b","title":"the b","state":"waiting","waits_for":["a/c"]}
{"time":"2000-01-01T00:00:00Z","level":"INFO","msg":"step","step":"a/b","title":"the b","state":"running","expected_s":1}
{"time":"2000-01-01T00:00:01.5Z","level":"ERROR","msg":"step","step":"a/b","title":"the b","state":"failed","expected_s":1,"took_s":1.5,"err":"no"}
{"time":"2000-01-01T00:00:01.5Z","level":"INFO","msg":"phase","phase":"a","state":"failed","steps":1,"took_s":1.5}
`
		got := strings.ReplaceAll(b.String(), time.Now().Format("-07:00"), "Z")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

func TestShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 400 * time.Millisecond: "0.4s", 12 * time.Second: "12s", 65 * time.Second: "1m05s", 62 * time.Minute: "1h02m",
	} {
		if got := short(d); got != want {
			t.Errorf("short(%s) = %q, want %q", d, got, want)
		}
	}
}
