package cluster

import "slices"

// Document is the cluster document: everything that an operator decides about a cluster, and nothing that can be found
// by looking. It is immutable after Load.
//
// The struct tags and the comments of its fields are the source of the decoder's checks, of the JSON schema and of the
// reference page (package strictyaml says what the tags mean).
type Document struct {
	// Version of the document's form. Only v1 exists.
	Version string `yaml:"version" enum:"v1"`
	// Name of the cluster: its identity in the account and region, so it cannot change.
	Name string `yaml:"name" pattern:"^[a-z][a-z0-9-]{1,22}[a-z0-9]$" form:"3 to 24 characters of a-z, 0-9 and -, beginning with a letter and not ending with -"`
	// Cloud says where the cluster is built.
	Cloud Cloud `yaml:"cloud"`
	// Network is the cluster's VPC and who may reach what in it.
	Network Network `yaml:"network,omitempty"`
	// Domain below which ucp.<domain> and dtr.<domain> will point to the load balancers; optional.
	Domain string `yaml:"domain,omitempty" pattern:"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$" form:"a DNS name in lower case such as example.com"`
	// SSH says how the hosts are reached.
	SSH SSH `yaml:"ssh,omitempty"`
	// Engine is how Docker Engine is installed and configured on every node.
	Engine Engine `yaml:"engine,omitempty"`
	// Managers form the swarm's quorum.
	Managers Managers `yaml:"managers"`
	// Workers are named groups of nodes that run the users' tasks.
	Workers []WorkerGroup `yaml:"workers,omitempty"`
	// Protect switches termination protection on; destroy refuses until it is off. Default true; the sandbox's default is false.
	Protect *bool `yaml:"protect,omitempty"`
	// AllowUncertified turns the certification rules (tags INFRA, SIZE and STOR) from errors into warnings.
	AllowUncertified bool `yaml:"allowUncertified,omitempty"`

	source source // where each field stands; of a Document that Load did not make, nothing
}

// Provider names the cloud that a cluster is built on.
type Provider string

// The providers.
const (
	ProviderSandbox Provider = "sandbox" // the AWS-compatible cloud on this machine
	ProviderAWS     Provider = "aws"     // AWS, or any endpoint that speaks its API (AWS_ENDPOINT_URL)
)

// Cloud says where the cluster is built.
type Cloud struct {
	// Provider is sandbox or aws.
	Provider Provider `yaml:"provider" enum:"sandbox|aws"`
	// Region as AWS names it, for example us-east-1. Default: the AWS SDK's (AWS_REGION, profile); for the sandbox us-east-1.
	Region string `yaml:"region,omitempty" pattern:"^[a-z]{2}(-[a-z]+)+-[0-9]$" form:"a region name such as us-east-1"`
	// Zones is a count (the region's first zones in the order of their names) or a list of zone names. Default 3.
	Zones Zones `yaml:"zones,omitempty" min:"1" max:"6" pattern:"^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$" form:"a zone name such as us-east-1a"`
	// Image of the nodes. ssm:/ and the name of a parameter of Systems Manager stands for the image id in it. Default debian-12, the only one of the sandbox.
	Image string `yaml:"image,omitempty" pattern:"^(debian-12|ubuntu-22\\.04|ubuntu-24\\.04|ami-[0-9a-f]{8,17}|ssm:/[A-Za-z0-9_./-]+)$" form:"debian-12, ubuntu-22.04, ubuntu-24.04, ami-... or ssm:/..."`
}

// Zones is a count of availability zones or a list of their names: exactly one of the two is set.
type Zones struct {
	Count int
	Names []string
}

// Variants lets a document give a number or a list of names.
func (z *Zones) Variants() []any { return []any{&z.Count, &z.Names} }

// Len returns how many zones there are.
func (z Zones) Len() int { return max(z.Count, len(z.Names)) }

// Pick returns the names of the zones: the given ones, or the first of those that the region has, in the order of
// their names. It returns fewer than Len when the region has fewer.
func (z Zones) Pick(available []string) []string {
	if len(z.Names) > 0 {
		return slices.Clone(z.Names)
	}
	sorted := slices.Sorted(slices.Values(available))
	return sorted[:min(z.Count, len(sorted))]
}

// Network is the cluster's VPC and who may reach what in it.
type Network struct {
	// CIDR of the VPC, /16 to /24 so that it holds a subnet for each zone. Default 172.31.0.0/16.
	CIDR string `yaml:"cidr,omitempty"`
	// Pods is the range that the engines take their overlay and bridge networks from; disjoint from cidr, and fixed for ever when the swarm is made. Default 10.64.0.0/12.
	Pods string `yaml:"pods,omitempty"`
	// Topology is public: every node has a public address. (Private is not there yet.) Default public.
	Topology string `yaml:"topology,omitempty" enum:"public"`
	// Allow says who may reach what from outside, as lists of CIDR blocks.
	Allow Allow `yaml:"allow,omitempty"`
}

// Allow lists the address ranges that may reach the cluster from outside.
type Allow struct {
	// SSH may reach TCP 22 of the nodes. Never everywhere. Default: nobody; for the sandbox, this machine.
	SSH []string `yaml:"ssh,omitempty"`
	// HTTPS may reach TCP 443 of the managers' load balancer. Default: nobody; for the sandbox, this machine.
	HTTPS []string `yaml:"https,omitempty"`
	// Apps may reach TCP 8000 and 8443 of the nodes. Default: nobody.
	Apps []string `yaml:"apps,omitempty"`
}

// SSH says how the hosts are reached.
type SSH struct {
	// Key is generated (kept on this machine, one a cluster), agent (ssh-agent's first key), or the path of a private key. Default generated.
	Key string `yaml:"key,omitempty" pattern:"^(generated|agent|[~.]?/.+|[.][.]/.+)$" form:"generated, agent or a path that begins with /, ./, ../ or ~/"`
	// User to log in as. Default: the image's own (admin on Debian, ubuntu on Ubuntu).
	User string `yaml:"user,omitempty" pattern:"^[a-z_][a-z0-9_-]{0,31}$" form:"a Linux user name"`
}

// Engine is how Docker Engine is installed and configured on every node.
type Engine struct {
	// Channel is auto (the distribution's package where it is version 24 or later, else docker-ce; in the sandbox always the distribution's), distro or stable (docker-ce). Default auto.
	Channel string `yaml:"channel,omitempty" enum:"auto|distro|stable"`
	// LogDriver of the engines. Default json-file.
	LogDriver string `yaml:"logDriver,omitempty" enum:"json-file|local|journald|syslog|fluentd|gelf|awslogs|splunk|none"`
	// Metrics publishes the engine's Prometheus metrics on 9323 of the node's private address. Default true.
	Metrics *bool `yaml:"metrics,omitempty"`
}

// Disk is one EBS volume of a node.
type Disk struct {
	// Size in GiB.
	Size int `yaml:"size,omitempty" min:"1" max:"65536"`
	// Type is an EBS volume type: gp2, gp3, io1, io2, st1, sc1 or standard. Default gp3.
	Type string `yaml:"type,omitempty" enum:"gp2|gp3|io1|io2|st1|sc1|standard"`
	// IOPS to provision; required for io1 and io2, possible for gp3.
	IOPS int `yaml:"iops,omitempty" min:"100" max:"256000"`
}

// Managers form the swarm's quorum.
type Managers struct {
	// Count is 1, 3, 5 or 7. Default 3.
	Count int `yaml:"count,omitempty" min:"1" max:"7"`
	// Type is an EC2 instance type. Default m5.xlarge.
	Type string `yaml:"type,omitempty" pattern:"^[a-z][a-z0-9-]*\\.[a-z0-9-]+$" form:"an EC2 instance type such as m5.large"`
	// Root is the volume of the operating system. Default 40 GiB of gp3.
	Root Disk `yaml:"root,omitempty"`
	// Data is the volume of /var/lib/docker. Default 100 GiB of gp3.
	Data Disk `yaml:"data,omitempty"`
}

// WorkerGroup is a named group of equal workers.
type WorkerGroup struct {
	// Name of the group, part of its nodes' names, as in linux-2; not manager or managers.
	Name string `yaml:"name" pattern:"^[a-z]([a-z0-9-]{0,14}[a-z0-9])?$" form:"1 to 16 characters of a-z, 0-9 and -, beginning with a letter and not ending with -"`
	// Count of nodes, which are spread over the zones.
	Count int `yaml:"count" min:"0" max:"200"`
	// Type is an EC2 instance type. Default m5.large.
	Type string `yaml:"type,omitempty" pattern:"^[a-z][a-z0-9-]*\\.[a-z0-9-]+$" form:"an EC2 instance type such as m5.large"`
	// Root is the volume of the operating system. Default 40 GiB of gp3.
	Root Disk `yaml:"root,omitempty"`
	// Data is the volume of /var/lib/docker. Default 100 GiB of gp3.
	Data Disk `yaml:"data,omitempty"`
}
