package compute

import (
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/catalog"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/vpc"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// launch is a checked runInput: everything that it names was found.
type launch struct {
	runInput
	image   catalog.Image
	subnet  *state.Subnet
	profile string // ARN, or empty
	devices []deviceInput
}

func run(s *call.Scope, in runInput) (any, error) {
	id, again, err := s.Once(in.Token, func() (string, error) {
		l, err := check(s, in)
		if err != nil {
			return "", err
		}
		reservation := awswire.NewID("r")
		for n := range in.Max {
			if err := launchOne(s, l, reservation, n); err != nil {
				return "", err
			}
		}
		return reservation, nil
	})
	if err != nil {
		return nil, err
	}
	instances := reservation(s, id)
	gone := func(i *state.Instance) bool {
		return i.State == state.InstanceTerminated || i.State == state.InstanceShuttingDown
	}
	if again && (len(instances) == 0 || slices.ContainsFunc(instances, gone)) {
		return nil, awswire.Errorf("IdempotentInstanceTerminated", 400,
			"The request to launch an instance uses the same client token as a previous request for which the instance has been terminated.")
	}
	return xmlReservation{ID: id, Owner: state.Account, Instances: call.ItemsOf(instances, func(i *state.Instance) xmlInstance { return renderInstance(s, i) })}, nil
}

// check finds what the input names and refuses what AWS would.
func check(s *call.Scope, in runInput) (launch, error) {
	l := launch{runInput: in}
	var ok bool
	var err error
	if l.image, ok = catalog.FindImage(s.Region.Name, in.Image); !ok {
		return l, call.KindImage.NotFound(in.Image)
	}
	t, ok := catalog.FindInstanceType(in.Type)
	if !ok {
		return l, call.Invalid("Invalid value '%s' for InstanceType.", in.Type)
	}
	if in.Key != "" && keyNamed(s, in.Key) == nil {
		return l, awswire.Errorf("InvalidKeyPair.NotFound", 400, "The key pair '%s' does not exist", in.Key)
	}
	if in.Subnet == "" {
		return l, awswire.Errorf("VPCIdNotSpecified", 400, "No default VPC for this user. Name a subnet.")
	}
	if l.subnet, err = call.Find(s.Subnets, call.KindSubnet, in.Subnet); err != nil {
		return l, err
	}
	if in.Zone != "" && in.Zone != l.subnet.Zone {
		return l, call.Invalid("Subnet %s is in the availability zone %s, not in %s", in.Subnet, l.subnet.Zone, in.Zone)
	}
	if l.Groups, err = vpc.CheckGroups(s, l.subnet.VPC, in.Groups); err != nil {
		return l, err
	}
	if in.ProfileName != "" || in.ProfileARN != "" {
		p, err := profile(s, in)
		if err != nil {
			return l, err
		}
		l.profile = p.ARN()
	}
	if used := vcpus(s); used+in.Max*t.VCPUs > s.API.Quotas.VCPUs {
		return l, awswire.Errorf("VcpuLimitExceeded", 400,
			"You have requested more vCPU capacity than your current vCPU limit of %d allows for the instance bucket that the specified instance type belongs to.",
			s.API.Quotas.VCPUs)
	}
	l.devices, err = checkDevices(l)
	return l, err
}

// vcpus returns how many processors the running instances have.
func vcpus(s *call.Scope) int {
	n := 0
	for _, i := range s.Instances {
		if t, ok := catalog.FindInstanceType(i.Type); ok && (i.State == state.InstancePending || i.State == state.InstanceRunning) {
			n += t.VCPUs
		}
	}
	return n
}

// profile returns the instance profile of the input. EC2 hears of a new one only after a while.
func profile(s *call.Scope, in runInput) (*state.Profile, error) {
	for _, p := range s.Data.IAM.Profiles {
		if (p.Name == in.ProfileName || p.ARN() == in.ProfileARN) && !s.Now.Before(p.Usable) {
			if p.Role == "" {
				return nil, call.Invalid("IAM Instance Profile \"%s\" has no associated IAM Roles", p.ARN())
			}
			return p, nil
		}
	}
	if in.ProfileARN != "" {
		return nil, call.Invalid("Value (%s) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN", in.ProfileARN)
	}
	return nil, call.Invalid("Value (%s) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name", in.ProfileName)
}

// checkDevices returns the block devices to launch with, the root first: the image's, changed by the input's, and more.
func checkDevices(l launch) ([]deviceInput, error) {
	root := deviceInput{Name: l.image.RootDevice, Volume: volumeSpec{SizeGiB: l.image.RootGiB, Type: catalog.RootVolumeType, Snapshot: l.image.Snapshot}}
	var more []deviceInput
	seen := map[string]bool{}
	for _, d := range l.Devices {
		if seen[d.Name] {
			return nil, awswire.Errorf("InvalidBlockDeviceMapping", 400, "The device '%s' is used in more than one block-device mapping", d.Name)
		}
		seen[d.Name] = true
		switch {
		case d.Name == root.Name && d.None:
			return nil, awswire.Errorf("InvalidBlockDeviceMapping", 400, "The root device '%s' cannot be suppressed", d.Name)
		case d.Name == root.Name:
			d.Volume = d.Volume.over(root.Volume)
			root = d
		case !d.None:
			more = append(more, d)
		}
	}
	if root.Volume.SizeGiB < l.image.RootGiB {
		return nil, awswire.Errorf("InvalidBlockDeviceMapping", 400, "Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB",
			root.Volume.SizeGiB, l.image.Snapshot, l.image.RootGiB)
	}
	all := append([]deviceInput{root}, more...)
	for i := range all {
		if all[i].Volume.SizeGiB == 0 {
			return nil, awswire.Errorf("MissingParameter", 400, "The request must contain the parameter size or snapshotId for %s", all[i].Name)
		}
		v, err := all[i].Volume.complete()
		if err != nil {
			return nil, err
		}
		all[i].Volume = v
	}
	return all, nil
}

// launchOne makes one pending instance with its interface and volumes.
func launchOne(s *call.Scope, l launch, reservation string, index int) error {
	public := l.subnet.MapPublicIP
	if l.Public != nil {
		public = *l.Public
	}
	n, err := network.NewInterface(s.Data, s.Region.Name, s.API.Public, network.InterfaceSpec{
		Subnet: l.subnet.ID, Groups: l.Groups, Description: l.Description, PrivateIP: l.PrivateIP, Public: public,
	})
	if err != nil {
		return err
	}
	i := &state.Instance{
		ID: awswire.NewID("i"), Reservation: reservation, LaunchIndex: index, ClientToken: l.Token, Image: l.Image, Type: l.Type,
		KeyName: l.Key, VPC: l.subnet.VPC, Subnet: l.subnet.ID, Zone: l.subnet.Zone, Interface: n.ID, Hostname: network.Hostname(n.PrivateIP),
		Profile: l.profile, UserData: l.UserData, ProtectTerminate: l.ProtectTerminate, ProtectStop: l.ProtectStop,
		TerminateOnHalt: l.TerminateOnHalt, EBSOptimized: l.EBSOptimized, Monitoring: l.Monitoring, CPUCredits: l.CPUCredits,
		RootDevice: l.image.RootDevice, Metadata: l.Metadata.apply(state.MetadataOptions{HopLimit: 1}),
	}
	n.Instance, n.AttachTime, n.DeleteOnTermination = i.ID, s.Now, true
	s.Instances[i.ID] = i
	s.SetTags(i.ID, l.Tags["instance"])
	s.SetTags(n.ID, l.Tags["network-interface"])
	if err := begin(s, i); err != nil {
		return err
	}
	for _, d := range l.devices {
		v := newVolume(s, d.Volume, l.subnet.Zone)
		v.State, v.Due = state.VolumeInUse, s.Now
		v.Attachment = &state.VolumeAttachment{
			Instance: i.ID, Device: d.Name, State: state.AttachmentAttaching, Due: i.Due, Time: s.Now, DeleteOnTermination: !d.Keep,
		}
		i.Devices = append(i.Devices, state.InstanceDevice{Name: d.Name, Volume: v.ID})
		s.SetTags(v.ID, l.Tags["volume"])
	}
	return nil
}
