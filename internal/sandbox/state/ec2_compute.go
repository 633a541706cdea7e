package state

import "time"

// The states of an instance.
const (
	InstancePending      = "pending"
	InstanceRunning      = "running"
	InstanceStopping     = "stopping"
	InstanceStopped      = "stopped"
	InstanceShuttingDown = "shutting-down"
	InstanceTerminated   = "terminated"
)

// The drills: ways to break an instance that a user asks for.
const (
	DrillNone = ""
	DrillDead = "dead" // its host was killed, as by failed hardware; a stop and start brings it elsewhere
	DrillCut  = "cut"  // its network is cut off
)

// Instance is one virtual machine. State is what the API shows; what the machine does follows from it: a host runs while
// the instance is pending or running, and must be gone before stopping ends in stopped.
type Instance struct {
	ID                string           `json:"id"`
	Reservation       string           `json:"reservation"` // r-...
	LaunchIndex       int              `json:"launchIndex"`
	ClientToken       string           `json:"clientToken"`
	Image             string           `json:"image"`
	Type              string           `json:"type"`
	KeyName           string           `json:"keyName"`
	VPC               string           `json:"vpc"`
	Subnet            string           `json:"subnet"`
	Zone              string           `json:"zone"`
	Interface         string           `json:"interface"` // eni-...; gone once terminated
	Hostname          string           `json:"hostname"`  // ip-172-31-0-10, for life
	Profile           string           `json:"profile"`   // ARN of the instance profile, empty for none
	State             string           `json:"state"`
	Due               time.Time        `json:"due"` // when the present transition may end, and a terminated instance be forgotten
	Reason            string           `json:"reason"`
	ReasonCode        string           `json:"reasonCode"`
	Launched          time.Time        `json:"launched"` // last start
	UserData          string           `json:"userData"` // base64
	ProtectTerminate  bool             `json:"protectTerminate"`
	ProtectStop       bool             `json:"protectStop"`
	TerminateOnHalt   bool             `json:"terminateOnHalt"` // a host that powers itself off is terminated, not stopped
	EBSOptimized      bool             `json:"ebsOptimized"`
	NoSourceDestCheck bool             `json:"noSourceDestCheck"`
	Monitoring        bool             `json:"monitoring"`
	CPUCredits        string           `json:"cpuCredits"`
	Metadata          MetadataOptions  `json:"metadata"`
	RootDevice        string           `json:"rootDevice"` // /dev/xvda
	Devices           []InstanceDevice `json:"devices"`
	ForceStop         bool             `json:"forceStop"` // the stop under way does not wait for the host
	Reboot            bool             `json:"reboot"`    // a reboot was asked for and not done yet
	Booted            bool             `json:"booted"`    // its host was seen to run since the last start
	Ran               bool             `json:"ran"`       // it was running once
	Impaired          bool             `json:"impaired"`  // the system status check fails
	ImpairedSince     time.Time        `json:"impairedSince"`
	ChecksDue         time.Time        `json:"checksDue"` // when the status checks of a started instance are done
	Drill             string           `json:"drill"`
}

// ShouldRun reports whether a host should run for it.
func (i *Instance) ShouldRun() bool {
	return (i.State == InstancePending || i.State == InstanceRunning) && i.Drill != DrillDead
}

// MetadataOptions are an instance's settings of the metadata service.
type MetadataOptions struct {
	TokensOptional bool `json:"tokensOptional"` // IMDSv1 answers too
	HopLimit       int  `json:"hopLimit"`
	Disabled       bool `json:"disabled"`
	InstanceTags   bool `json:"instanceTags"`
}

// InstanceDevice is a volume as an instance maps it. The state of the attachment is the volume's.
type InstanceDevice struct {
	Name   string `json:"name"` // /dev/sdf
	Volume string `json:"volume"`
}

// The states of a volume and of its attachment.
const (
	VolumeCreating  = "creating"
	VolumeAvailable = "available"
	VolumeInUse     = "in-use"
	VolumeDeleting  = "deleting"

	AttachmentAttaching = "attaching"
	AttachmentAttached  = "attached"
	AttachmentDetaching = "detaching"
	AttachmentBusy      = "busy" // detaching, and something in the host holds the device
)

// Volume is one EBS volume.
type Volume struct {
	ID          string            `json:"id"`
	SizeGiB     int               `json:"sizeGiB"`
	MadeGiB     int               `json:"madeGiB"` // as large as the machine was made to make it; 0 = not yet
	Type        string            `json:"type"`    // gp3, gp2, io1, io2, st1, sc1, standard
	IOPS        int               `json:"iops"`
	Throughput  int               `json:"throughput"` // MiB/s, of gp3
	Zone        string            `json:"zone"`
	Encrypted   bool              `json:"encrypted"`
	Snapshot    string            `json:"snapshot"`
	State       string            `json:"state"`
	Due         time.Time         `json:"due"`
	Created     time.Time         `json:"created"`
	ClientToken string            `json:"clientToken"`
	Attachment  *VolumeAttachment `json:"attachment"` // nil while it is attached to nothing
	Change      *VolumeChange     `json:"change"`     // the last modification
}

// VolumeAttachment joins a volume to an instance.
type VolumeAttachment struct {
	Instance            string    `json:"instance"`
	Device              string    `json:"device"`
	State               string    `json:"state"`
	Due                 time.Time `json:"due"`
	Time                time.Time `json:"time"`
	DeleteOnTermination bool      `json:"deleteOnTermination"`
}

// VolumeChange is a modification of a volume: what it was and when it was asked for.
type VolumeChange struct {
	FromSizeGiB    int       `json:"fromSizeGiB"`
	FromType       string    `json:"fromType"`
	FromIOPS       int       `json:"fromIops"`
	FromThroughput int       `json:"fromThroughput"`
	Started        time.Time `json:"started"`
	Due            time.Time `json:"due"` // completed from then on
}

// KeyPair is an SSH key that instances are launched with.
type KeyPair struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Type        string    `json:"type"` // rsa or ed25519
	Fingerprint string    `json:"fingerprint"`
	PublicKey   string    `json:"publicKey"` // authorized_keys form
	Created     time.Time `json:"created"`
}
