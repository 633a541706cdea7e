package awstask

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/provision/resource"
)

// The ports of the managers: where users connect, and what shows that a manager lives until a server answers there.
const (
	managersPort = 443
	healthPort   = 2377
)

// healthSeconds is both how often a target is checked and how long it may take to answer, which AWS leaves at 10 s for
// TCP and does not take where it is more than the interval.
const healthSeconds = 5

// healthCheck is the wanted check as the plan shows it.
var healthCheck = fmt.Sprintf("tcp %d every %d s, 2 in a row", healthPort, healthSeconds) //nolint:gochecknoglobals // a constant

// TargetGroup is the managers as the load balancer sees them.
func (c *Cloud) TargetGroup() resource.Task {
	return resource.Task{
		Key: TargetGroupKey, Needs: after(VPCKey), Repeatable: true, // the same again gives the same
		Fields: []resource.Field{
			{Name: "vpc", Ref: VPCKey, Policy: resource.Replace, Loose: true}, // AWS lets a group outlive its VPC
			{Name: "port", Want: fmt.Sprintf("tcp %d", managersPort), Policy: resource.Replace},
			{Name: "health-check", Want: healthCheck},
			{Name: "preserve-client-ip", Want: "false"}, // else a manager could not reach itself through the load balancer
		},
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) {
			out, err := c.aws.ELB.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
				Name: aws.String(c.hashed(TargetGroupKey)), VpcId: aws.String(w.ID(VPCKey)),
				Protocol: elbtypes.ProtocolEnumTcp, Port: aws.Int32(managersPort), TargetType: elbtypes.TargetTypeEnumInstance,
				HealthCheckProtocol: elbtypes.ProtocolEnumTcp, HealthCheckPort: aws.String(fmt.Sprint(healthPort)),
				HealthCheckIntervalSeconds: aws.Int32(healthSeconds), HealthCheckTimeoutSeconds: aws.Int32(healthSeconds), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2),
				Tags: c.elbTags(TargetGroupKey),
			})
			if err != nil {
				return resource.Object{}, err
			}
			o := targetGroupObject(out.TargetGroups[0])
			o.Fields["preserve-client-ip"] = "true" // how every new one is
			return o, nil
		},
		Update: func(ctx context.Context, _ *resource.World, have resource.Object, changes []resource.FieldChange) error {
			for _, change := range changes {
				var err error
				switch change.Name {
				case "health-check":
					_, err = c.aws.ELB.ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{
						TargetGroupArn: aws.String(have.ID), HealthCheckProtocol: elbtypes.ProtocolEnumTcp, HealthCheckPort: aws.String(fmt.Sprint(healthPort)),
						HealthCheckIntervalSeconds: aws.Int32(healthSeconds), HealthCheckTimeoutSeconds: aws.Int32(healthSeconds), HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2),
					})
				case "preserve-client-ip":
					_, err = c.aws.ELB.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{
						TargetGroupArn: aws.String(have.ID),
						Attributes:     []elbtypes.TargetGroupAttribute{{Key: aws.String(preserveClientIP), Value: aws.String(change.New)}},
					})
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func targetGroupObject(g elbtypes.TargetGroup) resource.Object {
	vpc := aws.ToString(g.VpcId)
	return resource.Object{
		Key: TargetGroupKey, ID: aws.ToString(g.TargetGroupArn), Uses: []string{vpc},
		Fields: map[string]string{
			"vpc": vpc, "port": fmt.Sprintf("%s %d", strings.ToLower(string(g.Protocol)), aws.ToInt32(g.Port)), "health-check": checkText(g),
		},
	}
}

func checkText(g elbtypes.TargetGroup) string {
	up, down := aws.ToInt32(g.HealthyThresholdCount), aws.ToInt32(g.UnhealthyThresholdCount)
	text := fmt.Sprintf("%s %s every %d s, %d in a row", strings.ToLower(string(g.HealthCheckProtocol)), aws.ToString(g.HealthCheckPort), aws.ToInt32(g.HealthCheckIntervalSeconds), up)
	if up != down {
		text += fmt.Sprintf(" up and %d down", down)
	}
	return text
}

// Targets are the managers' instances, registered together once all of them run: nothing waits for it.
func (c *Cloud) Targets(managers []string) resource.Task {
	task := resource.Task{
		Key: TargetsKey, Needs: after(TargetGroupKey), Repeatable: true, Closed: true,
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) {
			group := w.ID(TargetGroupKey)
			o := resource.Object{Key: TargetsKey, ID: group + "/targets", Parent: group, Fields: map[string]string{}}
			var all []string
			for _, m := range managers {
				o.Fields[m] = w.ID(InstanceKey(m))
				all = append(all, o.Fields[m])
			}
			return o, c.register(ctx, group, all)
		},
		Update: func(ctx context.Context, _ *resource.World, have resource.Object, changes []resource.FieldChange) error {
			var add, remove []string
			for _, change := range changes {
				if change.New != "" {
					add = append(add, change.New)
				} else {
					remove = append(remove, change.Old)
				}
			}
			if err := c.register(ctx, have.Parent, add); err != nil || len(remove) == 0 {
				return err
			}
			_, err := c.aws.ELB.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(have.Parent), Targets: targets(remove)})
			return err
		},
	}
	for _, m := range managers {
		task.Needs = append(task.Needs, resource.Need{Key: InstanceKey(m), Ready: true})
		task.Fields = append(task.Fields, resource.Field{Name: m, Ref: InstanceKey(m), Loose: true})
	}
	return task
}

func (c *Cloud) register(ctx context.Context, group string, instances []string) error {
	if len(instances) == 0 {
		return nil
	}
	_, err := c.aws.ELB.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(group), Targets: targets(instances)})
	return err
}

func targets(instances []string) []elbtypes.TargetDescription {
	all := make([]elbtypes.TargetDescription, len(instances))
	for i, id := range instances {
		all[i].Id = aws.String(id)
	}
	return all
}

// describeTargetGroup returns the cluster's target group, or nil.
func (c *Cloud) describeTargetGroup(ctx context.Context) (*elbtypes.TargetGroup, error) {
	out, err := c.aws.ELB.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{Names: []string{c.hashed(TargetGroupKey)}})
	if awsapi.IsCode(err, "TargetGroupNotFound") || err == nil && len(out.TargetGroups) == 0 {
		return nil, nil //nolint:nilnil // that there is none is an answer
	}
	if err != nil {
		return nil, err
	}
	return &out.TargetGroups[0], nil
}

// TargetHealth returns the state of each target of the managers' load balancer by its instance, and why it is so.
func (c *Cloud) TargetHealth(ctx context.Context) (map[string]elbtypes.TargetHealth, error) {
	g, err := c.describeTargetGroup(ctx)
	if err != nil || g == nil {
		return nil, err
	}
	return c.targetHealth(ctx, aws.ToString(g.TargetGroupArn))
}

func (c *Cloud) targetHealth(ctx context.Context, group string) (map[string]elbtypes.TargetHealth, error) {
	out, err := c.aws.ELB.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(group)})
	if err != nil {
		return nil, err
	}
	health := map[string]elbtypes.TargetHealth{}
	for _, d := range out.TargetHealthDescriptions {
		if d.Target != nil && d.TargetHealth != nil {
			health[aws.ToString(d.Target.Id)] = *d.TargetHealth
		}
	}
	return health, nil
}

// findTargets finds the target group and who is registered in it.
func (c *Cloud) findTargets() resource.Finder {
	return resource.Finder{Kinds: []string{KindTargetGroup, KindTargets}, Find: func(ctx context.Context) ([]resource.Object, error) {
		g, err := c.describeTargetGroup(ctx)
		if err != nil || g == nil {
			return nil, err
		}
		o := targetGroupObject(*g)
		registered := resource.Object{Key: TargetsKey, ID: o.ID + "/targets", Parent: o.ID}
		var attributes *elb.DescribeTargetGroupAttributesOutput
		var health map[string]elbtypes.TargetHealth
		err = both(
			func() (err error) {
				attributes, err = c.aws.ELB.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: g.TargetGroupArn})
				return err
			},
			func() (err error) { health, err = c.targetHealth(ctx, o.ID); return err },
		)
		if err != nil {
			return nil, err
		}
		for _, a := range attributes.Attributes {
			if aws.ToString(a.Key) == preserveClientIP {
				o.Fields["preserve-client-ip"] = aws.ToString(a.Value)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(health)) {
			if health[id].State != elbtypes.TargetHealthStateEnumDraining {
				registered.Members = append(registered.Members, id)
			}
		}
		if len(registered.Members) == 0 {
			return []resource.Object{o}, nil
		}
		return []resource.Object{o, registered}, nil
	}}
}

func (c *Cloud) targetGroupKind() resource.Kind {
	return resource.Kind{
		Name:  KindTargetGroup,
		After: []string{KindBalancer},
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.ELB.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: aws.String(have.ID)})
			return blocked(gone(err, "TargetGroupNotFound"), func() string { return "a listener" })
		},
	}
}

// targetsKind goes with its group.
func targetsKind() resource.Kind { return resource.Kind{Name: KindTargets, With: KindTargetGroup} }
