package elbv2

import (
	"net/netip"
	"slices"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// The limits of one region of the account; AWS's defaults.
const (
	maxBalancers          = 50
	maxTargetGroups       = 3000
	maxListeners          = 50  // per load balancer
	maxTargets            = 500 // per target group
	maxSecurityGroups     = 5
	maxTags               = 50
	describeLimit         = 400 // load balancers or groups on one page
	deregistrationDefault = 300 // seconds
)

// Deps are what ELB stands on.
type Deps struct {
	Store  *state.Store
	Delay  func(settings.Transition) time.Duration // how long a transition takes now
	Public netip.Prefix                            // where public addresses come from
}

// api is ELB with what it stands on.
type api struct{ Deps }

// New returns the service.
func New(deps Deps) *awswire.Service {
	a := &api{deps}
	return &awswire.Service{
		Name: "elasticloadbalancing", Version: "2015-12-01", XMLNS: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
		Protocol: awswire.AWSQuery,
		Actions: awswire.Table(slices.Concat(
			a.balancerActions(), a.attributeActions(), a.groupActions(), a.targetActions(), a.listenerActions(), a.tagActions(),
		)...),
	}
}
