package state

import "time"

// EC2 is what one region holds of EC2. Objects refer to each other by id; tags of all kinds are in one map, so that
// tagging needs to know no kind.
type EC2 struct {
	VPCs              map[string]*VPC              `json:"vpcs"`
	Subnets           map[string]*Subnet           `json:"subnets"`
	InternetGateways  map[string]*InternetGateway  `json:"internetGateways"`
	RouteTables       map[string]*RouteTable       `json:"routeTables"`
	SecurityGroups    map[string]*SecurityGroup    `json:"securityGroups"`
	NetworkInterfaces map[string]*NetworkInterface `json:"networkInterfaces"`
	KeyPairs          map[string]*KeyPair          `json:"keyPairs"` // by key pair id
	Instances         map[string]*Instance         `json:"instances"`
	Volumes           map[string]*Volume           `json:"volumes"`
	Tags              map[string]map[string]string `json:"tags"`   // by resource id
	Hidden            map[string]time.Time         `json:"hidden"` // until when new objects are missing from lists, by id
}

// normalize makes every map be there. An account of the sandbox has no default VPC.
func (e *EC2) normalize() {
	ensure(&e.VPCs)
	ensure(&e.Subnets)
	ensure(&e.InternetGateways)
	ensure(&e.RouteTables)
	ensure(&e.SecurityGroups)
	ensure(&e.NetworkInterfaces)
	ensure(&e.KeyPairs)
	ensure(&e.Instances)
	ensure(&e.Volumes)
	ensure(&e.Tags)
	ensure(&e.Hidden)
}

// VPC is one virtual network. Its network ACL, which allows everything, is made with it and has no other life.
type VPC struct {
	ID           string    `json:"id"`
	CIDR         string    `json:"cidr"`
	Association  string    `json:"association"` // of the CIDR: vpc-cidr-assoc-...
	NetworkACL   string    `json:"networkAcl"`  // acl-...
	DNSSupport   bool      `json:"dnsSupport"`
	DNSHostnames bool      `json:"dnsHostnames"`
	Created      time.Time `json:"created"`
}

// Subnet is a part of a VPC's range in one zone.
type Subnet struct {
	ID             string `json:"id"`
	VPC            string `json:"vpc"`
	CIDR           string `json:"cidr"`
	Zone           string `json:"zone"`           // us-east-1a
	MapPublicIP    bool   `json:"mapPublicIp"`    // instances get a public address unless they say otherwise
	ACLAssociation string `json:"aclAssociation"` // aclassoc-...
	LastIP         string `json:"lastIp"`         // given out last; the search for a free one goes on behind it
}

// InternetGateway joins a VPC to the outside.
type InternetGateway struct {
	ID  string `json:"id"`
	VPC string `json:"vpc"` // empty while detached
}

// RouteTable says where the traffic of its subnets goes. The route within the VPC is not among Routes: it is always there.
type RouteTable struct {
	ID           string             `json:"id"`
	VPC          string             `json:"vpc"`
	Routes       []Route            `json:"routes"`
	Associations []RouteAssociation `json:"associations"`
}

// Main reports whether it is its VPC's main table, which serves the subnets without one of their own.
func (t *RouteTable) Main() bool {
	for _, a := range t.Associations {
		if a.Subnet == "" {
			return true
		}
	}
	return false
}

// Route sends a range to an internet gateway.
type Route struct {
	Destination string `json:"destination"` // CIDR block
	Gateway     string `json:"gateway"`     // igw-...; a deleted or detached one makes the route a black hole
}

// RouteAssociation joins a route table to a subnet, or, with no subnet, makes it the VPC's main table.
type RouteAssociation struct {
	ID     string `json:"id"` // rtbassoc-...
	Subnet string `json:"subnet"`
}

// SecurityGroup is a named set of rules.
type SecurityGroup struct {
	ID          string              `json:"id"`
	VPC         string              `json:"vpc"`
	Name        string              `json:"name"` // unique in the VPC; "default" is the one made with it
	Description string              `json:"description"`
	Rules       []SecurityGroupRule `json:"rules"`
}

// SecurityGroupRule allows traffic with exactly one peer: a CIDR block or the members of a group.
type SecurityGroupRule struct {
	ID          string `json:"id"` // sgr-...
	Egress      bool   `json:"egress"`
	Protocol    string `json:"protocol"` // tcp, udp, icmp, a number, or -1 for all
	From        int    `json:"from"`     // port or ICMP type; -1 for all
	To          int    `json:"to"`
	CIDR        string `json:"cidr"`
	Group       string `json:"group"` // sg-... in the same VPC
	Description string `json:"description"`
}

// Same reports whether two rules allow the same, whatever they are called.
func (r SecurityGroupRule) Same(other SecurityGroupRule) bool {
	r.ID, r.Description, other.ID, other.Description = "", "", "", ""
	return r == other
}

// NetworkInterface is one endpoint of a VPC: of an instance or of a load balancer.
type NetworkInterface struct {
	ID                  string    `json:"id"`
	VPC                 string    `json:"vpc"`
	Subnet              string    `json:"subnet"`
	Zone                string    `json:"zone"`
	MAC                 string    `json:"mac"`
	PrivateIP           string    `json:"privateIp"`
	PublicIP            string    `json:"publicIp"`     // empty for none
	AssignPublic        bool      `json:"assignPublic"` // a public address comes with each start
	Groups              []string  `json:"groups"`       // security groups
	Description         string    `json:"description"`
	Instance            string    `json:"instance"`     // i-..., or
	LoadBalancer        string    `json:"loadBalancer"` // ARN
	Attachment          string    `json:"attachment"`   // eni-attach-...
	AttachTime          time.Time `json:"attachTime"`
	DeleteOnTermination bool      `json:"deleteOnTermination"`
	// Release is when the interface of a deleted load balancer goes; until then it holds its groups and its subnet.
	Release time.Time `json:"release"`
}
