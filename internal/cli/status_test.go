package cli

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/app"
	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/rollout"
	"github.com/slipway-project/slipway/internal/rollout/swarm"
)

func TestStatusTable(t *testing.T) {
	t.Parallel()
	status := &app.Status{
		Problems:  []string{"manager-2 (us-east-1b): unreachable"},
		Notices:   []string{"linux-1 (us-east-1a): its availability is drain; somebody set it"},
		Inventory: &cluster.Inventory{Cluster: "demo", Endpoint: "198.18.0.20"},
		Health: &rollout.Health{
			Leader: "manager-1", Quorum: swarm.Quorum{Managers: 2, Reachable: 1, Needed: 2},
			Nodes: []rollout.NodeHealth{
				{Name: "manager-1", Zone: "us-east-1a", Instance: "i-1", State: "running", SSH: true, Engine: "20.10.24", Manager: rollout.ManagerView{ID: "x", Role: "manager", Leader: true, State: "ready", Availability: "active", Reachability: "reachable"}},
				{Name: "manager-2", Zone: "us-east-1b", Instance: "i-2", State: "running", Manager: rollout.ManagerView{ID: "y", Role: "manager", State: "down", Availability: "active", Reachability: "unreachable"}},
				{Name: "linux-1", Zone: "us-east-1a", Instance: "i-3", State: "running", SSH: true, Engine: "20.10.24", Manager: rollout.ManagerView{ID: "z", Role: "worker", State: "ready", Availability: "drain"}},
				{Name: "linux-2", Zone: "us-east-1b", Instance: "i-4", State: "running", SSH: true, Engine: "20.10.24", Own: rollout.OwnView{State: "inactive"}},
				{Name: "linux-3", Zone: "us-east-1c", Instance: "i-5", State: "stopped"},
			},
		},
	}
	var b bytes.Buffer
	if err := printStatus(&b, status); err != nil {
		t.Fatal(err)
	}
	want := `NAME        ZONE         INSTANCE   STATE     SSH   ENGINE     SWARM
manager-1   us-east-1a   i-1        running   yes   20.10.24   leader
manager-2   us-east-1b   i-2        running   no    -          manager, down, unreachable
linux-1     us-east-1a   i-3        running   yes   20.10.24   worker, drain
linux-2     us-east-1b   i-4        running   yes   20.10.24   inactive
linux-3     us-east-1c   i-5        stopped   no    -          -

Quorum:    1 of 2 managers reachable, 2 needed; manager-1 leads
Endpoint:  198.18.0.20
Problem:   manager-2 (us-east-1b): unreachable
Note:      linux-1 (us-east-1a): its availability is drain; somebody set it
Cluster demo is not healthy. ` + "`slipway up`" + ` repairs what it can.
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := quorum(&rollout.Health{}); got != "unknown, since no manager answers" {
		t.Errorf("without an answer the quorum is %q", got)
	}
}
