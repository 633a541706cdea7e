package cluster

import "fmt"

// NodeSpec is one node that the document asks for.
type NodeSpec struct {
	Name  string // group and number, as in manager-1; also the host name, and unique in the cluster
	Role  Role
	Group string // manager, or the worker group's name
	Zone  string // the availability zone; empty where none is known
	Type  string // EC2 instance type
	Root  Disk
	Data  Disk
}

// NodeSpecs returns the nodes that the document asks for, managers first, then the groups in its order. The nodes of
// each group go round the zones in turn, which are the names that Zones.Pick returned.
//
// It is the one place that names nodes and puts them into zones.
func (d *Document) NodeSpecs(zones []string) []NodeSpec {
	m := d.Managers
	specs := group(nil, zones, m.Count, NodeSpec{Role: RoleManager, Group: managerGroup, Type: m.Type, Root: m.Root, Data: m.Data})
	for _, w := range d.Workers {
		specs = group(specs, zones, w.Count, NodeSpec{Role: RoleWorker, Group: w.Name, Type: w.Type, Root: w.Root, Data: w.Data})
	}
	return specs
}

// managerGroup is the group of the managers, and so no name for a group of workers.
const managerGroup = "manager"

func group(specs []NodeSpec, zones []string, count int, like NodeSpec) []NodeSpec {
	for n := 1; n <= count; n++ {
		spec := like
		spec.Name = NodeName(like.Group, n)
		if len(zones) > 0 {
			spec.Zone = zones[(n-1)%len(zones)]
		}
		specs = append(specs, spec)
	}
	return specs
}

// NodeName returns the name of the group's node n, which counts from 1.
func NodeName(group string, n int) string { return fmt.Sprintf("%s-%d", group, n) }
