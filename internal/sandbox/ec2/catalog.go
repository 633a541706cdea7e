package ec2

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/catalog"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// What the cloud has to offer: images, instance types, zones and regions. None of it is the account's.

func (a *api) catalogActions() []awswire.Action {
	return []awswire.Action{
		imageListing.on(a), typeListing.on(a), offeringListing.on(a), zoneListing.on(a), regionListing.on(a), accountListing.on(a),
	}
}

type xmlImage struct {
	ID             string                `xml:"imageId"`
	Location       string                `xml:"imageLocation"`
	State          string                `xml:"imageState"`
	Owner          string                `xml:"imageOwnerId"`
	Alias          string                `xml:"imageOwnerAlias,omitempty"`
	Public         bool                  `xml:"isPublic"`
	Architecture   string                `xml:"architecture"`
	Type           string                `xml:"imageType"`
	Name           string                `xml:"name"`
	Description    string                `xml:"description"`
	RootDeviceType string                `xml:"rootDeviceType"`
	RootDevice     string                `xml:"rootDeviceName"`
	Devices        items[xmlImageDevice] `xml:"blockDeviceMapping"`
	Virtualization string                `xml:"virtualizationType"`
	Hypervisor     string                `xml:"hypervisor"`
	ENA            bool                  `xml:"enaSupport"`
	Created        string                `xml:"creationDate"`
	Platform       string                `xml:"platformDetails"`
	Usage          string                `xml:"usageOperation"`
}

type xmlImageDevice struct {
	Name                string `xml:"deviceName"`
	Snapshot            string `xml:"ebs>snapshotId"`
	Size                int    `xml:"ebs>volumeSize"`
	DeleteOnTermination bool   `xml:"ebs>deleteOnTermination"`
	Type                string `xml:"ebs>volumeType"`
	Encrypted           bool   `xml:"ebs>encrypted"`
}

// imageVolumeType is the type of an image's root volume unless the launch says otherwise.
const imageVolumeType = "gp3"

func images(s *scope) []*catalog.Image {
	all := pointers(catalog.Images(s.region.Name))
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

var imageListing = listing[catalog.Image, xmlImage]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeImages", set: "imagesSet", ids: "ImageId", kind: kindImage, all: images,
	key: func(i *catalog.Image) string { return i.ID },
	fields: map[string]func(row[catalog.Image]) []string{
		"image-id":            text(func(r row[catalog.Image]) string { return r.it.ID }),
		"name":                text(func(r row[catalog.Image]) string { return r.it.Name }),
		"description":         text(func(r row[catalog.Image]) string { return r.it.Description }),
		"architecture":        text(func(row[catalog.Image]) string { return "x86_64" }),
		"creation-date":       text(func(r row[catalog.Image]) string { return r.it.Created }),
		"hypervisor":          text(func(row[catalog.Image]) string { return "xen" }),
		"image-type":          text(func(row[catalog.Image]) string { return "machine" }),
		"is-public":           truth(func(row[catalog.Image]) bool { return true }),
		"owner-alias":         text(func(r row[catalog.Image]) string { return r.it.OwnerAlias }),
		"owner-id":            text(func(r row[catalog.Image]) string { return r.it.Owner }),
		"root-device-name":    text(func(r row[catalog.Image]) string { return r.it.RootDevice }),
		"root-device-type":    text(func(row[catalog.Image]) string { return "ebs" }),
		"state":               text(func(row[catalog.Image]) string { return "available" }),
		"virtualization-type": text(func(row[catalog.Image]) string { return "hvm" }),
	},
	narrow: func(p *awswire.Params) func(row[catalog.Image]) bool {
		owners := p.Strings("Owner")
		p.Bool("IncludeDeprecated", false)
		return func(r row[catalog.Image]) bool {
			return len(owners) == 0 || slices.Contains(owners, r.it.Owner) || r.it.OwnerAlias != "" && slices.Contains(owners, r.it.OwnerAlias)
		}
	},
	render: func(r row[catalog.Image]) xmlImage {
		i := r.it
		return xmlImage{
			ID: i.ID, Location: i.Owner + "/" + i.Name, State: "available", Owner: i.Owner, Alias: i.OwnerAlias, Public: true,
			Architecture: "x86_64", Type: "machine", Name: i.Name, Description: i.Description, RootDeviceType: "ebs", RootDevice: i.RootDevice,
			Devices:        items[xmlImageDevice]{[]xmlImageDevice{{i.RootDevice, i.Snapshot, i.RootGiB, true, imageVolumeType, false}}},
			Virtualization: "hvm", Hypervisor: "xen", ENA: true, Created: i.Created, Platform: "Linux/UNIX", Usage: "RunInstances",
		}
	},
}

type xmlType struct {
	Name           string        `xml:"instanceType"`
	Current        bool          `xml:"currentGeneration"`
	FreeTier       bool          `xml:"freeTierEligible"`
	Usage          items[string] `xml:"supportedUsageClasses"`
	RootDevices    items[string] `xml:"supportedRootDeviceTypes"`
	Virtualization items[string] `xml:"supportedVirtualizationTypes"`
	BareMetal      bool          `xml:"bareMetal"`
	Hypervisor     string        `xml:"hypervisor"`
	Architectures  items[string] `xml:"processorInfo>supportedArchitectures"`
	Clock          float64       `xml:"processorInfo>sustainedClockSpeedInGhz"`
	VCPUs          int           `xml:"vCpuInfo>defaultVCpus"`
	Cores          int           `xml:"vCpuInfo>defaultCores"`
	Threads        int           `xml:"vCpuInfo>defaultThreadsPerCore"`
	Memory         int           `xml:"memoryInfo>sizeInMiB"`
	Storage        bool          `xml:"instanceStorageSupported"`
	EBSOptimized   string        `xml:"ebsInfo>ebsOptimizedSupport"`
	EBSEncryption  string        `xml:"ebsInfo>encryptionSupport"`
	NVMe           string        `xml:"ebsInfo>nvmeSupport"`
	ENA            string        `xml:"networkInfo>enaSupport"`
	Interfaces     int           `xml:"networkInfo>maximumNetworkInterfaces"`
	Hibernation    bool          `xml:"hibernationSupported"`
	Burstable      bool          `xml:"burstablePerformanceSupported"`
	Dedicated      bool          `xml:"dedicatedHostsSupported"`
	AutoRecovery   bool          `xml:"autoRecoverySupported"`
}

var kindType = kind{"", "", "InvalidInstanceType", "instance type"} //nolint:gochecknoglobals // a constant table

var typeListing = listing[catalog.InstanceType, xmlType]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeInstanceTypes", set: "instanceTypeSet", ids: "InstanceType", kind: kindType,
	all: func(*scope) []*catalog.InstanceType { return pointers(catalog.InstanceTypes()) },
	key: func(t *catalog.InstanceType) string { return t.Name },
	fields: map[string]func(row[catalog.InstanceType]) []string{
		"instance-type":                         text(func(r row[catalog.InstanceType]) string { return r.it.Name }),
		"current-generation":                    truth(func(r row[catalog.InstanceType]) bool { return r.it.Current }),
		"burstable-performance-supported":       truth(func(r row[catalog.InstanceType]) bool { return r.it.Burstable }),
		"bare-metal":                            truth(func(row[catalog.InstanceType]) bool { return false }),
		"hypervisor":                            text(func(r row[catalog.InstanceType]) string { return r.it.Hypervisor() }),
		"memory-info.size-in-mib":               text(func(r row[catalog.InstanceType]) string { return strconv.Itoa(r.it.MemoryMiB) }),
		"vcpu-info.default-vcpus":               text(func(r row[catalog.InstanceType]) string { return strconv.Itoa(r.it.VCPUs) }),
		"processor-info.supported-architecture": text(func(row[catalog.InstanceType]) string { return "x86_64" }),
		"supported-root-device-type":            text(func(row[catalog.InstanceType]) string { return "ebs" }),
		"supported-virtualization-type":         text(func(row[catalog.InstanceType]) string { return "hvm" }),
	},
	render: func(r row[catalog.InstanceType]) xmlType {
		t := r.it
		x := xmlType{
			Name: t.Name, Current: t.Current, Usage: items[string]{[]string{"on-demand"}}, RootDevices: items[string]{[]string{"ebs"}},
			Virtualization: items[string]{[]string{"hvm"}}, Hypervisor: t.Hypervisor(), Architectures: items[string]{[]string{"x86_64"}},
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

var offeringListing = listing[offering, xmlOffering]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeInstanceTypeOfferings", set: "instanceTypeOfferingSet",
	all: func(s *scope) (all []*offering) {
		for _, t := range catalog.InstanceTypes() {
			all = append(all, &offering{t.Name, "region", s.region.Name})
			for _, z := range state.ZoneNames(s.region.Name) {
				all = append(all, &offering{t.Name, "availability-zone", z}, &offering{t.Name, "availability-zone-id", zoneID(z)})
			}
		}
		slices.SortFunc(all, func(a, b *offering) int { return cmp.Compare(offeringKey(a), offeringKey(b)) })
		return all
	},
	key: offeringKey,
	fields: map[string]func(row[offering]) []string{
		"instance-type": text(func(r row[offering]) string { return r.it.instanceType }),
		"location":      text(func(r row[offering]) string { return r.it.location }),
	},
	narrow: func(p *awswire.Params) func(row[offering]) bool {
		kind := p.OneOf("LocationType", "region", "region", "availability-zone", "availability-zone-id")
		return func(r row[offering]) bool { return r.it.locationType == kind }
	},
	render: func(r row[offering]) xmlOffering {
		return xmlOffering{r.it.instanceType, r.it.locationType, r.it.location}
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

var kindZone = kind{"", "", "InvalidParameterValue", "availability zone"} //nolint:gochecknoglobals // a constant table

var zoneListing = listing[string, xmlZone]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeAvailabilityZones", set: "availabilityZoneInfo", ids: "ZoneName", kind: kindZone,
	all: func(s *scope) []*string { return pointers(state.ZoneNames(s.region.Name)) },
	key: func(z *string) string { return *z }, names: "ZoneId", name: func(z *string) string { return zoneID(*z) },
	fields: map[string]func(row[string]) []string{
		"zone-name":     text(func(r row[string]) string { return *r.it }),
		"zone-id":       text(func(r row[string]) string { return zoneID(*r.it) }),
		"zone-type":     text(func(row[string]) string { return "availability-zone" }),
		"state":         text(func(row[string]) string { return "available" }),
		"region-name":   text(func(r row[string]) string { return r.region.Name }),
		"group-name":    text(func(r row[string]) string { return r.region.Name }),
		"opt-in-status": text(func(row[string]) string { return "opt-in-not-required" }),
	},
	narrow: func(p *awswire.Params) func(row[string]) bool {
		p.Bool("AllAvailabilityZones", false) // there are no others
		return nil
	},
	render: func(r row[string]) xmlZone {
		return xmlZone{
			Name: *r.it, ID: zoneID(*r.it), State: "available", Region: r.region.Name, Type: "availability-zone",
			Group: r.region.Name, Border: r.region.Name, OptIn: "opt-in-not-required",
		}
	},
}

type xmlRegion struct {
	Name     string `xml:"regionName"`
	Endpoint string `xml:"regionEndpoint"`
	OptIn    string `xml:"optInStatus"`
}

var kindRegion = kind{"", "", "InvalidParameterValue", "region"} //nolint:gochecknoglobals // a constant table

var regionListing = listing[string, xmlRegion]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeRegions", set: "regionInfo", ids: "RegionName", kind: kindRegion,
	all: func(*scope) []*string { return pointers(state.RegionNames()) },
	key: func(z *string) string { return *z },
	fields: map[string]func(row[string]) []string{
		"region-name":   text(func(r row[string]) string { return *r.it }),
		"endpoint":      text(func(r row[string]) string { return "ec2." + *r.it + ".amazonaws.com" }),
		"opt-in-status": text(func(row[string]) string { return "opt-in-not-required" }),
	},
	narrow: func(p *awswire.Params) func(row[string]) bool {
		p.Bool("AllRegions", false) // there are no others
		return nil
	},
	render: func(r row[string]) xmlRegion {
		return xmlRegion{*r.it, "ec2." + *r.it + ".amazonaws.com", "opt-in-not-required"}
	},
}

// accountAttribute is a fact of the account in a region.
type accountAttribute struct{ name, value string }

type xmlAccountAttribute struct {
	Name   string   `xml:"attributeName"`
	Values []string `xml:"attributeValueSet>item>attributeValue"`
}

var kindAttribute = kind{"", "", "InvalidParameterValue", "account attribute"} //nolint:gochecknoglobals // a constant table

var accountListing = listing[accountAttribute, xmlAccountAttribute]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeAccountAttributes", set: "accountAttributeSet", ids: "AttributeName", kind: kindAttribute,
	all: func(s *scope) []*accountAttribute {
		return []*accountAttribute{
			{"default-vpc", "none"}, {"max-elastic-ips", "5"}, {"max-instances", strconv.Itoa(s.api.Quotas.VCPUs)},
			{"supported-platforms", "VPC"}, {"vpc-max-elastic-ips", "5"},
			{"vpc-max-security-groups-per-interface", strconv.Itoa(s.api.Quotas.GroupsPerENI)},
		}
	},
	key: func(t *accountAttribute) string { return t.name },
	render: func(r row[accountAttribute]) xmlAccountAttribute {
		return xmlAccountAttribute{r.it.name, []string{r.it.value}}
	},
}
