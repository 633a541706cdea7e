package awstask

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision/graph"
	"github.com/slipway-project/slipway/internal/provision/resource"
	"github.com/slipway-project/slipway/internal/run"
)

// The keys of the managers' load balancer.
const (
	BalancerKey    resource.Key = KindBalancer + "/managers"
	ListenerKey    resource.Key = KindListener + "/managers-443"
	TargetGroupKey resource.Key = KindTargetGroup + "/managers"
	TargetsKey     resource.Key = KindTargets + "/managers"
)

// How long a network load balancer takes (facts/infrastructure.md section 5).
const balancerStart = 150 * time.Second

// The attributes that the cluster sets.
const (
	crossZone          = "load_balancing.cross_zone.enabled"
	deletionProtection = "deletion_protection.enabled"
	preserveClientIP   = "preserve_client_ip.enabled"
)

// balancerActive is the state of a load balancer that works.
const balancerActive = string(elbtypes.LoadBalancerStateEnumActive)

// Balancer is the managers' network load balancer in the given subnets, with the security group of the role balancer.
// Its group is set at creation, for AWS adds none later.
func (c *Cloud) Balancer(subnets []resource.Key, protect bool) resource.Task {
	group := GroupKey("balancer")
	task := resource.Task{
		Key: BalancerKey, Repeatable: true, // the same again gives the same
		Closed: true, // it leaves subnets that the document does not want
		Needs:  after(append([]resource.Key{group, AttachmentKey}, subnets...)...),
		Takes:  balancerStart,
		Fields: []resource.Field{
			{Name: "security-group", Ref: group, Policy: resource.WriteOnce},
			{Name: "state", Want: balancerActive},
			{Name: "cross-zone", Want: "true"},
			{Name: "protect", Want: strconv.FormatBool(protect)},
		},
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) {
			out, err := c.aws.ELB.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
				Name: aws.String(c.hashed(BalancerKey)), Type: elbtypes.LoadBalancerTypeEnumNetwork, Scheme: elbtypes.LoadBalancerSchemeEnumInternetFacing,
				Subnets: ids(w, subnets), SecurityGroups: []string{w.ID(group)}, Tags: c.elbTags(BalancerKey),
			})
			if err != nil {
				return resource.Object{}, err
			}
			o := balancerObject(out.LoadBalancers[0])
			o.Fields["cross-zone"], o.Fields["protect"] = "false", "false" // how every new one is
			return o, nil
		},
		Update: func(ctx context.Context, w *resource.World, have resource.Object, changes []resource.FieldChange) error {
			return c.updateBalancer(ctx, have, changes, ids(w, subnets))
		},
		Ready: c.balancerReady,
	}
	for _, s := range subnets {
		task.Fields = append(task.Fields, resource.Field{Name: "in " + s.Name(), Ref: s})
	}
	return task
}

func ids(w *resource.World, keys []resource.Key) []string {
	all := make([]string, len(keys))
	for i, k := range keys {
		all[i] = w.ID(k)
	}
	return all
}

func (c *Cloud) elbTags(key resource.Key) []elbtypes.Tag {
	return []elbtypes.Tag{
		{Key: aws.String(TagCluster), Value: aws.String(c.cluster)},
		{Key: aws.String(TagKey), Value: aws.String(string(key))},
	}
}

func (c *Cloud) updateBalancer(ctx context.Context, have resource.Object, changes []resource.FieldChange, subnets []string) error {
	var attributes []elbtypes.LoadBalancerAttribute
	move := false
	for _, change := range changes {
		switch {
		case change.Name == "cross-zone":
			attributes = append(attributes, elbtypes.LoadBalancerAttribute{Key: aws.String(crossZone), Value: aws.String(change.New)})
		case change.Name == "protect":
			attributes = append(attributes, elbtypes.LoadBalancerAttribute{Key: aws.String(deletionProtection), Value: aws.String(change.New)})
		case strings.HasPrefix(change.Name, "in "):
			move = true
		}
	}
	if len(attributes) > 0 {
		_, err := c.aws.ELB.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{LoadBalancerArn: aws.String(have.ID), Attributes: attributes})
		if err != nil {
			return err
		}
	}
	if move {
		_, err := c.aws.ELB.SetSubnets(ctx, &elb.SetSubnetsInput{LoadBalancerArn: aws.String(have.ID), Subnets: subnets})
		return err
	}
	return nil
}

func (c *Cloud) balancerReady(ctx context.Context, w *resource.World, _ resource.Object, note func(string)) error {
	note("waits for the load balancer to become active")
	pace := graph.Pace{Least: 250 * time.Millisecond}
	for began := time.Now(); ; {
		found, err := c.describeBalancer(ctx)
		if err != nil {
			return err
		}
		if found != nil && found.State != nil {
			switch found.State.Code {
			case elbtypes.LoadBalancerStateEnumActive, elbtypes.LoadBalancerStateEnumActiveImpaired:
				w.Put(balancerObject(*found))
				return nil
			case elbtypes.LoadBalancerStateEnumProvisioning:
			case elbtypes.LoadBalancerStateEnumFailed:
				return errs.New(errs.Unavailable, "AWS failed to make the load balancer: "+aws.ToString(found.State.Reason)).
					WithRemedy("remove it in the EC2 console and run the command again")
			}
		}
		if err := run.Wait(ctx, pace.Next(time.Since(began))); err != nil {
			return err
		}
	}
}

// describeBalancer returns the cluster's load balancer, or nil.
func (c *Cloud) describeBalancer(ctx context.Context) (*elbtypes.LoadBalancer, error) {
	out, err := c.aws.ELB.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{c.hashed(BalancerKey)}})
	var none *elbtypes.LoadBalancerNotFoundException
	if errors.As(err, &none) || err == nil && len(out.LoadBalancers) == 0 {
		return nil, nil //nolint:nilnil // that there is none is an answer
	}
	if err != nil {
		return nil, err
	}
	return &out.LoadBalancers[0], nil
}

func balancerObject(b elbtypes.LoadBalancer) resource.Object {
	o := resource.Object{
		Key: BalancerKey, ID: aws.ToString(b.LoadBalancerArn), Parent: aws.ToString(b.VpcId), Created: aws.ToTime(b.CreatedTime),
		Uses:   slices.Clone(b.SecurityGroups),
		Fields: map[string]string{"security-group": strings.Join(b.SecurityGroups, ",")},
		Labels: map[string]string{"dns": aws.ToString(b.DNSName)},
	}
	if b.State != nil {
		o.Fields["state"] = string(b.State.Code)
		if b.State.Code == elbtypes.LoadBalancerStateEnumActiveImpaired { // AWS lacks capacity; nothing to be done here
			o.Fields["state"] = balancerActive
		}
	}
	for _, z := range b.AvailabilityZones {
		o.Uses = append(o.Uses, aws.ToString(z.SubnetId))
		o.Fields["in public-"+aws.ToString(z.ZoneName)] = aws.ToString(z.SubnetId)
	}
	return o
}

// BalancerAddress returns the name or address of the load balancer, for the inventory; empty while there is none.
func (c *Cloud) BalancerAddress(ctx context.Context) (string, error) {
	b, err := c.describeBalancer(ctx)
	if err != nil || b == nil {
		return "", err
	}
	return aws.ToString(b.DNSName), nil
}

func (c *Cloud) findBalancers() resource.Finder {
	return resource.Finder{Kinds: []string{KindBalancer, KindListener}, Find: func(ctx context.Context) ([]resource.Object, error) {
		b, err := c.describeBalancer(ctx)
		if err != nil || b == nil {
			return nil, err
		}
		o := balancerObject(*b)
		var attributes *elb.DescribeLoadBalancerAttributesOutput
		var listeners []elbtypes.Listener
		err = both(
			func() (err error) {
				attributes, err = c.aws.ELB.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: b.LoadBalancerArn})
				return err
			},
			func() error {
				return pages(ctx, elb.NewDescribeListenersPaginator(c.aws.ELB, &elb.DescribeListenersInput{LoadBalancerArn: b.LoadBalancerArn}),
					func(p *elb.DescribeListenersOutput) { listeners = append(listeners, p.Listeners...) })
			},
		)
		if err != nil {
			return nil, err
		}
		for _, a := range attributes.Attributes {
			switch aws.ToString(a.Key) {
			case crossZone:
				o.Fields["cross-zone"] = aws.ToString(a.Value)
			case deletionProtection:
				o.Fields["protect"] = aws.ToString(a.Value)
			}
		}
		all := []resource.Object{o}
		for _, l := range listeners {
			all = append(all, listenerObject(l))
		}
		return all, nil
	}}
}

func (c *Cloud) balancerKind() resource.Kind {
	return resource.Kind{
		Name: KindBalancer,
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.ELB.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(have.ID)})
			return gone(err, "LoadBalancerNotFound")
		},
	}
}

// Listener takes connections on 443 and hands them to the managers.
func (c *Cloud) Listener() resource.Task {
	forward := func(w *resource.World) []elbtypes.Action {
		return []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: aws.String(w.ID(TargetGroupKey))}}
	}
	return resource.Task{
		Key: ListenerKey, Needs: after(BalancerKey, TargetGroupKey), Repeatable: true, // two on one port are refused
		Fields: []resource.Field{{Name: "target-group", Ref: TargetGroupKey}},
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) {
			out, err := c.aws.ELB.CreateListener(ctx, &elb.CreateListenerInput{
				LoadBalancerArn: aws.String(w.ID(BalancerKey)), Protocol: elbtypes.ProtocolEnumTcp, Port: aws.Int32(managersPort),
				DefaultActions: forward(w), Tags: c.elbTags(ListenerKey),
			})
			if err != nil {
				return resource.Object{}, err
			}
			return listenerObject(out.Listeners[0]), nil
		},
		Update: func(ctx context.Context, w *resource.World, have resource.Object, _ []resource.FieldChange) error {
			_, err := c.aws.ELB.ModifyListener(ctx, &elb.ModifyListenerInput{ListenerArn: aws.String(have.ID), DefaultActions: forward(w)})
			return err
		},
	}
}

func listenerObject(l elbtypes.Listener) resource.Object {
	o := resource.Object{
		Key: resource.NewKey(KindListener, fmt.Sprintf("managers-%d", aws.ToInt32(l.Port))), ID: aws.ToString(l.ListenerArn), Parent: aws.ToString(l.LoadBalancerArn),
		Fields: map[string]string{},
	}
	for _, a := range l.DefaultActions {
		o.Fields["target-group"] = aws.ToString(a.TargetGroupArn)
		o.Uses = []string{aws.ToString(a.TargetGroupArn)}
	}
	return o
}

// listenerKind goes with its load balancer. One that somebody added is removed.
func (c *Cloud) listenerKind() resource.Kind {
	return resource.Kind{
		Name: KindListener, With: KindBalancer,
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.ELB.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: aws.String(have.ID)})
			return gone(err, "ListenerNotFound", "LoadBalancerNotFound")
		},
	}
}
