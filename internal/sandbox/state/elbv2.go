package state

import "time"

// ELB is what one region holds of Elastic Load Balancing v2. Everything is found by its ARN.
type ELB struct {
	LoadBalancers map[string]*LoadBalancer     `json:"loadBalancers"`
	TargetGroups  map[string]*TargetGroup      `json:"targetGroups"`
	Listeners     map[string]*Listener         `json:"listeners"`
	Tags          map[string]map[string]string `json:"tags"` // by ARN
}

func (e *ELB) normalize() {
	ensure(&e.LoadBalancers)
	ensure(&e.TargetGroups)
	ensure(&e.Listeners)
	ensure(&e.Tags)
}

// The states of a load balancer.
const (
	BalancerProvisioning = "provisioning"
	BalancerActive       = "active"
)

// LoadBalancer is one network load balancer. It has an interface in each of its subnets; the first one's public address
// is where it is reached and its DNS name, since nothing resolves names on the machine.
type LoadBalancer struct {
	ARN            string            `json:"arn"`
	Name           string            `json:"name"`
	Scheme         string            `json:"scheme"` // internet-facing or internal
	VPC            string            `json:"vpc"`
	Subnets        []string          `json:"subnets"`
	SecurityGroups []string          `json:"securityGroups"`
	Interfaces     []string          `json:"interfaces"` // one per subnet, in their order
	DNSName        string            `json:"dnsName"`
	State          string            `json:"state"`
	Due            time.Time         `json:"due"`
	Created        time.Time         `json:"created"`
	Attributes     map[string]string `json:"attributes"` // what was set; the rest is at its default
}

// TargetGroup is a set of receivers and how they are probed.
type TargetGroup struct {
	ARN         string            `json:"arn"`
	Name        string            `json:"name"`
	Protocol    string            `json:"protocol"`
	Port        int               `json:"port"`
	VPC         string            `json:"vpc"`
	TargetType  string            `json:"targetType"` // instance or ip
	HealthCheck TargetHealthCheck `json:"healthCheck"`
	Attributes  map[string]string `json:"attributes"`
	Targets     []Target          `json:"targets"`
}

// TargetHealthCheck says how targets are probed; times are in seconds.
type TargetHealthCheck struct {
	Protocol  string `json:"protocol"` // TCP, HTTP or HTTPS
	Port      string `json:"port"`     // a number or "traffic-port"
	Path      string `json:"path"`
	Matcher   string `json:"matcher"` // HTTP codes: 200-399
	Interval  int    `json:"interval"`
	Timeout   int    `json:"timeout"`
	Healthy   int    `json:"healthy"`
	Unhealthy int    `json:"unhealthy"`
}

// Target is one registered receiver.
type Target struct {
	ID        string    `json:"id"` // instance id or address
	Port      int       `json:"port"`
	Health    string    `json:"health"` // as the machine last told: initial, healthy, unhealthy
	Reason    string    `json:"reason"`
	Draining  bool      `json:"draining"` // deregistered
	DrainedAt time.Time `json:"drainedAt"`
}

// Listener is one port of a load balancer that forwards to a target group.
type Listener struct {
	ARN          string `json:"arn"`
	LoadBalancer string `json:"loadBalancer"`
	Protocol     string `json:"protocol"`
	Port         int    `json:"port"`
	TargetGroup  string `json:"targetGroup"`
}
