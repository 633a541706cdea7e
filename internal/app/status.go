package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/provision"
	"github.com/slipway-project/slipway/internal/rollout"
)

var errUnhealthy = errors.New("the cluster is not healthy")

// Status is how a cluster is now, as the cloud, the hosts, the engines and the swarm say when they are asked.
type Status struct {
	Healthy   bool               `json:"healthy"`
	Problems  []string           `json:"problems,omitempty"` // what is wrong, each naming node and zone
	Notices   []string           `json:"notices,omitempty"`  // what to know, though nothing is wrong
	Inventory *cluster.Inventory `json:"inventory"`
	Health    *rollout.Health    `json:"health"`
	// Balancer is how the managers' load balancer sees each of them.
	Balancer []provision.TargetHealth `json:"balancer"`
}

// balancerNotice says what a healthy target means until a server stands behind the load balancer.
const balancerNotice = "the load balancer checks TCP 2377, the swarm's own port, until a server stands behind it: " +
	"nothing answers on 443 yet"

// Status asks everything that runs. A cluster of which nothing exists is errs.NotFound; one that is not healthy is no
// error.
func (o *Operator) Status(ctx context.Context, doc *cluster.Document) (*Status, error) {
	p, err := o.compose(ctx, doc)
	if err != nil {
		return nil, err
	}
	return p.status(ctx, o.deps.Progress)
}

// status asks everything, as a step of its own, which fails when the cluster is not healthy.
func (p *parts) status(ctx context.Context, progress obs.Progress) (*Status, error) {
	s := &Status{}
	err := step(progress, "status", "check", func() (string, error) {
		if err := p.look(ctx, s); err != nil {
			return "", err
		}
		if !s.Healthy {
			return "", errUnhealthy
		}
		return "healthy", nil
	})
	if err != nil && !errors.Is(err, errUnhealthy) {
		return nil, err
	}
	return s, nil
}

// look fills in what everything says.
func (p *parts) look(ctx context.Context, s *Status) error {
	var err error
	if s.Inventory, err = p.provisioner.Inventory(ctx, p.doc); err != nil {
		return err
	}
	if len(s.Inventory.Nodes) == 0 && s.Inventory.Endpoint == "" {
		return errs.New(errs.NotFound, "there is no cluster "+p.doc.Name+" in "+s.Inventory.Region).WithRemedy("`slipway up` builds it.")
	}
	var balancer error
	var both sync.WaitGroup
	both.Go(func() { s.Balancer, balancer = p.provisioner.BalancerHealth(ctx, s.Inventory) })
	both.Go(func() { s.Health, err = p.rollout.Check(ctx, p.doc, s.Inventory) })
	both.Wait()
	if err != nil {
		return err
	}
	s.Problems = append(s.Problems, s.Health.Problems...)
	s.Notices = append(s.Notices, s.Health.Notices...)
	if err := s.judgeBalancer(balancer); err != nil {
		return err
	}
	s.Healthy = len(s.Problems) == 0
	return nil
}

// pending returns the first thing that a cluster which was just built still lacks: health, or a load balancer that has
// noticed it.
func (s *Status) pending() string {
	if len(s.Problems) > 0 {
		return s.Problems[0]
	}
	for _, t := range s.Balancer {
		if t.State != targetHealthy {
			return fmt.Sprintf("the load balancer sees %s as %s", t.Node, t.State)
		}
	}
	return ""
}

// targetHealthy is the state of a target that gets connections.
const targetHealthy = "healthy"

// judgeBalancer adds what is to be said of the load balancer. A target that is not healthy is a notice only, as long as
// nothing is served behind it: the swarm's own state says more.
func (s *Status) judgeBalancer(err error) error {
	if errs.Is(err, errs.NotFound) {
		s.Problems = append(s.Problems, err.Error()+"; `slipway up` makes it")
		return nil
	}
	if err != nil {
		return err
	}
	s.Notices = append([]string{balancerNotice}, s.Notices...)
	for _, t := range s.Balancer {
		if t.State != targetHealthy {
			s.Notices = append(s.Notices, strings.TrimSuffix(fmt.Sprintf("the load balancer sees %s as %s: %s", t.Node, t.State, t.Reason), ": "))
		}
	}
	return nil
}
