package settings_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
)

func with(t *testing.T, v settings.Values) *settings.Settings {
	t.Helper()
	s, err := settings.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDelays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values settings.Values
		t      settings.Transition
		want   time.Duration
	}{
		{settings.Values{Latency: settings.None, Scale: 1}, settings.InstanceRun, 0},
		{settings.Values{Latency: settings.Fast, Scale: 1}, settings.InstanceRun, time.Second},
		{settings.Values{Latency: settings.Fast, Scale: 2}, settings.InstanceRun, 2 * time.Second},
		{settings.Values{Latency: settings.AWS, Scale: 1}, settings.InstanceRun, 30 * time.Second},
		{settings.Values{Latency: settings.AWS, Scale: 0.1}, settings.BalancerActivate, 15 * time.Second},
		{settings.Values{Latency: settings.AWS, Scale: 0}, settings.BalancerActivate, 0},
		{settings.Values{Latency: settings.None, Scale: 1}, settings.InstanceForget, 10 * time.Minute}, // corpses are always met
		{settings.Values{Latency: settings.AWS, Scale: 1}, settings.InstanceForget, time.Hour},
		{settings.Values{Latency: settings.AWS, Scale: 1}, settings.NetworkConsistency, 0},
		{settings.Values{Latency: settings.None, Lag: 1.5}, settings.NetworkConsistency, 1500 * time.Millisecond},
	} {
		if got := with(t, test.values).Delay(test.t); got != test.want {
			t.Errorf("%+v, %s: got %s, want %s", test.values, test.t, got, test.want)
		}
	}
}

// TestEveryTransitionTakesTime: a name that has no figure would be over at once on any profile, unnoticed.
func TestEveryTransitionTakesTime(t *testing.T) {
	t.Parallel()
	s := with(t, settings.Values{Latency: settings.AWS, Scale: 1, Lag: 1})
	for _, transition := range settings.Transitions() {
		if s.Delay(transition) <= 0 {
			t.Errorf("%s takes no time", transition)
		}
	}
}

func TestBadValuesChangeNothing(t *testing.T) {
	t.Parallel()
	s := with(t, settings.Defaults())
	for _, v := range []settings.Values{
		{},
		{Latency: "slow", Scale: 1},
		{Latency: settings.AWS, Scale: -1},
		{Latency: settings.AWS, Scale: 1, RateLimit: -1},
		{Latency: settings.AWS, Scale: 1, LoseReplies: -1},
		{Latency: settings.AWS, Scale: 1, Lag: -1},
	} {
		if err := s.Set(v); !errs.Is(err, errs.Invalid) {
			t.Errorf("%+v: got %v", v, err)
		}
	}
	if s.Get() != settings.Defaults() {
		t.Errorf("got %+v", s.Get())
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := with(t, settings.Values{Latency: settings.None, Scale: 1, RateLimit: 5})
		admitted := func(tries int) (n int) {
			for range tries {
				if s.Admit() {
					n++
				}
			}
			return n
		}
		if got := admitted(20); got != 5 {
			t.Errorf("a burst let %d through", got)
		}
		<-time.After(400 * time.Millisecond)
		if got := admitted(20); got != 2 {
			t.Errorf("after 400ms %d more", got)
		}
		<-time.After(time.Hour)
		if got := admitted(20); got != 5 {
			t.Errorf("after an hour %d", got)
		}
	})
	if !with(t, settings.Defaults()).Admit() {
		t.Error("without a limit a call was refused")
	}
}

func TestLostReplies(t *testing.T) {
	t.Parallel()
	s := with(t, settings.Values{Latency: settings.None, Scale: 1, LoseReplies: 3})
	for i, want := range []bool{true, true, false, true, true, false} {
		if got := s.KeepReply(); got != want {
			t.Errorf("reply %d: kept %v", i+1, got)
		}
	}
	if !with(t, settings.Defaults()).KeepReply() {
		t.Error("by default a reply was lost")
	}
}
