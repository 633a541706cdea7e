package catalog

import (
	"slices"
	"strings"
)

// InstanceType is one size of instance, with Amazon's published figures.
type InstanceType struct {
	Name      string
	VCPUs     int
	MemoryMiB int
	Nitro     bool // volumes show as NVMe and their ids can be read in the instance
	Burstable bool // earns CPU credits
	Current   bool // of the current generation
	ClockGHz  float64
}

// family is a row of the table: sizes of one kind of instance.
type family struct {
	name      string
	nitro     bool
	burstable bool
	current   bool
	clock     float64
	memory    float64 // GiB for each vCPU, where the sizes double regularly
	sizes     []string
}

var sizeVCPUs = map[string]int{ //nolint:gochecknoglobals // a constant table
	"medium": 1, "large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64,
}

var regular = []string{"large", "xlarge", "2xlarge", "4xlarge"} //nolint:gochecknoglobals // a constant table

// families are those whose memory follows from the number of processors.
var families = []family{ //nolint:gochecknoglobals // a constant table
	{"m4", false, false, false, 2.4, 4, regular},
	{"m5", true, false, true, 3.1, 4, append([]string{"8xlarge", "12xlarge", "16xlarge"}, regular...)},
	{"m5a", true, false, true, 2.5, 4, regular},
	{"m5d", true, false, true, 3.1, 4, regular},
	{"m6a", true, false, true, 3.6, 4, regular},
	{"m6i", true, false, true, 3.5, 4, append([]string{"8xlarge", "12xlarge", "16xlarge"}, regular...)},
	{"m7a", true, false, true, 3.7, 4, append([]string{"medium"}, regular...)},
	{"m7i", true, false, true, 3.2, 4, regular},
	{"c5", true, false, true, 3.4, 2, regular},
	{"c5a", true, false, true, 3.3, 2, regular},
	{"c6a", true, false, true, 3.6, 2, regular},
	{"c6i", true, false, true, 3.5, 2, regular},
	{"c7i", true, false, true, 3.2, 2, regular},
	{"r5", true, false, true, 3.1, 8, regular},
	{"r6i", true, false, true, 3.5, 8, regular},
	{"r7i", true, false, true, 3.2, 8, regular},
}

// single are the types that follow no rule.
var single = []InstanceType{ //nolint:gochecknoglobals // a constant table
	{"t2.micro", 1, 1024, false, true, true, 2.5},
	{"t2.small", 1, 2048, false, true, true, 2.5},
	{"t2.medium", 2, 4096, false, true, true, 2.3},
	{"t2.large", 2, 8192, false, true, true, 2.3},
	{"t2.xlarge", 4, 16384, false, true, true, 2.3},
	{"t2.2xlarge", 8, 32768, false, true, true, 2.3},
	{"t3.micro", 2, 1024, true, true, true, 2.5},
	{"t3.small", 2, 2048, true, true, true, 2.5},
	{"t3.medium", 2, 4096, true, true, true, 2.5},
	{"t3.large", 2, 8192, true, true, true, 2.5},
	{"t3.xlarge", 4, 16384, true, true, true, 2.5},
	{"t3.2xlarge", 8, 32768, true, true, true, 2.5},
	{"t3a.medium", 2, 4096, true, true, true, 2.2},
	{"t3a.large", 2, 8192, true, true, true, 2.2},
	{"t3a.xlarge", 4, 16384, true, true, true, 2.2},
	{"m3.medium", 1, 3840, false, false, false, 2.5},
	{"m3.large", 2, 7680, false, false, false, 2.5},
	{"m3.xlarge", 4, 15360, false, false, false, 2.5},
	{"c3.large", 2, 3840, false, false, false, 2.8},
	{"c3.xlarge", 4, 7680, false, false, false, 2.8},
	{"c4.large", 2, 3840, false, false, false, 2.9},
	{"c4.xlarge", 4, 7680, false, false, false, 2.9},
	{"c4.2xlarge", 8, 15360, false, false, false, 2.9},
}

// InstanceTypes returns every instance type, sorted by name. All of them run on x86-64 and are offered in every zone.
func InstanceTypes() []InstanceType {
	all := slices.Clone(single)
	for _, f := range families {
		for _, size := range f.sizes {
			n := sizeVCPUs[size]
			all = append(all, InstanceType{
				Name: f.name + "." + size, VCPUs: n, MemoryMiB: int(float64(n) * f.memory * 1024),
				Nitro: f.nitro, Burstable: f.burstable, Current: f.current, ClockGHz: f.clock,
			})
		}
	}
	slices.SortFunc(all, func(a, b InstanceType) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// FindInstanceType returns the type of that name; false if there is none.
func FindInstanceType(name string) (InstanceType, bool) {
	all := InstanceTypes()
	i := slices.IndexFunc(all, func(t InstanceType) bool { return t.Name == name })
	if i < 0 {
		return InstanceType{}, false
	}
	return all[i], true
}

// Hypervisor returns the type's hypervisor as the API names it.
func (t InstanceType) Hypervisor() string {
	if t.Nitro {
		return "nitro"
	}
	return "xen"
}
