package rollout

import (
	"fmt"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/rollout/swarm"
)

// Health is how a cluster is at one moment, as its hosts, their engines and the swarm's managers answered.
type Health struct {
	Cluster  string       `json:"cluster"`
	Healthy  bool         `json:"healthy"` // there are no problems
	Quorum   swarm.Quorum `json:"quorum"`  // zero: no manager could say
	Leader   string       `json:"leader"`  // node name; empty: none
	Nodes    []NodeHealth `json:"nodes"`   // in the inventory's order
	Problems []string     `json:"problems"`
	Notices  []string     `json:"notices"`
}

// NodeHealth is how a node is.
type NodeHealth struct {
	Name     string       `json:"name"`
	Zone     string       `json:"zone"`
	Role     cluster.Role `json:"role"`
	Instance string       `json:"instanceId"`
	State    string       `json:"instanceState"` // EC2's
	SSH      bool         `json:"ssh"`           // the host lets us in
	Engine   string       `json:"engine"`        // version; empty: it does not answer
	Own      OwnView      `json:"own"`
	Manager  ManagerView  `json:"manager"`
	Problems []string     `json:"problems"`
}

// OwnView is what a node's engine says of its membership.
type OwnView struct {
	State   string `json:"state"`            // inactive, pending, active, error or locked; empty: it does not answer
	Control bool   `json:"controlAvailable"` // it is a manager that can decide or pass on
	Error   string `json:"error,omitempty"`
}

// ManagerView is what the swarm's managers say of a node.
type ManagerView struct {
	ID           string `json:"id,omitempty"` // of the swarm node; empty: they do not know it
	Role         string `json:"role,omitempty"`
	Availability string `json:"availability,omitempty"`
	State        string `json:"state,omitempty"`
	Reachability string `json:"reachability,omitempty"` // of a manager
	Leader       bool   `json:"leader,omitempty"`
}

// problem notes what is wrong with a node, with its name and zone.
func (h *Health) problem(n *NodeHealth, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	n.Problems = append(n.Problems, text)
	h.Problems = append(h.Problems, fmt.Sprintf("%s (%s): %s", n.Name, n.Zone, text))
}
