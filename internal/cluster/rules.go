package cluster

import (
	"fmt"
	"strings"
)

// The requirements that rules quote; docs/reference says what each asks for.
const (
	ruleZones         = "INFRA-2" // high availability needs three zones
	ruleSpread        = "INFRA-3" // N+1 managers, each in a zone of its own
	ruleManagerSize   = "SIZE-1"  // the least size of a manager
	ruleWorkerSize    = "SIZE-2"  // the least size of a worker
	ruleRecommended   = "SIZE-3"  // the recommended size of a manager
	ruleBurstable     = "SIZE-4"  // t types are for development
	ruleManagerVolume = "STOR-1"  // volume types of managers
	ruleDataVolume    = "STOR-2"  // /var/lib/docker has a volume of 100 GB or more
	ruleRootVolume    = "STOR-3"  // the operating system's volume has 40 GB or more
	ruleAccess        = "NET-2"   // who may reach what from outside
)

// checker collects what rules find in a document.
type checker struct {
	doc      *Document
	faults   Faults
	warnings Warnings
}

// fault records a broken rule of safety, or one that the cloud itself would refuse.
func (c *checker) fault(path, rule, format string, args ...any) {
	if !c.doc.source.broken(path) {
		c.faults = append(c.faults, c.doc.source.finding(path, rule, fmt.Sprintf(format, args...)))
	}
}

// warn records what is allowed but doubtful.
func (c *checker) warn(path, rule, format string, args ...any) {
	if !c.doc.source.broken(path) {
		c.warnings = append(c.warnings, c.doc.source.finding(path, rule, fmt.Sprintf(format, args...)))
	}
}

// uncertified records a broken rule of certification: a fault, unless the document allows to go without.
func (c *checker) uncertified(path, rule, format string, args ...any) {
	if c.doc.AllowUncertified {
		c.warn(path, rule, format, args...)
		return
	}
	c.fault(path, rule, format, args...)
}

// all applies every rule that needs nothing but the document.
func (c *checker) all() {
	c.names()
	c.zones()
	c.quorum(c.doc.Cloud.Zones.Names)
	c.disks()
	c.types()
	c.network()
}

// names checks what the tags of the fields cannot say about names.
func (c *checker) names() {
	if strings.HasPrefix(c.doc.Name, "internal-") {
		c.fault("name", "", "AWS keeps names that begin with internal- for itself: choose another")
	}
	if d := c.doc; d.Cloud.Provider == ProviderSandbox && d.Cloud.Image != "debian-12" {
		c.fault("cloud.image", "", "the sandbox boots debian-12 only: leave the key out")
	}
	seen := map[string]int{}
	for i, w := range c.doc.Workers {
		path := fmt.Sprintf("workers[%d].name", i)
		first, twice := seen[w.Name]
		switch {
		case w.Name == "":
		case w.Name == managerGroup, w.Name == managerGroup+"s":
			c.fault(path, "", "%s is the managers' own group: choose another name", w.Name)
		case twice:
			c.fault(path, "", "workers[%d] is called %s too: a group's name is part of its nodes' names and unique", first, w.Name)
		default:
			seen[w.Name] = i
		}
	}
}
