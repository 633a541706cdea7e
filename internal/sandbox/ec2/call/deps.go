package call

import (
	"net/netip"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Quotas are the limits of one region of the account.
type Quotas struct {
	VPCs             int
	InternetGateways int
	SubnetsPerVPC    int
	SecurityGroups   int
	RulesPerGroup    int // in each direction
	GroupsPerENI     int
	RouteTables      int // per VPC
	RoutesPerTable   int
	VCPUs            int // of running instances
}

// DefaultQuotas are AWS's defaults; the one of processors is that of an account that has been used for a while.
func DefaultQuotas() Quotas {
	return Quotas{
		VPCs: 5, InternetGateways: 5, SubnetsPerVPC: 200, SecurityGroups: 2500, RulesPerGroup: 60, GroupsPerENI: 5,
		RouteTables: 200, RoutesPerTable: 50, VCPUs: 256,
	}
}

// Deps are what EC2 stands on.
type Deps struct {
	Store  *state.Store
	Delay  func(settings.Transition) time.Duration // how long a transition takes now
	Public netip.Prefix                            // where public addresses come from
	Quotas Quotas                                  // the zero value for DefaultQuotas
}

// API is EC2 with what it stands on.
type API struct{ Deps }
