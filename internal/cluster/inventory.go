package cluster

// Role is what a node is for.
type Role string

// The roles of nodes.
const (
	RoleManager Role = "manager"
	RoleWorker  Role = "worker"
)

// Inventory is what the infrastructure of a cluster was found to be: the way from provisioning to rollout, and what
// `slipway inventory` prints. It is discovered each time and never stored.
type Inventory struct {
	Cluster  string `json:"cluster"`
	Region   string `json:"region"`
	Endpoint string `json:"endpoint"` // DNS name or address of the managers' load balancer; empty before it exists
	Nodes    []Node `json:"nodes"`    // sorted by name: managers first, then groups in the document's order
}

// Node is one host of the cluster as the cloud knows it.
type Node struct {
	Name       string `json:"name"`  // manager-1, linux-2: group and number; also the host name
	Role       Role   `json:"role"`  // manager or worker
	Group      string `json:"group"` // manager, or the worker group's name
	Zone       string `json:"zone"`
	Type       string `json:"type"`
	InstanceID string `json:"instanceId"`
	State      string `json:"state"`     // EC2's instance state: pending, running, stopping, stopped, ...
	Impaired   bool   `json:"impaired"`  // EC2's instance or system status check fails
	PrivateIP  string `json:"privateIp"` // address in the VPC; the swarm's advertise address
	PublicIP   string `json:"publicIp"`  // address that SSH dials
	User       string `json:"user"`      // to log in as
	DataVolume string `json:"dataVolume"`
	// HostKey is the pinned SSH host key, "ssh-ed25519 AAAA...", from the instance's tag; empty before first contact.
	HostKey string `json:"hostKey,omitempty"`
}
