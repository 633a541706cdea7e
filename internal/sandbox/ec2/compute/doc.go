// Package compute holds EC2's actions around instances: key pairs, instances with their power and attributes, and
// volumes. One file per group of actions.
package compute

import (
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
)

// Actions returns the actions around instances.
func Actions(a *call.API) []awswire.Action {
	return slices.Concat(keyActions(a), instanceActions(a), attributeActions(a), volumeActions(a))
}
