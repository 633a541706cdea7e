package ec2

import (
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/compute"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/vpc"
)

// Deps are what EC2 stands on.
type Deps = call.Deps

// New returns the service.
func New(deps Deps) *awswire.Service {
	if deps.Quotas == (call.Quotas{}) {
		deps.Quotas = call.DefaultQuotas()
	}
	a := &call.API{Deps: deps}
	return &awswire.Service{
		Name: "ec2", Version: "2016-11-15", XMLNS: "http://ec2.amazonaws.com/doc/2016-11-15/", Protocol: awswire.EC2Query,
		Actions: awswire.Table(slices.Concat(vpc.Actions(a), compute.Actions(a), catalogActions(a), tagActions(a))...),
	}
}
