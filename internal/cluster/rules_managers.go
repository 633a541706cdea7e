package cluster

import (
	"fmt"
	"strings"
)

// leastZones is how many zones high availability needs.
const leastZones = 3

// zones checks the number and the names of the zones.
func (c *checker) zones() {
	z := c.doc.Cloud.Zones
	seen := map[string]bool{}
	for i, name := range z.Names {
		path := fmt.Sprintf("cloud.zones[%d]", i)
		switch {
		case name == "":
		case seen[name]:
			c.fault(path, "", "%s is listed twice", name)
		case c.doc.Cloud.Region != "" && !strings.HasPrefix(name, c.doc.Cloud.Region):
			c.fault(path, "", "%s is not a zone of the region %s", name, c.doc.Cloud.Region)
		}
		seen[name] = true
	}
	switch count := z.Len(); {
	case count > 6:
		c.fault("cloud.zones", "", "%d zones are listed; the most is 6", count)
	case count < leastZones && c.doc.Managers.Count > 1:
		c.uncertified("cloud.zones", ruleZones, "%d %s; more than one manager needs %d, so that the loss of a zone leaves a quorum: "+
			"use %d zones or 1 manager", count, plural(count, "zone"), leastZones, leastZones)
	}
}

// quorum checks that the managers survive the loss of any one, and of any zone. The names of the zones may be unknown.
func (c *checker) quorum(zones []string) {
	const path = "managers.count"
	count := c.doc.Managers.Count
	if count == 1 {
		return
	}
	if count%2 == 0 {
		c.uncertified(path, ruleSpread, "%d is even; a quorum needs an odd number: use %s", count, oddNeighbours(count))
	}
	if len(zones) == 0 {
		zones = make([]string, c.doc.Cloud.Zones.Len())
		for i := range zones {
			zones[i] = fmt.Sprintf("number %d", i+1)
		}
	}
	quorum := count/2 + 1
	holds := map[string]int{}
	for _, spec := range c.doc.NodeSpecs(zones)[:count] {
		holds[spec.Zone]++
	}
	for _, zone := range zones {
		if holds[zone] >= quorum {
			c.uncertified(path, ruleSpread, "zone %s would hold %d of %d managers, which is a quorum (%d): the loss of that zone stops the swarm; "+
				"spread them over more zones", zone, holds[zone], count, quorum)
			return
		}
	}
}

func oddNeighbours(count int) string {
	if count <= 2 {
		return "1 or 3"
	}
	return fmt.Sprintf("%d or %d", count-1, count+1)
}

func plural(count int, noun string) string {
	if count == 1 {
		return noun
	}
	return noun + "s"
}
