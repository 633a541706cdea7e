// Package vpc holds EC2's network actions: VPCs, subnets, gateways, routes, security groups, and what can be read of
// network interfaces and ACLs. One file per kind of resource.
package vpc

import (
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
)

// Actions returns the network actions.
func Actions(a *call.API) []awswire.Action {
	return slices.Concat(vpcActions(a), subnetActions(a), gatewayActions(a), routeActions(a), groupActions(a), interfaceActions(a))
}
