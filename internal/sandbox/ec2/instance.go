package ec2

import (
	"cmp"
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/catalog"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlReservation struct {
	ID        string             `xml:"reservationId"`
	Owner     string             `xml:"ownerId"`
	Groups    struct{}           `xml:"groupSet"`
	Instances items[xmlInstance] `xml:"instancesSet"`
}

type xmlInstance struct {
	ID              string                      `xml:"instanceId"`
	Image           string                      `xml:"imageId"`
	State           xmlState                    `xml:"instanceState"`
	PrivateDNS      string                      `xml:"privateDnsName"`
	PublicDNS       string                      `xml:"dnsName"`
	Reason          string                      `xml:"reason"`
	KeyName         string                      `xml:"keyName,omitempty"`
	LaunchIndex     int                         `xml:"amiLaunchIndex"`
	ProductCodes    struct{}                    `xml:"productCodes"`
	Type            string                      `xml:"instanceType"`
	Launched        awswire.Time                `xml:"launchTime"`
	Zone            string                      `xml:"placement>availabilityZone"`
	Tenancy         string                      `xml:"placement>tenancy"`
	Monitoring      string                      `xml:"monitoring>state"`
	Subnet          string                      `xml:"subnetId,omitempty"`
	VPC             string                      `xml:"vpcId,omitempty"`
	PrivateIP       string                      `xml:"privateIpAddress,omitempty"`
	PublicIP        string                      `xml:"ipAddress,omitempty"`
	SourceDestCheck bool                        `xml:"sourceDestCheck"`
	Groups          items[xmlGroupName]         `xml:"groupSet"`
	StateReason     *xmlStateReason             `xml:"stateReason"`
	Architecture    string                      `xml:"architecture"`
	RootDeviceType  string                      `xml:"rootDeviceType"`
	RootDevice      string                      `xml:"rootDeviceName"`
	Devices         items[xmlInstanceDevice]    `xml:"blockDeviceMapping"`
	Virtualization  string                      `xml:"virtualizationType"`
	ClientToken     string                      `xml:"clientToken"`
	Tags            items[tag]                  `xml:"tagSet"`
	Hypervisor      string                      `xml:"hypervisor"`
	Interfaces      items[xmlInstanceInterface] `xml:"networkInterfaceSet"`
	Profile         *xmlProfile                 `xml:"iamInstanceProfile"`
	EBSOptimized    bool                        `xml:"ebsOptimized"`
	ENA             bool                        `xml:"enaSupport"`
	Cores           int                         `xml:"cpuOptions>coreCount"`
	Threads         int                         `xml:"cpuOptions>threadsPerCore"`
	Metadata        xmlMetadata                 `xml:"metadataOptions"`
	Platform        string                      `xml:"platformDetails"`
	Usage           string                      `xml:"usageOperation"`
}

type xmlState struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

// stateCodes are the numbers that go with the states of an instance.
var stateCodes = map[string]int{ //nolint:gochecknoglobals // a constant table
	state.InstancePending: 0, state.InstanceRunning: 16, state.InstanceShuttingDown: 32, state.InstanceTerminated: 48,
	state.InstanceStopping: 64, state.InstanceStopped: 80,
}

func stateOf(name string) xmlState { return xmlState{stateCodes[name], name} }

type xmlStateReason struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

type xmlInstanceDevice struct {
	Name                string       `xml:"deviceName"`
	Volume              string       `xml:"ebs>volumeId"`
	Status              string       `xml:"ebs>status"`
	Time                awswire.Time `xml:"ebs>attachTime"`
	DeleteOnTermination bool         `xml:"ebs>deleteOnTermination"`
}

type xmlInstanceInterface struct {
	ID              string                  `xml:"networkInterfaceId"`
	Subnet          string                  `xml:"subnetId"`
	VPC             string                  `xml:"vpcId"`
	Description     string                  `xml:"description"`
	Owner           string                  `xml:"ownerId"`
	Status          string                  `xml:"status"`
	MAC             string                  `xml:"macAddress"`
	PrivateIP       string                  `xml:"privateIpAddress"`
	PrivateDNS      string                  `xml:"privateDnsName"`
	SourceDestCheck bool                    `xml:"sourceDestCheck"`
	Groups          items[xmlGroupName]     `xml:"groupSet"`
	Attachment      *xmlInterfaceAttachment `xml:"attachment"`
	Association     *xmlPublicAddress       `xml:"association"`
	Addresses       items[xmlAddress]       `xml:"privateIpAddressesSet"`
	Type            string                  `xml:"interfaceType"`
}

type xmlProfile struct {
	ARN string `xml:"arn"`
	ID  string `xml:"id"`
}

type xmlMetadata struct {
	State    string `xml:"state"`
	Tokens   string `xml:"httpTokens"`
	HopLimit int    `xml:"httpPutResponseHopLimit"`
	Endpoint string `xml:"httpEndpoint"`
	IPv6     string `xml:"httpProtocolIpv6"`
	Tags     string `xml:"instanceMetadataTags"`
}

func renderMetadata(m state.MetadataOptions) xmlMetadata {
	x := xmlMetadata{State: "applied", Tokens: "required", HopLimit: m.HopLimit, Endpoint: "enabled", IPv6: "disabled", Tags: "disabled"}
	if m.TokensOptional {
		x.Tokens = "optional"
	}
	if m.Disabled {
		x.Endpoint = "disabled"
	}
	if m.InstanceTags {
		x.Tags = "enabled"
	}
	return x
}

func (s *scope) renderInstance(i *state.Instance) xmlInstance {
	x := xmlInstance{
		ID: i.ID, Image: i.Image, State: stateOf(i.State), Reason: i.Reason, KeyName: i.KeyName, LaunchIndex: i.LaunchIndex, Type: i.Type,
		Launched: awswire.At(i.Launched), Zone: i.Zone, Tenancy: "default", Monitoring: "disabled", SourceDestCheck: !i.NoSourceDestCheck,
		Architecture: "x86_64", RootDeviceType: "ebs", RootDevice: i.RootDevice, Virtualization: "hvm", ClientToken: i.ClientToken,
		Tags: s.tagSet(i.ID), Hypervisor: "xen", EBSOptimized: i.EBSOptimized, Metadata: renderMetadata(i.Metadata),
		Platform: "Linux/UNIX", Usage: "RunInstances",
	}
	if i.Monitoring {
		x.Monitoring = "enabled"
	}
	if i.ReasonCode != "" {
		x.StateReason = &xmlStateReason{i.ReasonCode, i.Reason}
	}
	if t, ok := catalog.FindInstanceType(i.Type); ok {
		x.Cores, x.Threads, x.ENA = max(1, t.VCPUs/2), min(2, t.VCPUs), t.Nitro
	}
	if i.Profile != "" {
		x.Profile = &xmlProfile{ARN: i.Profile}
		if p := s.profileOf(i.Profile); p != nil {
			x.Profile.ID = p.ID
		}
	}
	for _, d := range i.Devices {
		if v := s.Volumes[d.Volume]; v != nil && v.Attachment != nil {
			x.Devices.Item = append(x.Devices.Item, xmlInstanceDevice{
				d.Name, v.ID, v.Attachment.State, awswire.At(v.Attachment.Time), v.Attachment.DeleteOnTermination,
			})
		}
	}
	if n := s.NetworkInterfaces[i.Interface]; n != nil {
		s.renderPrimary(&x, n)
	}
	return x
}

// renderPrimary shows an instance's interface; a terminated one has none, and no network.
func (s *scope) renderPrimary(x *xmlInstance, n *state.NetworkInterface) {
	x.Subnet, x.VPC, x.PrivateIP, x.PublicIP, x.PublicDNS = n.Subnet, n.VPC, n.PrivateIP, n.PublicIP, n.PublicIP
	x.PrivateDNS = network.PrivateDNS(s.region.Name, n.PrivateIP)
	x.Groups = s.groupNames(n.Groups)
	x.Interfaces.Item = []xmlInstanceInterface{{
		ID: n.ID, Subnet: n.Subnet, VPC: n.VPC, Description: n.Description, Owner: state.Account, Status: "in-use", MAC: n.MAC,
		PrivateIP: n.PrivateIP, PrivateDNS: x.PrivateDNS, SourceDestCheck: x.SourceDestCheck, Groups: x.Groups,
		Attachment: interfaceAttachment(n), Association: publicAddress(n), Addresses: s.addressesOf(n), Type: "interface",
	}}
}

func (s *scope) profileOf(arn string) *state.Profile {
	for _, p := range s.data.IAM.Profiles {
		if p.ARN() == arn {
			return p
		}
	}
	return nil
}

func instanceID(i *state.Instance) string { return i.ID }

// ofInterface makes a filter field of an instance's interface, if it has one.
func ofInterface(f func(*state.NetworkInterface) []string) func(row[state.Instance]) []string {
	return func(r row[state.Instance]) []string {
		if n := r.NetworkInterfaces[r.it.Interface]; n != nil {
			return f(n)
		}
		return nil
	}
}

// ofDevices makes a filter field with a value for each volume of an instance.
func ofDevices(f func(state.InstanceDevice) string) func(row[state.Instance]) []string {
	return func(r row[state.Instance]) (all []string) {
		for _, d := range r.it.Devices {
			all = append(all, f(d))
		}
		return all
	}
}

var instanceListing = listing[state.Instance, xmlInstance]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeInstances", ids: "InstanceId", kind: kindInstance,
	all: func(s *scope) []*state.Instance { return sorted(s.Instances) }, key: instanceID, tags: tagsOf(instanceID),
	fields: map[string]func(row[state.Instance]) []string{
		"instance-id":                            text(func(r row[state.Instance]) string { return r.it.ID }),
		"instance-state-name":                    text(func(r row[state.Instance]) string { return r.it.State }),
		"instance-state-code":                    text(func(r row[state.Instance]) string { return stateText(r.it.State) }),
		"instance-type":                          text(func(r row[state.Instance]) string { return r.it.Type }),
		"image-id":                               text(func(r row[state.Instance]) string { return r.it.Image }),
		"key-name":                               text(func(r row[state.Instance]) string { return r.it.KeyName }),
		"availability-zone":                      text(func(r row[state.Instance]) string { return r.it.Zone }),
		"reservation-id":                         text(func(r row[state.Instance]) string { return r.it.Reservation }),
		"client-token":                           text(func(r row[state.Instance]) string { return r.it.ClientToken }),
		"iam-instance-profile.arn":               text(func(r row[state.Instance]) string { return r.it.Profile }),
		"root-device-name":                       text(func(r row[state.Instance]) string { return r.it.RootDevice }),
		"metadata-options.http-tokens":           text(func(r row[state.Instance]) string { return renderMetadata(r.it.Metadata).Tokens }),
		"owner-id":                               text(func(row[state.Instance]) string { return state.Account }),
		"architecture":                           text(func(row[state.Instance]) string { return "x86_64" }),
		"tenancy":                                text(func(row[state.Instance]) string { return "default" }),
		"vpc-id":                                 ofInterface(func(n *state.NetworkInterface) []string { return []string{n.VPC} }),
		"subnet-id":                              ofInterface(func(n *state.NetworkInterface) []string { return []string{n.Subnet} }),
		"private-ip-address":                     ofInterface(func(n *state.NetworkInterface) []string { return []string{n.PrivateIP} }),
		"ip-address":                             ofInterface(func(n *state.NetworkInterface) []string { return []string{n.PublicIP} }),
		"instance.group-id":                      ofInterface(func(n *state.NetworkInterface) []string { return n.Groups }),
		"network-interface.network-interface-id": ofInterface(func(n *state.NetworkInterface) []string { return []string{n.ID} }),
		"block-device-mapping.volume-id":         ofDevices(func(d state.InstanceDevice) string { return d.Volume }),
		"block-device-mapping.device-name":       ofDevices(func(d state.InstanceDevice) string { return d.Name }),
		"private-dns-name": func(r row[state.Instance]) []string {
			return ofInterface(func(n *state.NetworkInterface) []string {
				return []string{network.PrivateDNS(r.region.Name, n.PrivateIP)}
			})(r)
		},
	},
	render: func(r row[state.Instance]) xmlInstance { return r.renderInstance(r.it) },
}

func (a *api) instanceActions() []awswire.Action {
	power := func(name string, handle func(*scope, powerInput) (any, error)) awswire.Action {
		return op[powerInput]{name: name, decode: decodePower(name), handle: handle, touches: func(in powerInput) []string { return in.IDs }}.write(a)
	}
	return []awswire.Action{
		op[runInput]{
			name: "RunInstances", decode: decodeRun, handle: (*scope).run,
			creates: func(in runInput) tagSpecs { return in.Tags }, more: passRole,
		}.write(a),
		op[query[state.Instance]]{name: "DescribeInstances", decode: instanceListing.decode, handle: (*scope).describeInstances}.read(a),
		statusListing.on(a),
		power("StartInstances", (*scope).start),
		power("StopInstances", (*scope).stop),
		power("RebootInstances", (*scope).reboot),
		power("TerminateInstances", (*scope).terminate),
	}
}

// describeInstances answers with reservations: the instances of one launch together.
func (s *scope) describeInstances(q query[state.Instance]) (any, error) {
	rows, next, err := instanceListing.find(s, q)
	if err != nil {
		return nil, err
	}
	out := results[xmlReservation]{set: "reservationSet", next: next}
	for _, r := range rows {
		at := slices.IndexFunc(out.items, func(x xmlReservation) bool { return x.ID == r.it.Reservation })
		if at < 0 {
			at = len(out.items)
			out.items = append(out.items, xmlReservation{ID: r.it.Reservation, Owner: state.Account})
		}
		out.items[at].Instances.Item = append(out.items[at].Instances.Item, s.renderInstance(r.it))
	}
	return out, nil
}

// reservation returns the instances of one launch, in the order of their launch indices.
func (s *scope) reservation(id string) []*state.Instance {
	var all []*state.Instance
	for _, i := range s.Instances {
		if i.Reservation == id {
			all = append(all, i)
		}
	}
	slices.SortFunc(all, func(a, b *state.Instance) int { return cmp.Compare(a.LaunchIndex, b.LaunchIndex) })
	return all
}
