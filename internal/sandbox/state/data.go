package state

import (
	"slices"
	"strings"
)

// Account is the id of the sandbox's only account.
const Account = "123456789012"

// Data is the account. Maps are never nil after Normalize, which the Store calls.
type Data struct {
	Version int                `json:"version"` // of this form
	IAM     IAM                `json:"iam"`
	Regions map[string]*Region `json:"regions"`
}

// Region is what an account has in one region.
type Region struct {
	Name   string           `json:"name"`
	Tokens map[string]Token `json:"tokens"`
	SSM    SSM              `json:"ssm"`
	EC2    EC2              `json:"ec2"`
	ELB    ELB              `json:"elb"`
}

// formVersion is the version of Data that this program writes and reads.
const formVersion = 1

// zonesOf says how many zones each region has. The names are AWS's.
var zonesOf = map[string]int{ //nolint:gochecknoglobals // a constant table
	"us-east-1": 6, "us-east-2": 3, "us-west-1": 2, "us-west-2": 4, "eu-west-1": 3, "eu-central-1": 3,
}

// RegionNames returns the names of all regions, sorted.
func RegionNames() []string {
	names := make([]string, 0, len(zonesOf))
	for name := range zonesOf {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ZoneNames returns the availability zones of a region, sorted; none for an unknown region.
func ZoneNames(region string) []string {
	names := make([]string, zonesOf[region])
	for i := range names {
		names[i] = region + string(rune('a'+i))
	}
	return names
}

// RegionOfZone returns the region that a zone name belongs to; false if there is no such zone.
func RegionOfZone(zone string) (string, bool) {
	if zone == "" {
		return "", false
	}
	region := strings.TrimRight(zone, "abcdef")
	return region, slices.Contains(ZoneNames(region), zone)
}

// Region returns a region of the account. It panics for a name that is not in RegionNames: the server refuses those
// before any service sees them.
func (d *Data) Region(name string) *Region {
	r, ok := d.Regions[name]
	if !ok {
		panic("state: no region " + name)
	}
	return r
}

// Normalize makes every region and map be there, so that the services need not ask.
func (d *Data) Normalize() {
	d.Version = formVersion
	d.IAM.normalize()
	if d.Regions == nil {
		d.Regions = map[string]*Region{}
	}
	for _, name := range RegionNames() {
		r := d.Regions[name]
		if r == nil {
			r = &Region{Name: name}
			d.Regions[name] = r
		}
		ensure(&r.Tokens)
		r.SSM.normalize()
		r.EC2.normalize()
		r.ELB.normalize()
	}
}

// ensure makes a nil map an empty one.
func ensure[K comparable, V any](m *map[K]V) {
	if *m == nil {
		*m = map[K]V{}
	}
}
