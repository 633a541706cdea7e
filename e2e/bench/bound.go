package bench

import (
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
)

// Kinds of resources, as the steps are called.
const (
	kindInstance    = "instance"
	kindProfile     = "instance-profile"
	kindBalancer    = "load-balancer"
	kindVPC         = "vpc"
	kindTargetGroup = "target-group"
)

// What the steps that are not simply the making of a resource are called.
const (
	ready  = " ready"
	gone   = " gone"
	remove = "delete "
)

// Cloud is the model in which only the cloud takes time: calls answer at once, what becomes ready is seen that very
// moment, and everything else takes nothing. A graph's critical path under it is what no provisioning by that graph can
// beat. delay gives the time of a transition.
func Cloud(delay func(settings.Transition) time.Duration) Model {
	return Model{
		Takes: func(id string) time.Duration {
			switch kind := kindOf(id); {
			case NodeRuns(id):
				return delay(settings.InstanceRun)
			case kind == kindBalancer && strings.HasSuffix(id, ready):
				return delay(settings.BalancerActivate)
			case kind == kindInstance && strings.HasSuffix(id, gone):
				return delay(settings.InstanceTerminate)
			}
			return 0
		},
		Lag: func(need, id string) time.Duration {
			making := !strings.HasPrefix(id, remove)
			switch kind := kindOf(need); {
			case making && kind == kindProfile && kindOf(id) == kindInstance:
				return delay(settings.ProfileUsable) // EC2 does not know a new profile
			case !making && kind == kindBalancer:
				return delay(settings.BalancerDelete) // its interfaces hold groups, subnets and the gateway
			}
			return 0
		},
	}
}

// NodeRuns reports whether a step ends when an instance runs, which is when work on the host could begin.
func NodeRuns(id string) bool { return kindOf(id) == kindInstance && strings.HasSuffix(id, ready) }

// kindOf returns the kind of the resource that a step is about.
func kindOf(id string) string {
	kind, _, _ := strings.Cut(strings.TrimPrefix(id, remove), "/")
	return kind
}

// Work is what there was to do, counted off the steps of a run.
type Work struct {
	Make   map[string]int // resources made, by kind
	Remove map[string]int // resources removed by calls of their own, by kind
	Nodes  int            // instances that existed when the command began
}

// Work counts a trace's steps.
func (t Trace) Work(nodes int) Work {
	w := Work{Make: map[string]int{}, Remove: map[string]int{}, Nodes: nodes}
	for id := range t {
		switch {
		case strings.HasSuffix(id, ready), strings.HasSuffix(id, gone):
		case strings.HasPrefix(id, remove):
			w.Remove[kindOf(id)]++
		default:
			w.Make[kindOf(id)]++
		}
	}
	return w
}

// discovery is one call for each kind of thing that a cluster may have, which also finds what a dead run left: VPCs,
// subnets, route tables, internet gateways, security groups, key pairs, instances, volumes, load balancers, target
// groups, the role, its policy, the instance profile, leases.
const discovery = 14

// Least returns the fewest AWS calls that do the work:
//
//   - one for each kind of thing to discover, and for each property that AWS tells only of one object at a time;
//   - for up, one each for the region's zones, the instance types and the image's ID, and for the image if a node is made;
//   - one for each object made or removed, and one more where AWS does not take a wanted property at its creation;
//   - taking and releasing the lease, if there is anything to do;
//   - one look for each thing to wait for, all instances together being one.
func (w Work) Least(up bool) int {
	n := discovery
	if w.Nodes > 0 {
		// Of the VPC two attributes, of the load balancer its attributes and listeners, of the target group its attributes
		// and targets, of all instances the checks, and of each its protection.
		n += 2 + 2 + 2 + 1 + w.Nodes
	}
	if up {
		n += 3
	}
	if w.Make[kindInstance] > 0 {
		n++
	}
	for kind, count := range w.Make {
		n += count * (1 + afterwards(kind))
	}
	for kind, count := range w.Remove {
		n += count
		if kind == kindProfile {
			n += count // its role must be taken out first
		}
	}
	if len(w.Make)+len(w.Remove) > 0 {
		n += 2
	}
	for _, kind := range []string{kindInstance, kindBalancer} {
		if w.Make[kind]+w.Remove[kind] > 0 {
			n++
		}
	}
	if w.Make[kindProfile] > 0 && w.Make[kindInstance] > 0 {
		n++ // until EC2 knows the profile
	}
	return n
}

// afterwards is how many calls a new object of the kind needs to be as it is wanted.
func afterwards(kind string) int {
	switch kind {
	case kindVPC, // DNS names
		kindProfile,     // its role
		kindBalancer,    // across zones
		kindTargetGroup: // who the client is
		return 1
	}
	return 0
}
