package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/cluster/strictyaml"
)

// CloudFacts is what the rules need to know of a region. Provisioning asks the cloud for it.
type CloudFacts struct {
	Zones []string                // names of the availability zones that are open to the account
	Types map[string]InstanceType // by name, as in m5.xlarge
}

// InstanceType is what the cloud says of an instance type.
type InstanceType struct {
	VCPUs     int
	MemoryMiB int
	Nitro     bool   // its hypervisor is Nitro, which shows a host the ids of its volumes; the older Xen hides them
	Arch      string // amd64 or arm64
}

// The certified sizes, as design/infrastructure.md resolves SIZE-1 to SIZE-3.
const (
	leastVCPUs       = 2
	leastManagerMiB  = 8 << 10
	leastWorkerMiB   = 4 << 10
	recommendedVCPUs = 4
	recommendedMiB   = 16 << 10
)

// familyAfter returns the Nitro family that took the place of a Xen family; other families come back as they are.
func familyAfter(family string) string {
	switch family {
	case "m1", "m3", "m4":
		return "m5"
	case "c1", "c3", "c4":
		return "c5"
	case "r3", "r4":
		return "r5"
	case "t1", "t2":
		return "t3"
	case "i2":
		return "i3en"
	case "d2":
		return "d3"
	default:
		return family
	}
}

// Certify applies the rules that need to know the region: which zones and instance types it has, and what these are.
// It returns faults and warnings as Load does.
func (d *Document) Certify(facts CloudFacts) (Warnings, error) {
	c := checker{doc: d}
	c.region(facts.Zones)
	c.instanceType("managers.type", d.Managers.Type, RoleManager, facts)
	for i, w := range d.Workers {
		c.instanceType(fmt.Sprintf("workers[%d].type", i), w.Type, RoleWorker, facts)
	}
	inOrder(c.faults)
	inOrder(c.warnings)
	return c.warnings, c.faults.err()
}

// region checks the zones that the document asks for against those that there are.
func (c *checker) region(zones []string) {
	asked := c.doc.Cloud.Zones
	for i, name := range asked.Names {
		if !slices.Contains(zones, name) {
			c.fault(fmt.Sprintf("cloud.zones[%d]", i), "", "the region has no zone %s; it has %s", name, strings.Join(zones, ", "))
		}
	}
	if asked.Len() > len(zones) && len(asked.Names) == 0 {
		rule := ""
		if c.doc.Managers.Count > 1 {
			rule = ruleZones
		}
		c.fault("cloud.zones", rule, "%d zones are asked for, and the region has %d: use another region or fewer zones", asked.Count, len(zones))
	}
}

// types applies the rules that need no more than the name of a type.
func (c *checker) types() {
	c.burstable("managers.type", c.doc.Managers.Type)
	for i, w := range c.doc.Workers {
		c.burstable(fmt.Sprintf("workers[%d].type", i), w.Type)
	}
}

func (c *checker) burstable(path, name string) {
	switch family, _, _ := strings.Cut(name, "."); family {
	case "t1", "t2", "t3", "t3a", "t4g":
		c.warn(path, ruleBurstable, "%s is for development and short peaks: its CPU is throttled when its credits are spent", name)
	}
}

// instanceType checks a type against the certified sizes.
func (c *checker) instanceType(path, name string, role Role, facts CloudFacts) {
	t, known := facts.Types[name]
	if !known {
		c.fault(path, "", "the region has no instance type %s%s", name, suggestType(name, facts.Types))
		return
	}
	rule, memory := ruleWorkerSize, leastWorkerMiB
	if role == RoleManager {
		rule, memory = ruleManagerSize, leastManagerMiB
	}
	advice := ""
	if better := successor(name, memory, facts.Types); better != "" {
		advice = ": use " + better
	}
	switch {
	case !t.Nitro:
		c.fault(path, "", "%s is a Xen type, which hides the ids of volumes from the host%s", name, advice)
	case t.VCPUs < leastVCPUs || t.MemoryMiB < memory:
		c.uncertified(path, rule, "%s has %s; a %s needs %s or more%s", name, size(t.VCPUs, t.MemoryMiB), role, size(leastVCPUs, memory), advice)
	case role == RoleManager && (t.VCPUs < recommendedVCPUs || t.MemoryMiB < recommendedMiB):
		c.warn(path, ruleRecommended, "%s has %s; %s are recommended for a manager", name, size(t.VCPUs, t.MemoryMiB), size(recommendedVCPUs, recommendedMiB))
	}
}

// size writes a size as people do.
func size(vcpus, mib int) string {
	return fmt.Sprintf("%d vCPU and %s GiB", vcpus, strings.TrimSuffix(fmt.Sprintf("%.1f", float64(mib)/1024), ".0"))
}

func suggestType(name string, types map[string]InstanceType) string {
	names := make([]string, 0, len(types))
	for n := range types {
		names = append(names, n)
	}
	slices.Sort(names)
	if near, ok := strictyaml.Nearest(name, names); ok {
		return "; did you mean " + near + "?"
	}
	return ""
}

// successor returns the smallest Nitro type that passes, of the family of the named type or the one that replaced it;
// "" where there is none.
func successor(name string, memoryMiB int, types map[string]InstanceType) string {
	family, _, _ := strings.Cut(name, ".")
	family = familyAfter(family)
	least := types[name]
	var fit []string
	for n, t := range types {
		f, _, _ := strings.Cut(n, ".")
		if f == family && t.Nitro && t.VCPUs >= max(leastVCPUs, least.VCPUs) && t.MemoryMiB >= max(memoryMiB, least.MemoryMiB*3/4) {
			fit = append(fit, n)
		}
	}
	if len(fit) == 0 {
		return ""
	}
	return slices.MinFunc(fit, func(a, b string) int {
		return cmp.Or(cmp.Compare(types[a].MemoryMiB, types[b].MemoryMiB), cmp.Compare(types[a].VCPUs, types[b].VCPUs), cmp.Compare(a, b))
	})
}
