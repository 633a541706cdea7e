package cluster

import (
	"fmt"
	"slices"
	"strings"
)

// The certified sizes of volumes in GiB.
const (
	leastRoot = 40
	leastData = 100
)

// volumeType is what EBS allows of one type of volume. Source: the EBS user guide, "Amazon EBS volume types".
type volumeType struct {
	least, most         int // GiB
	leastIOPS, mostIOPS int // 0 where the performance cannot be chosen
	perGiB              int // most IOPS for each GiB
	needsIOPS           bool
	boots               bool // may hold the operating system
}

func volumeTypes() map[string]volumeType {
	return map[string]volumeType{
		"gp2":      {least: 1, most: 16384, boots: true},
		"gp3":      {least: 1, most: 65536, leastIOPS: 3000, mostIOPS: 80000, perGiB: 500, boots: true},
		"io1":      {least: 4, most: 16384, leastIOPS: 100, mostIOPS: 64000, perGiB: 50, needsIOPS: true, boots: true},
		"io2":      {least: 4, most: 65536, leastIOPS: 100, mostIOPS: 256000, perGiB: 1000, needsIOPS: true, boots: true},
		"st1":      {least: 125, most: 16384},
		"sc1":      {least: 125, most: 16384},
		"standard": {least: 1, most: 1024, boots: true},
	}
}

// certifiedForManagers are the volume types that hold what managers store: STOR-1 names io1 and gp2; gp3 and io2 came
// after it and are better in every respect.
func certifiedForManagers() []string { return []string{"gp3", "gp2", "io1", "io2"} }

func (c *checker) disks() {
	m := c.doc.Managers
	c.nodeDisks("managers", m.Root, m.Data)
	for _, disk := range []struct {
		path string
		Disk
	}{{"managers.root.type", m.Root}, {"managers.data.type", m.Data}} {
		if allowed := certifiedForManagers(); !slices.Contains(allowed, disk.Type) {
			c.uncertified(disk.path, ruleManagerVolume, "%s is too slow for what a manager stores: use %s", disk.Type, strings.Join(allowed, ", "))
		}
	}
	for i, w := range c.doc.Workers {
		c.nodeDisks(fmt.Sprintf("workers[%d]", i), w.Root, w.Data)
	}
}

func (c *checker) nodeDisks(path string, root, data Disk) {
	if root.Size < leastRoot {
		c.uncertified(path+".root.size", ruleRootVolume, "%d GiB is too small for the operating system: use %d or more", root.Size, leastRoot)
	}
	if data.Size < leastData {
		c.uncertified(path+".data.size", ruleDataVolume, "%d GiB is too small for /var/lib/docker: use %d or more", data.Size, leastData)
	}
	if t, ok := volumeTypes()[root.Type]; ok && !t.boots {
		c.fault(path+".root.type", "", "no instance boots from a volume of type %s: use gp3", root.Type)
	}
	c.disk(path+".root", root)
	c.disk(path+".data", data)
}

// disk checks what EBS itself would refuse.
func (c *checker) disk(path string, d Disk) {
	t, ok := volumeTypes()[d.Type]
	if !ok {
		return
	}
	if d.Size < t.least || d.Size > t.most {
		c.fault(path+".size", "", "a volume of type %s has %d to %d GiB, not %d", d.Type, t.least, t.most, d.Size)
	}
	most := min(t.mostIOPS, t.perGiB*d.Size)
	switch {
	case d.IOPS == 0 && t.needsIOPS:
		c.fault(path+".iops", "", "is required for a volume of type %s: give %d to %d", d.Type, t.leastIOPS, most)
	case d.IOPS != 0 && t.mostIOPS == 0:
		c.fault(path+".iops", "", "a volume of type %s has no IOPS to choose: leave the key out, or use gp3", d.Type)
	case d.IOPS != 0 && (d.IOPS < t.leastIOPS || d.IOPS > max(most, t.leastIOPS)):
		c.fault(path+".iops", "", "%d GiB of type %s take %d to %d IOPS, not %d", d.Size, d.Type, t.leastIOPS, max(most, t.leastIOPS), d.IOPS)
	}
}
