package daemon

import (
	"net/netip"
	"time"

	"github.com/slipway-project/slipway/internal/run"
	"github.com/slipway-project/slipway/internal/sandbox/server"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
)

// Status is a running sandbox as its control API tells.
type Status struct {
	PID         int             `json:"pid"`
	Started     time.Time       `json:"started"`
	Endpoint    string          `json:"endpoint"` // URL of the AWS API
	StateDir    string          `json:"stateDir"`
	RunDir      string          `json:"runDir"`
	Credentials string          `json:"credentials"` // file with the root user's key, as the AWS tools read it
	Regions     []string        `json:"regions"`
	PublicRange netip.Prefix    `json:"publicRange"`
	Settings    settings.Values `json:"settings"`
	Calls       server.Counts   `json:"calls"`
	Resources   int             `json:"resources"` // what the account holds that costs or blocks
	Instances   []Instance      `json:"instances"` // that are not terminated, by id
	Tasks       []run.Health    `json:"tasks"`
}

// Instance is one instance as the cloud and as the machine sees it.
type Instance struct {
	ID       string `json:"id"`
	Name     string `json:"name"` // its tag Name
	Region   string `json:"region"`
	Zone     string `json:"zone"`
	State    string `json:"state"`
	Drill    string `json:"drill,omitempty"` // how somebody broke it on purpose
	PublicIP string `json:"publicIp,omitempty"`
	Host     bool   `json:"host"` // its host runs
}

// Drill is a way to break an instance on purpose.
type Drill string

// The drills.
const (
	DrillKill Drill = "kill" // cut its power: it stays down until it is stopped and started
	DrillCut  Drill = "cut"  // cut it off the network
	DrillHeal Drill = "heal" // connect it again
)

// drillRequest is the body of a drill.
type drillRequest struct {
	Drill    Drill  `json:"drill"`
	Instance string `json:"instance"`
}

// failure is an error on the wire.
type failure struct {
	Kind     string   `json:"kind"`
	Message  string   `json:"message"`
	Remedies []string `json:"remedies,omitempty"`
}
