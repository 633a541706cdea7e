package compute

import (
	"regexp"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
)

// runInput is what RunInstances is asked for.
type runInput struct {
	Image, Type, Key     string
	Min, Max             int
	Subnet, Zone         string
	Groups               []string
	PrivateIP            string
	Public               *bool  // nil: as the subnet says
	Description          string // of the interface
	Token                string
	Tags                 call.TagSpecs
	Devices              []deviceInput
	Metadata             metadataInput
	ProfileName          string
	ProfileARN           string
	ProtectTerminate     bool
	ProtectStop          bool
	TerminateOnHalt      bool
	EBSOptimized         bool
	Monitoring           bool
	UserData, CPUCredits string
}

// deviceInput is one block device to launch with.
type deviceInput struct {
	Name   string
	None   bool // suppress the image's device of this name
	Keep   bool // not deleted with the instance
	Volume volumeSpec
}

// deviceName is what a block device may be called.
var deviceName = regexp.MustCompile(`^(/dev/)?(sd[a-z][0-9]{0,2}|xvd[a-z][a-z]?|xvd[a-z][0-9]{1,2})$`)

func decodeRun(p *awswire.Params) runInput {
	in := runInput{
		Image: p.Required("ImageId"), Type: p.Required("InstanceType"), Key: p.String("KeyName"),
		Min: p.IntBetween("MinCount", 0, 1, 1000), Max: p.IntBetween("MaxCount", 0, 1, 1000),
		Subnet: p.String("SubnetId"), Groups: p.Strings("SecurityGroupId"), PrivateIP: p.String("PrivateIpAddress"),
		Zone: p.Sub("Placement").String("AvailabilityZone"), Token: decodeToken(p), Tags: call.DecodeTagSpecs(p, "instance", "volume", "network-interface"),
		Metadata: decodeMetadata(p.Sub("MetadataOptions")), ProfileName: p.Sub("IamInstanceProfile").String("Name"),
		ProfileARN: p.Sub("IamInstanceProfile").String("Arn"), ProtectTerminate: p.Bool("DisableApiTermination", false),
		ProtectStop:     p.Bool("DisableApiStop", false),
		TerminateOnHalt: p.OneOf("InstanceInitiatedShutdownBehavior", "stop", "stop", "terminate") == "terminate",
		EBSOptimized:    p.Bool("EbsOptimized", false), Monitoring: p.Sub("Monitoring").Bool("Enabled", false), UserData: p.String("UserData"),
		CPUCredits: p.Sub("CreditSpecification").OneOf("CpuCredits", "", "standard", "unlimited"),
	}
	p.Sub("Placement").OneOf("Tenancy", "default", "default")
	p.Sub("MaintenanceOptions").OneOf("AutoRecovery", "default", "default", "disabled")
	if !p.Has("MinCount") || !p.Has("MaxCount") {
		p.Refuse("MissingParameter", "The request must contain the parameters MinCount and MaxCount")
	}
	if in.Min > in.Max {
		p.Invalid("Value (%d) for parameter minCount is invalid. It must not be greater than maxCount.", in.Min)
	}
	if in.PrivateIP != "" && in.Max > 1 {
		p.Refuse("InvalidParameterCombination", "A private address can be given to one instance only")
	}
	for _, item := range p.List("BlockDeviceMapping") {
		in.Devices = append(in.Devices, decodeDevice(item))
	}
	in.decodeInterface(p)
	return in
}

// decodeToken reads ClientToken.
func decodeToken(p *awswire.Params) string {
	token := p.String("ClientToken")
	if len(token) > 64 {
		p.Invalid("Invalid client token: it has more than 64 characters")
	}
	return token
}

// decodeInterface reads NetworkInterface.1, the way to say more about the instance's interface than SubnetId and
// SecurityGroupId do.
func (in *runInput) decodeInterface(p *awswire.Params) {
	list := p.List("NetworkInterface")
	if len(list) == 0 {
		return
	}
	n := list[0]
	if in.Subnet != "" || len(in.Groups) > 0 || in.PrivateIP != "" {
		p.Refuse("InvalidParameterCombination", "Network interfaces and an instance-level subnet ID, security groups or private address may not be specified on the same request")
	}
	if len(list) > 1 || n.Int("DeviceIndex", 0) != 0 || n.Int("NetworkCardIndex", 0) != 0 {
		p.Refuse("AttachmentLimitExceeded", "The sandbox's instances have one network interface, with device index 0")
	}
	n.OneOf("InterfaceType", "interface", "interface")
	in.Subnet, in.Groups, in.PrivateIP = n.String("SubnetId"), n.Strings("SecurityGroupId"), n.String("PrivateIpAddress")
	in.Description = n.String("Description")
	if !n.Bool("DeleteOnTermination", true) {
		n.Invalid("The sandbox deletes the primary network interface with its instance")
	}
	if n.Has("AssociatePublicIpAddress") {
		public := n.Bool("AssociatePublicIpAddress", false)
		in.Public = &public
	}
}

func decodeDevice(p *awswire.Params) deviceInput {
	ebs := p.Sub("Ebs")
	d := deviceInput{
		Name: p.Required("DeviceName"), None: p.Has("NoDevice"), Keep: !ebs.Bool("DeleteOnTermination", true),
		Volume: decodeVolumeSpec(ebs, "VolumeSize"),
	}
	p.String("NoDevice")
	if !deviceName.MatchString(d.Name) {
		p.Invalid("Value (%s) for parameter %s is invalid. It is not a valid device name.", d.Name, p.Path("DeviceName"))
	}
	return d
}

// passRole returns what must be allowed to launch with an instance profile: handing its role to EC2. A profile that is
// not there is the handler's to refuse.
func passRole(s *call.Scope, in runInput) []awswire.Access {
	if in.ProfileName == "" && in.ProfileARN == "" {
		return nil
	}
	p, err := profile(s, in)
	if err != nil || s.Data.IAM.Roles[p.Role] == nil {
		return nil
	}
	return []awswire.Access{{Action: "iam:PassRole", Resource: s.Data.IAM.Roles[p.Role].ARN()}}
}
