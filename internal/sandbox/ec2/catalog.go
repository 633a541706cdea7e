package ec2

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/catalog"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// What the cloud has to offer: images, instance types, zones and regions. None of it is the account's.

func catalogActions(a *call.API) []awswire.Action {
	return []awswire.Action{
		imageListing.On(a), typeListing.On(a), offeringListing.On(a), zoneListing.On(a), regionListing.On(a), accountListing.On(a),
	}
}

type xmlImage struct {
	ID             string                     `xml:"imageId"`
	Location       string                     `xml:"imageLocation"`
	State          string                     `xml:"imageState"`
	Owner          string                     `xml:"imageOwnerId"`
	Alias          string                     `xml:"imageOwnerAlias,omitempty"`
	Public         bool                       `xml:"isPublic"`
	Architecture   string                     `xml:"architecture"`
	Type           string                     `xml:"imageType"`
	Name           string                     `xml:"name"`
	Description    string                     `xml:"description"`
	RootDeviceType string                     `xml:"rootDeviceType"`
	RootDevice     string                     `xml:"rootDeviceName"`
	Devices        call.Items[xmlImageDevice] `xml:"blockDeviceMapping"`
	Virtualization string                     `xml:"virtualizationType"`
	Hypervisor     string                     `xml:"hypervisor"`
	ENA            bool                       `xml:"enaSupport"`
	Created        string                     `xml:"creationDate"`
	Platform       string                     `xml:"platformDetails"`
	Usage          string                     `xml:"usageOperation"`
}

type xmlImageDevice struct {
	Name                string `xml:"deviceName"`
	Snapshot            string `xml:"ebs>snapshotId"`
	Size                int    `xml:"ebs>volumeSize"`
	DeleteOnTermination bool   `xml:"ebs>deleteOnTermination"`
	Type                string `xml:"ebs>volumeType"`
	Encrypted           bool   `xml:"ebs>encrypted"`
}

func images(s *call.Scope) []*catalog.Image {
	all := pointers(catalog.Images(s.Region.Name))
	slices.SortFunc(all, func(a, b *catalog.Image) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

func pointers[T any](values []T) []*T {
	all := make([]*T, len(values))
	for i := range values {
		all[i] = &values[i]
	}
	return all
}

var imageListing = call.Listing[catalog.Image, xmlImage]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeImages", Set: "imagesSet", IDs: "ImageId", Kind: call.KindImage, All: images,
	Key: func(i *catalog.Image) string { return i.ID },
	Fields: call.Fields[catalog.Image]{
		"image-id":            call.Of(func(i *catalog.Image) string { return i.ID }),
		"name":                call.Of(func(i *catalog.Image) string { return i.Name }),
		"description":         call.Of(func(i *catalog.Image) string { return i.Description }),
		"architecture":        call.Always[catalog.Image]("x86_64"),
		"creation-date":       call.Of(func(i *catalog.Image) string { return i.Created }),
		"hypervisor":          call.Always[catalog.Image]("xen"),
		"image-type":          call.Always[catalog.Image]("machine"),
		"is-public":           call.Always[catalog.Image]("true"),
		"owner-alias":         call.Of(func(i *catalog.Image) string { return i.OwnerAlias }),
		"owner-id":            call.Of(func(i *catalog.Image) string { return i.Owner }),
		"root-device-name":    call.Of(func(i *catalog.Image) string { return i.RootDevice }),
		"root-device-type":    call.Always[catalog.Image]("ebs"),
		"state":               call.Always[catalog.Image]("available"),
		"virtualization-type": call.Always[catalog.Image]("hvm"),
	},
	Narrow: func(p *awswire.Params) func(call.Row[catalog.Image]) bool {
		owners := p.Strings("Owner")
		p.Bool("IncludeDeprecated", false)
		return func(r call.Row[catalog.Image]) bool {
			return len(owners) == 0 || slices.Contains(owners, r.It.Owner) || r.It.OwnerAlias != "" && slices.Contains(owners, r.It.OwnerAlias)
		}
	},
	Render: func(r call.Row[catalog.Image]) xmlImage {
		i := r.It
		return xmlImage{
			ID: i.ID, Location: i.Owner + "/" + i.Name, State: "available", Owner: i.Owner, Alias: i.OwnerAlias, Public: true,
			Architecture: "x86_64", Type: "machine", Name: i.Name, Description: i.Description, RootDeviceType: "ebs", RootDevice: i.RootDevice,
			Devices:        call.List(xmlImageDevice{i.RootDevice, i.Snapshot, i.RootGiB, true, catalog.RootVolumeType, false}),
			Virtualization: "hvm", Hypervisor: "xen", ENA: true, Created: i.Created, Platform: "Linux/UNIX", Usage: "RunInstances",
		}
	},
}

type xmlType struct {
	Name           string             `xml:"instanceType"`
	Current        bool               `xml:"currentGeneration"`
	FreeTier       bool               `xml:"freeTierEligible"`
	Usage          call.Items[string] `xml:"supportedUsageClasses"`
	RootDevices    call.Items[string] `xml:"supportedRootDeviceTypes"`
	Virtualization call.Items[string] `xml:"supportedVirtualizationTypes"`
	BareMetal      bool               `xml:"bareMetal"`
	Hypervisor     string             `xml:"hypervisor"`
	Architectures  call.Items[string] `xml:"processorInfo>supportedArchitectures"`
	Clock          float64            `xml:"processorInfo>sustainedClockSpeedInGhz"`
	VCPUs          int                `xml:"vCpuInfo>defaultVCpus"`
	Cores          int                `xml:"vCpuInfo>defaultCores"`
	Threads        int                `xml:"vCpuInfo>defaultThreadsPerCore"`
	Memory         int                `xml:"memoryInfo>sizeInMiB"`
	Storage        bool               `xml:"instanceStorageSupported"`
	EBSOptimized   string             `xml:"ebsInfo>ebsOptimizedSupport"`
	EBSEncryption  string             `xml:"ebsInfo>encryptionSupport"`
	NVMe           string             `xml:"ebsInfo>nvmeSupport"`
	ENA            string             `xml:"networkInfo>enaSupport"`
	Interfaces     int                `xml:"networkInfo>maximumNetworkInterfaces"`
	Hibernation    bool               `xml:"hibernationSupported"`
	Burstable      bool               `xml:"burstablePerformanceSupported"`
	Dedicated      bool               `xml:"dedicatedHostsSupported"`
	AutoRecovery   bool               `xml:"autoRecoverySupported"`
}

var kindType = call.Kind{Code: "InvalidInstanceType", Noun: "instance type"} //nolint:gochecknoglobals // a constant table

var typeListing = call.Listing[catalog.InstanceType, xmlType]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeInstanceTypes", Set: "instanceTypeSet", IDs: "InstanceType", Kind: kindType,
	All: func(*call.Scope) []*catalog.InstanceType { return pointers(catalog.InstanceTypes()) },
	Key: func(t *catalog.InstanceType) string { return t.Name },
	Fields: call.Fields[catalog.InstanceType]{
		"instance-type":                         call.Of(func(t *catalog.InstanceType) string { return t.Name }),
		"current-generation":                    call.Is(func(t *catalog.InstanceType) bool { return t.Current }),
		"burstable-performance-supported":       call.Is(func(t *catalog.InstanceType) bool { return t.Burstable }),
		"bare-metal":                            call.Always[catalog.InstanceType]("false"),
		"hypervisor":                            call.Of(func(t *catalog.InstanceType) string { return t.Hypervisor() }),
		"memory-info.size-in-mib":               call.Of(func(t *catalog.InstanceType) string { return strconv.Itoa(t.MemoryMiB) }),
		"vcpu-info.default-vcpus":               call.Of(func(t *catalog.InstanceType) string { return strconv.Itoa(t.VCPUs) }),
		"processor-info.supported-architecture": call.Always[catalog.InstanceType]("x86_64"),
		"supported-root-device-type":            call.Always[catalog.InstanceType]("ebs"),
		"supported-virtualization-type":         call.Always[catalog.InstanceType]("hvm"),
	},
	Render: func(r call.Row[catalog.InstanceType]) xmlType {
		t := r.It
		x := xmlType{
			Name: t.Name, Current: t.Current, Usage: call.List("on-demand"), RootDevices: call.List("ebs"),
			Virtualization: call.List("hvm"), Hypervisor: t.Hypervisor(), Architectures: call.List("x86_64"),
			Clock: t.ClockGHz, VCPUs: t.VCPUs, Cores: max(1, t.VCPUs/2), Threads: min(2, t.VCPUs), Memory: t.MemoryMiB,
			EBSOptimized: "unsupported", EBSEncryption: "supported", NVMe: "unsupported", ENA: "unsupported", Interfaces: 1,
			Burstable: t.Burstable, AutoRecovery: true,
		}
		if t.Nitro {
			x.EBSOptimized, x.NVMe, x.ENA = "default", "required", "required"
		}
		return x
	},
}

// offering is an instance type at a place; every type is offered everywhere.
type offering struct{ instanceType, locationType, location string }

type xmlOffering struct {
	Type         string `xml:"instanceType"`
	LocationType string `xml:"locationType"`
	Location     string `xml:"location"`
}

var offeringListing = call.Listing[offering, xmlOffering]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeInstanceTypeOfferings", Set: "instanceTypeOfferingSet",
	All: func(s *call.Scope) (all []*offering) {
		for _, t := range catalog.InstanceTypes() {
			all = append(all, &offering{t.Name, "region", s.Region.Name})
			for _, z := range state.ZoneNames(s.Region.Name) {
				all = append(all, &offering{t.Name, "availability-zone", z}, &offering{t.Name, "availability-zone-id", call.ZoneID(z)})
			}
		}
		slices.SortFunc(all, func(a, b *offering) int { return cmp.Compare(offeringKey(a), offeringKey(b)) })
		return all
	},
	Key: offeringKey,
	Fields: call.Fields[offering]{
		"instance-type": call.Of(func(o *offering) string { return o.instanceType }),
		"location":      call.Of(func(o *offering) string { return o.location }),
	},
	Narrow: func(p *awswire.Params) func(call.Row[offering]) bool {
		kind := p.OneOf("LocationType", "region", "region", "availability-zone", "availability-zone-id")
		return func(r call.Row[offering]) bool { return r.It.locationType == kind }
	},
	Render: func(r call.Row[offering]) xmlOffering {
		return xmlOffering{r.It.instanceType, r.It.locationType, r.It.location}
	},
}

func offeringKey(o *offering) string { return o.instanceType + " " + o.locationType + " " + o.location }

type xmlZone struct {
	Name   string `xml:"zoneName"`
	ID     string `xml:"zoneId"`
	State  string `xml:"zoneState"`
	Region string `xml:"regionName"`
	Type   string `xml:"zoneType"`
	Group  string `xml:"groupName"`
	Border string `xml:"networkBorderGroup"`
	OptIn  string `xml:"optInStatus"`
}

var kindZone = call.Kind{Code: "InvalidParameterValue", Noun: "availability zone"} //nolint:gochecknoglobals // a constant table

var zoneListing = call.Listing[string, xmlZone]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeAvailabilityZones", Set: "availabilityZoneInfo", IDs: "ZoneName", Kind: kindZone,
	All: func(s *call.Scope) []*string { return pointers(state.ZoneNames(s.Region.Name)) },
	Key: func(z *string) string { return *z }, Names: "ZoneId", Name: func(z *string) string { return call.ZoneID(*z) },
	Fields: call.Fields[string]{
		"zone-name":     call.Of(func(name *string) string { return *name }),
		"zone-id":       call.Of(func(name *string) string { return call.ZoneID(*name) }),
		"zone-type":     call.Always[string]("availability-zone"),
		"state":         call.Always[string]("available"),
		"region-name":   call.Text(func(r call.Row[string]) string { return r.Region.Name }),
		"group-name":    call.Text(func(r call.Row[string]) string { return r.Region.Name }),
		"opt-in-status": call.Always[string]("opt-in-not-required"),
	},
	Narrow: func(p *awswire.Params) func(call.Row[string]) bool {
		p.Bool("AllAvailabilityZones", false) // there are no others
		return nil
	},
	Render: func(r call.Row[string]) xmlZone {
		return xmlZone{
			Name: *r.It, ID: call.ZoneID(*r.It), State: "available", Region: r.Region.Name, Type: "availability-zone",
			Group: r.Region.Name, Border: r.Region.Name, OptIn: "opt-in-not-required",
		}
	},
}

type xmlRegion struct {
	Name     string `xml:"regionName"`
	Endpoint string `xml:"regionEndpoint"`
	OptIn    string `xml:"optInStatus"`
}

var kindRegion = call.Kind{Code: "InvalidParameterValue", Noun: "region"} //nolint:gochecknoglobals // a constant table

var regionListing = call.Listing[string, xmlRegion]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeRegions", Set: "regionInfo", IDs: "RegionName", Kind: kindRegion,
	All: func(*call.Scope) []*string { return pointers(state.RegionNames()) },
	Key: func(z *string) string { return *z },
	Fields: call.Fields[string]{
		"region-name":   call.Of(func(name *string) string { return *name }),
		"endpoint":      call.Of(func(name *string) string { return "ec2." + *name + ".amazonaws.com" }),
		"opt-in-status": call.Always[string]("opt-in-not-required"),
	},
	Narrow: func(p *awswire.Params) func(call.Row[string]) bool {
		p.Bool("AllRegions", false) // there are no others
		return nil
	},
	Render: func(r call.Row[string]) xmlRegion {
		return xmlRegion{*r.It, "ec2." + *r.It + ".amazonaws.com", "opt-in-not-required"}
	},
}

// accountAttribute is a fact of the account in a region.
type accountAttribute struct{ name, value string }

type xmlAccountAttribute struct {
	Name   string   `xml:"attributeName"`
	Values []string `xml:"attributeValueSet>item>attributeValue"`
}

var kindAttribute = call.Kind{Code: "InvalidParameterValue", Noun: "account attribute"} //nolint:gochecknoglobals // a constant table

var accountListing = call.Listing[accountAttribute, xmlAccountAttribute]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeAccountAttributes", Set: "accountAttributeSet", IDs: "AttributeName", Kind: kindAttribute,
	All: func(s *call.Scope) []*accountAttribute {
		return []*accountAttribute{
			{"default-vpc", "none"},
			{"max-elastic-ips", "5"},
			{"max-instances", strconv.Itoa(s.API.Quotas.VCPUs)},
			{"supported-platforms", "VPC"},
			{"vpc-max-elastic-ips", "5"},
			{"vpc-max-security-groups-per-interface", strconv.Itoa(s.API.Quotas.GroupsPerENI)},
		}
	},
	Key: func(t *accountAttribute) string { return t.name },
	Render: func(r call.Row[accountAttribute]) xmlAccountAttribute {
		return xmlAccountAttribute{r.It.name, []string{r.It.value}}
	},
}
