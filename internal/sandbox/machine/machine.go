// Package machine is what the sandbox's cloud asks of the machine under it: networks, hosts and block devices, in the
// words of Linux rather than of AWS. The cage implements it with namespaces; machinetest holds an in-memory double and
// the contract suite that both pass.
//
// It imports the standard library only and holds types and one interface. Implementations are safe for concurrent use.
package machine

import "context"

// Machine runs the hosts and networks of one sandbox. Every method is idempotent: asked again for what already is, it
// returns nil. A method that fails leaves nothing half-made that the same call, made again, would not mend.
type Machine interface {
	Volumes
	Hosts
	// SetNetwork makes the network be exactly n: what is not in it any more is removed, connections that stay allowed
	// are not cut. Endpoints of running hosts stay as long as they are listed.
	SetNetwork(ctx context.Context, n Network) error
	// Status tells what really runs now.
	Status(ctx context.Context) (Status, error)
}

// Volumes are the block devices of a Machine.
type Volumes interface {
	// CreateVolume makes an empty sparse block image; of an existing volume it grows the size.
	CreateVolume(ctx context.Context, v Volume) error
	// DeleteVolume removes the image; refused (errs.Conflict) while the volume is attached.
	DeleteVolume(ctx context.Context, id string) error
	// AttachVolume shows a volume to a running host as a block device under /dev/disk/by-id.
	AttachVolume(ctx context.Context, hostID string, a Attachment) error
	// DetachVolume takes it away; refused (errs.Conflict) while something in the host holds the device open or mounted.
	DetachVolume(ctx context.Context, hostID, volumeID string) error
}

// Hosts are the hosts of a Machine.
type Hosts interface {
	// StartHost boots a host and returns when its init process runs. The endpoint of the host must be in the network
	// and its volumes must exist. The first boot of a root volume lays the image under it.
	StartHost(ctx context.Context, h Host) error
	// StopHost asks the host's init to power off, waits for it up to the context's deadline, and kills it then; with
	// force it kills at once. It returns when no process of the host is left.
	StopHost(ctx context.Context, id string, force bool) error
	// RebootHost asks the host's init to reboot; the host stays the same, its addresses and volumes too.
	RebootHost(ctx context.Context, id string) error
}

// Network is everything that is connected: VPCs with their endpoints and load balancers.
type Network struct {
	VPCs []VPC `json:"vpcs"`
}

// VPC is one isolated network. Ranges of different VPCs may overlap.
type VPC struct {
	ID        string     `json:"id"`   // vpc-...
	CIDR      string     `json:"cidr"` // 172.31.0.0/16
	Endpoints []Endpoint `json:"endpoints"`
	Balancers []Balancer `json:"balancers"`
}

// Endpoint is one network interface, of a host or of a load balancer. All its traffic is routed, as on AWS, and both
// directions are filtered statefully: what no rule allows is dropped.
type Endpoint struct {
	ID         string `json:"id"`         // eni-...
	MAC        string `json:"mac"`        // 0a:...
	PrivateIP  string `json:"privateIp"`  // in the VPC's range
	SubnetCIDR string `json:"subnetCidr"` // the router is the subnet's first address
	PublicIP   string `json:"publicIp"`   // 1:1 translated, as by an internet gateway; empty for none
	Internet   bool   `json:"internet"`   // a route to the outside exists (and needs a public address)
	Ingress    []Rule `json:"ingress"`
	Egress     []Rule `json:"egress"`
	Cut        bool   `json:"cut"`      // a drill: drop everything, as a failed network would
	HopLimit   int    `json:"hopLimit"` // TTL of the metadata service's answers; 0 = metadata off
}

// Rule allows traffic with the peers: security groups are resolved to the addresses of their members beforehand.
type Rule struct {
	Protocol string   `json:"protocol"` // tcp, udp, icmp, or an IP protocol number; -1 for all
	From     int      `json:"from"`     // first port, or ICMP type (-1 for all)
	To       int      `json:"to"`       // last port
	Peers    []string `json:"peers"`    // CIDR blocks
}

// Balancer forwards TCP from its endpoint's addresses to healthy targets.
type Balancer struct {
	ID        string     `json:"id"`       // the load balancer's ARN
	Endpoint  string     `json:"endpoint"` // ID of its endpoint in the same VPC
	Listeners []Listener `json:"listeners"`
}

// Listener is one port of a load balancer, with the targets behind it.
type Listener struct {
	Port        int         `json:"port"`
	TargetGroup string      `json:"targetGroup"` // ARN; health is counted per target group and target
	Health      HealthCheck `json:"health"`
	Targets     []Target    `json:"targets"`
}

// HealthCheck says how targets are probed. Times are in seconds.
type HealthCheck struct {
	Protocol  string `json:"protocol"` // tcp, http or https
	Port      int    `json:"port"`     // 0 = the target's own
	Path      string `json:"path"`     // for http and https
	Interval  int    `json:"interval"`
	Timeout   int    `json:"timeout"`
	Healthy   int    `json:"healthy"`   // successes in a row until healthy
	Unhealthy int    `json:"unhealthy"` // failures in a row until unhealthy
}

// Target is one receiver of a load balancer's connections.
type Target struct {
	ID   string `json:"id"` // instance id
	IP   string `json:"ip"`
	Port int    `json:"port"`
}

// Volume is one block image.
type Volume struct {
	ID      string `json:"id"` // vol-...
	SizeGiB int    `json:"sizeGiB"`
}

// Attachment is a volume as a host sees it.
type Attachment struct {
	VolumeID string `json:"volumeId"`
	Device   string `json:"device"` // the name that the API was given: /dev/xvda, /dev/sdf
	Root     bool   `json:"root"`
}

// Host is one machine to boot.
type Host struct {
	ID          string       `json:"id"`       // i-...
	Hostname    string       `json:"hostname"` // ip-172-31-0-10
	Image       string       `json:"image"`    // name of the bootstrapped root file system: debian-12
	VPC         string       `json:"vpc"`
	Endpoint    string       `json:"endpoint"`
	Type        string       `json:"type"` // m5.large
	VCPUs       int          `json:"vcpus"`
	MemoryMiB   int          `json:"memoryMiB"`
	Attachments []Attachment `json:"attachments"` // the root volume among them
}

// Status is what really runs.
type Status struct {
	Hosts   []HostStatus   `json:"hosts"`
	Targets []TargetStatus `json:"targets"`
}

// HostStatus is one host that was started and not stopped by StopHost.
type HostStatus struct {
	ID      string `json:"id"`
	Running bool   `json:"running"` // its init process lives; false after the host powered itself off or was killed
	Reason  string `json:"reason"`  // why it does not run: powered off, killed by signal 9
}

// TargetStatus is the health of one target behind one target group.
type TargetStatus struct {
	TargetGroup string `json:"targetGroup"`
	ID          string `json:"id"`
	Port        int    `json:"port"`
	State       string `json:"state"` // initial, healthy, unhealthy
	Reason      string `json:"reason"`
}
