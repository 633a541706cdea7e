package provision

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/provision/awstask"
	"github.com/slipway-project/slipway/internal/provision/graph"
	"github.com/slipway-project/slipway/internal/provision/lease"
	"github.com/slipway-project/slipway/internal/provision/resource"
	"github.com/slipway-project/slipway/internal/run"
)

// Retirer takes a node out of service (drained, demoted, removed from the swarm) before its instance is terminated. It
// is asked again after an interruption, and a node that is out already is no error.
type Retirer interface {
	Retire(ctx context.Context, node cluster.Node) error
}

// Deps are what a Provisioner works with.
type Deps struct {
	Clients  *awsapi.Clients
	Logger   *slog.Logger // nil = none
	Progress obs.Progress // nil = none
	// Retirer is asked before a node is removed from a cluster that stays; nil terminates at once.
	Retirer Retirer
	// PublicKey returns the SSH key that nodes are born with, as a line of authorized_keys. To Plan it may return nothing,
	// which stands for a key that is made before Apply.
	PublicKey func(context.Context) ([]byte, error)
}

// Config says how a Provisioner works. The zero value is for use; the other values are for tests.
type Config struct {
	Parallel int // calls at work at once; default 16
	// Window is how long what was just made may stay invisible; default 8 s.
	Window time.Duration
	// Holder names this run in the lease, and Alive tells of others; default: this process, by the machine's process table.
	Holder lease.Holder
	Alive  lease.Alive
}

// defaultWindow is AWS's usual time to consistency with room to spare.
const defaultWindow = 8 * time.Second

// Provisioner plans and applies the infrastructure of clusters in one account and region.
type Provisioner struct {
	deps   Deps
	config Config
}

// New returns a Provisioner. It makes no call.
func New(deps Deps, config Config) *Provisioner {
	if deps.Progress == nil {
		deps.Progress = obs.NoProgress
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Parallel <= 0 {
		config.Parallel = 16
	}
	if config.Window == 0 {
		config.Window = defaultWindow
	}
	if config.Holder.Run == "" {
		config.Holder = lease.ThisProcess()
	}
	if config.Alive == nil {
		config.Alive = lease.AliveHere
	}
	return &Provisioner{deps: deps, config: config}
}

// Facts returns what the document's rules need to know of the region.
func (p *Provisioner) Facts(ctx context.Context, doc *cluster.Document) (cluster.CloudFacts, error) {
	types := []string{doc.Managers.Type}
	for _, w := range doc.Workers { // groups of no nodes too: the rules look at every type that is named
		types = append(types, w.Type)
	}
	slices.Sort(types)
	return awstask.New(p.deps.Clients, doc.Name).Facts(ctx, slices.Compact(types))
}

// Plan says what Apply would change to make the cluster be as its document says. It changes nothing and needs no lease.
// What the document's rules say of the region (cluster.Document.Certify) is its error or among its notices.
func (p *Provisioner) Plan(ctx context.Context, doc *cluster.Document) (*Plan, error) {
	return p.plan(ctx, p.deps.Clients, doc)
}

// PlanDestroy says what Apply would remove so that nothing of the cluster is left. It needs no document: everything is
// found by identity. The region is the clients'; a name given for it must be that one.
func (p *Provisioner) PlanDestroy(ctx context.Context, name, region string) (*Plan, error) {
	if region != "" && region != p.deps.Clients.Region {
		return nil, errs.New(errs.Internal, fmt.Sprintf("asked to destroy in %s with clients of %s", region, p.deps.Clients.Region))
	}
	return p.planDestroy(ctx, p.deps.Clients, name)
}

func (p *Provisioner) plan(ctx context.Context, clients *awsapi.Clients, doc *cluster.Document) (*Plan, error) {
	cloud := awstask.New(clients, doc.Name)
	plan := &Plan{Cluster: doc.Name, Region: clients.Region, doc: doc, cloud: cloud}
	err := p.untorn(ctx, func() (resource.Result, error) {
		s, err := p.survey(ctx, cloud, doc)
		if err != nil {
			return resource.Result{}, err
		}
		tasks, err := desired(cloud, doc, s)
		if err != nil {
			return resource.Result{}, err
		}
		plan.Notices = s.notices
		plan.take(resource.Diff(tasks, cloud.Kinds(), s.found))
		plan.deadLeases(s.leases, p.config.Alive)
		return plan.result, nil
	})
	if err != nil {
		return nil, err
	}
	return plan, nil
}

func (p *Provisioner) planDestroy(ctx context.Context, clients *awsapi.Clients, name string) (*Plan, error) {
	cloud := awstask.New(clients, name)
	plan := &Plan{Cluster: name, Region: clients.Region, Destroy: true, cloud: cloud}
	err := p.untorn(ctx, func() (resource.Result, error) {
		found, leases, err := p.discover(ctx, cloud)
		if err != nil {
			return resource.Result{}, err
		}
		plan.Notices = nil
		plan.take(resource.Diff(nil, cloud.Kinds(), found))
		plan.refuseProtected()
		plan.deadLeases(leases, p.config.Alive)
		return plan.result, nil
	})
	if err != nil {
		return nil, err
	}
	return plan, nil
}

// untorn compares again as long as what was found contradicts itself and lists may still catch up.
func (p *Provisioner) untorn(ctx context.Context, compare func() (resource.Result, error)) error {
	var pace graph.Pace
	for began := time.Now(); ; {
		result, err := compare()
		if err != nil || len(result.Torn) == 0 || time.Since(began) >= p.config.Window {
			return err
		}
		if err := run.Wait(ctx, pace.Next(time.Since(began))); err != nil {
			return err
		}
	}
}
