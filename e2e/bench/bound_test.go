package bench

import (
	"testing"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
)

// awsTimes is AWS's own time of each transition.
func awsTimes(t *testing.T) func(settings.Transition) time.Duration {
	t.Helper()
	s, err := settings.New(settings.Values{Latency: settings.AWS, Scale: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s.Delay
}

// of makes a trace of steps and their needs.
func of(needs map[string][]string) Trace {
	t := Trace{}
	for id, n := range needs {
		t[id] = Step{ID: id, Needs: n}
	}
	return t
}

func TestBound(t *testing.T) {
	t.Parallel()
	instance := map[string][]string{
		"vpc/main": nil, "instance-profile/node": nil, "instance/a": {"vpc/main", "instance-profile/node"}, "instance/a ready": {"instance/a"},
	}
	for name, test := range map[string]struct {
		steps map[string][]string
		want  time.Duration
	}{
		"a node waits for its profile":         {instance, 38 * time.Second},
		"a profile that is there":              {map[string][]string{"instance/a": nil, "instance/a ready": {"instance/a"}}, 30 * time.Second},
		"a load balancer":                      {map[string][]string{"load-balancer/m": nil, "load-balancer/m ready": {"load-balancer/m"}}, 150 * time.Second},
		"calls take nothing":                   {map[string][]string{"vpc/main": nil, "subnet/a": {"vpc/main"}}, 0},
		"what lived with a node goes after it": {map[string][]string{"delete instance/a i": nil, "delete instance/a i gone": {"delete instance/a i"}, "delete subnet/a s": {"delete instance/a i gone"}}, 30 * time.Second},
		"what a load balancer held":            {map[string][]string{"delete load-balancer/m arn": nil, "delete subnet/a s": {"delete load-balancer/m arn"}}, 15 * time.Second},
		"nothing":                              {nil, 0},
	} {
		if got, path := of(test.steps).Critical(Cloud(awsTimes(t))); got != test.want {
			t.Errorf("%s: %v by %v, want %v", name, got, path, test.want)
		}
	}
}

func TestLeastCalls(t *testing.T) {
	t.Parallel()
	made := of(map[string][]string{
		"vpc/main": nil, "subnet/a": nil, "instance-profile/node": nil, "instance/a": nil, "instance/b": nil, "instance/a ready": nil, "instance/b ready": nil,
	})
	removed := of(map[string][]string{
		"delete vpc/main v": nil, "delete instance-profile/node p": nil, "delete instance/a i": nil, "delete instance/a i gone": nil,
	})
	for name, test := range map[string]struct {
		trace Trace
		nodes int
		up    bool
		want  int
	}{
		"a second up":            {Trace{}, 2, true, 14 + 3 + 7 + 2},
		"an up of two nodes":     {made, 0, true, 14 + 3 + 1 + (2 + 1 + 2 + 2) + 2 + 2}, // discover, region, image, make, lease, waits
		"a destroy of one node":  {removed, 1, false, 14 + 7 + 1 + (1 + 2 + 1) + 2 + 1},
		"a destroy of no object": {Trace{}, 0, false, 14},
	} {
		if got := test.trace.Work(test.nodes).Least(test.up); got != test.want {
			t.Errorf("%s: %d calls, want %d", name, got, test.want)
		}
	}
}
