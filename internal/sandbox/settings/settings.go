// Package settings holds what an operator or a test may change of a running sandbox: how long its transitions take and
// how many calls it lets through.
//
// It imports the standard library and the base layer only. A Settings is safe for concurrent use.
package settings

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
)

// Transition is one kind of change that takes time on AWS.
type Transition string

// The transitions.
const (
	InstanceRun        Transition = "instance-run"        // pending -> running
	InstanceStatus     Transition = "instance-status"     // running -> status checks ok
	InstanceStop       Transition = "instance-stop"       // stopping -> stopped
	InstanceTerminate  Transition = "instance-terminate"  // shutting-down -> terminated
	InstanceForget     Transition = "instance-forget"     // terminated -> not described any more
	BalancerActivate   Transition = "balancer-activate"   // provisioning -> active
	BalancerDelete     Transition = "balancer-delete"     // deleted -> its network interface is gone
	TargetRegister     Transition = "target-register"     // initial -> first health check
	TargetDrain        Transition = "target-drain"        // draining -> unused
	VolumeCreate       Transition = "volume-create"       // creating -> available
	VolumeAttach       Transition = "volume-attach"       // attaching -> attached
	ProfileUsable      Transition = "profile-usable"      // an instance profile is known to EC2
	NetworkConsistency Transition = "network-consistency" // a new VPC, subnet or group is in lists; Values.Lag alone says
)

// figures are the times that AWS takes: medians of public apply logs and of AWS's own documentation.
var figures = map[Transition]time.Duration{ //nolint:gochecknoglobals // a constant table
	InstanceRun:        30 * time.Second,
	InstanceStatus:     150 * time.Second,
	InstanceStop:       30 * time.Second,
	InstanceTerminate:  30 * time.Second,
	InstanceForget:     time.Hour,
	BalancerActivate:   150 * time.Second,
	BalancerDelete:     15 * time.Second,
	TargetRegister:     3 * time.Second,
	TargetDrain:        300 * time.Second,
	VolumeCreate:       3 * time.Second,
	VolumeAttach:       3 * time.Second,
	ProfileUsable:      8 * time.Second,
	NetworkConsistency: 0,
}

// forgotten is how long a terminated instance stays visible whatever the profile, unless that makes it longer:
// provisioning must always meet the corpses.
const forgotten = 10 * time.Minute

// Profile names a set of latencies.
type Profile string

// The profiles.
const (
	None Profile = "none" // every transition is over at once
	Fast Profile = "fast" // a thirtieth of AWS's time: each state is seen, nobody waits for long
	AWS  Profile = "aws"  // AWS's own time
)

// fastScale is what Fast multiplies AWS's times with.
const fastScale = 1.0 / 30

// Values are the settings as data.
type Values struct {
	Latency Profile `json:"latency"`
	Scale   float64 `json:"scale"` // multiplies every latency; 1 is the profile's own
	// RateLimit is how many calls a second are let through, with bursts of as many; the rest is throttled. 0 is no limit.
	RateLimit float64 `json:"rateLimit"`
	// LoseReplies makes every call of that number which changes something act without an answer: the connection is cut. 3
	// is every third one; 0 is none.
	LoseReplies int `json:"loseReplies"`
	// Lag is for how many seconds new VPCs, subnets, gateways, route tables and security groups stay out of lists, as they
	// may on AWS, where lists are behind what was done. They can be used at once by their ids. 0 is not at all.
	Lag float64 `json:"lag"`
}

// Defaults are the settings of a sandbox that nobody set.
func Defaults() Values { return Values{Latency: Fast, Scale: 1} }

// ParseProfile reads a profile's name.
func ParseProfile(name string) (Profile, error) {
	all := []Profile{None, Fast, AWS}
	if p := Profile(name); slices.Contains(all, p) {
		return p, nil
	}
	return "", errs.New(errs.Invalid, fmt.Sprintf("unknown latency %q: must be none, fast or aws", name))
}

// Settings are the values in force.
type Settings struct {
	mu     sync.RWMutex
	values Values
	tokens float64 // of the rate limit's bucket
	filled time.Time
	sent   int // replies to calls that change something
}

// New returns settings with the values in force.
func New(v Values) (*Settings, error) {
	s := &Settings{}
	if err := s.Set(v); err != nil {
		return nil, err
	}
	return s, nil
}

// Get returns the values in force.
func (s *Settings) Get() Values {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.values
}

// Set puts values in force, for transitions that begin from now on.
func (s *Settings) Set(v Values) error {
	if _, err := ParseProfile(string(v.Latency)); err != nil {
		return err
	}
	if v.Scale < 0 || v.RateLimit < 0 || v.LoseReplies < 0 || v.Lag < 0 {
		return errs.New(errs.Invalid, "scale, rateLimit, loseReplies and lag must not be negative")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values, s.tokens, s.filled = v, v.RateLimit, time.Now()
	return nil
}

// Delay returns how long a transition takes now.
func (s *Settings) Delay(t Transition) time.Duration {
	v := s.Get()
	if t == NetworkConsistency {
		return time.Duration(v.Lag * float64(time.Second))
	}
	scale := v.Scale
	switch v.Latency {
	case None:
		scale = 0
	case Fast:
		scale *= fastScale
	case AWS:
	}
	d := time.Duration(float64(figures[t]) * scale)
	if t == InstanceForget {
		return max(d, forgotten)
	}
	return d
}

// Admit reports whether the rate limit lets one more call through now, and counts it.
func (s *Settings) Admit() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values.RateLimit == 0 {
		return true
	}
	now := time.Now()
	s.tokens = min(s.values.RateLimit, s.tokens+now.Sub(s.filled).Seconds()*s.values.RateLimit)
	s.filled = now
	if s.tokens < 1 {
		return false
	}
	s.tokens--
	return true
}

// KeepReply reports whether the answer to a call that changed something is sent, and counts it.
func (s *Settings) KeepReply() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values.LoseReplies == 0 {
		return true
	}
	s.sent++
	return s.sent%s.values.LoseReplies != 0
}

// Transitions returns the name of every transition, sorted.
func Transitions() []Transition {
	return slices.SortedFunc(maps.Keys(figures), func(a, b Transition) int { return strings.Compare(string(a), string(b)) })
}
