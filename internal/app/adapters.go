package app

import (
	"context"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/provision"
	"github.com/slipway-project/slipway/internal/rollout"
)

// retirer takes a node out of service before provisioning terminates its instance: provisioning asks for it, rollout
// knows how, and neither knows of the other.
type retirer struct {
	doc         *cluster.Document
	provisioner *provision.Provisioner
	rollout     *rollout.Rollout
}

var _ provision.Retirer = (*retirer)(nil)

// Retire drains the node and removes it from the swarm, by way of the managers that there are now.
func (r *retirer) Retire(ctx context.Context, node cluster.Node) error {
	inventory, err := r.provisioner.Inventory(ctx, r.doc)
	if err != nil {
		return err
	}
	return r.rollout.Retire(ctx, inventory, node)
}
