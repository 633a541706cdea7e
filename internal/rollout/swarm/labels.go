package swarm

import (
	api "github.com/moby/moby/api/types/swarm"

	"github.com/slipway-project/slipway/internal/cluster"
)

// The labels that Slipway keeps on swarm nodes. Services place their tasks by the first three (`--constraint node.labels.slipway.zone==us-east-1a`).
const (
	LabelZone      = "slipway.zone"
	LabelRole      = "slipway.role"
	LabelGroup     = "slipway.group"
	LabelInstance  = "slipway.instance"  // ties the swarm node to the EC2 instance: a node without instance is dead
	LabelReplacing = "slipway.replacing" // Slipway drains the node to take it away; a drain without it is the operator's
)

// wantedLabels returns the labels of a node.
func wantedLabels(n cluster.Node) map[string]string {
	return map[string]string{LabelZone: n.Zone, LabelRole: string(n.Role), LabelGroup: n.Group, LabelInstance: n.InstanceID}
}

// needsLabels reports whether a swarm node's spec is not as the live node's should be.
func needsLabels(spec api.NodeSpec, n cluster.Node) bool {
	for k, v := range wantedLabels(n) {
		if spec.Labels[k] != v {
			return true
		}
	}
	_, replacing := spec.Labels[LabelReplacing]
	return replacing
}

// setLabels makes the spec that of a live node. A drain that Slipway began for a node which stays after all is taken back; one by the
// operator is left alone, as are labels that are not ours.
func setLabels(spec *api.NodeSpec, n cluster.Node) bool {
	if !needsLabels(*spec, n) {
		return false
	}
	labels := make(map[string]string, len(spec.Labels)+4)
	for k, v := range spec.Labels {
		labels[k] = v
	}
	if _, ours := labels[LabelReplacing]; ours {
		delete(labels, LabelReplacing)
		spec.Availability = api.NodeAvailabilityActive
	}
	for k, v := range wantedLabels(n) {
		labels[k] = v
	}
	spec.Labels = labels
	return true
}

// setReplacing marks a node as one that Slipway takes away, and drains it. A node that the operator had drained is marked as well: it goes.
func setReplacing(spec *api.NodeSpec, instance string) bool {
	if spec.Labels[LabelReplacing] == instance && spec.Availability == api.NodeAvailabilityDrain {
		return false
	}
	labels := map[string]string{LabelReplacing: instance}
	for k, v := range spec.Labels {
		if k != LabelReplacing {
			labels[k] = v
		}
	}
	spec.Labels, spec.Availability = labels, api.NodeAvailabilityDrain
	return true
}

// role returns the swarm's name of a node's role.
func role(r cluster.Role) api.NodeRole {
	if r == cluster.RoleManager {
		return api.NodeRoleManager
	}
	return api.NodeRoleWorker
}

// Mislabelled reports whether a swarm node does not carry the labels of the node, or is still marked as one that goes.
func Mislabelled(spec api.NodeSpec, n cluster.Node) bool { return needsLabels(spec, n) }
