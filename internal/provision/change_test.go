package provision_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// TestScaling adds exactly the nodes that are asked for, and takes nodes out of service before their instances end.
func TestScaling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		newOperator(c, r, "ann").up(t.Context(), t, load(t, whole))

		more := whole
		more.workers = 3
		plan := newOperator(c, r, "ann").up(t.Context(), t, load(t, more))
		if diff := cmp.Diff([]string{"create instance/linux-3"}, actions(plan)); diff != "" {
			t.Errorf("raising the count (-want +got):\n%s", diff)
		}

		// A node that does not go out of service keeps its instance.
		stuck := newOperator(c, r, "ann")
		stuck.retired.do = func(cluster.Node) error { return errors.New("no quorum") }
		if _, err := stuck.tryUp(t.Context(), load(t, whole)); err == nil || !strings.Contains(err.Error(), "take linux-3 out of service: no quorum") {
			t.Errorf("error is %v", err)
		}
		if n := census(c)[region+" instance"]; n != 6 {
			t.Errorf("%d instances, want all 6 still", n)
		}

		less := newOperator(c, r, "ann")
		less.retired.do = func(n cluster.Node) error {
			if n.InstanceID == "" || n.PrivateIP == "" || n.Role != cluster.RoleWorker || n.Zone == "" || n.User != "admin" {
				t.Errorf("a node that cannot be reached is to be retired: %+v", n)
			}
			return nil
		}
		plan = less.up(t.Context(), t, load(t, whole))
		if diff := cmp.Diff([]string{"delete instance/linux-3"}, actions(plan)); diff != "" {
			t.Errorf("lowering the count (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"linux-3"}, less.retired.nodes); diff != "" {
			t.Errorf("retired (-want +got):\n%s", diff)
		}
		wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), load(t, whole))
	})
}

// TestFewerManagers: they leave the load balancer, then the swarm, then the cloud, one after the other.
func TestFewerManagers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		newOperator(c, r, "ann").up(t.Context(), t, load(t, shape{zones: 3, managers: 5}))
		c.ForgetCalls()
		o := newOperator(c, r, "ann")
		o.retired.do = func(cluster.Node) error {
			terminated := 0
			for _, call := range c.Mutating() {
				if call.Action == "TerminateInstances" {
					terminated++
				}
			}
			if terminated != len(o.retired.nodes)-1 {
				t.Errorf("%d managers had ended when %v were retired", terminated, o.retired.nodes)
			}
			if !slices.ContainsFunc(c.Mutating(), func(call cloud.Call) bool { return call.Action == "DeregisterTargets" }) {
				t.Error("a manager is retired before it has left the load balancer")
			}
			return nil
		}
		o.up(t.Context(), t, load(t, shape{zones: 3, managers: 3}))
		if len(o.retired.nodes) != 2 {
			t.Errorf("retired %v", o.retired.nodes)
		}
	})
}

// TestRepair: what somebody stopped is started, what fails its checks is moved, what ended is made anew; nothing else is touched.
func TestRepair(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		harm func(*testing.T, *cloud.Cloud, *ec2.Client, string)
		plan []string
		call string
		same bool // the instance stays
	}{
		"stopped": {func(t *testing.T, _ *cloud.Cloud, c *ec2.Client, id string) {
			must(c.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{id}}))(t)
		}, []string{"update instance/manager-1"}, "StartInstances", true},
		"impaired": {
			func(_ *testing.T, c *cloud.Cloud, _ *ec2.Client, id string) { c.Fake.Kill(id) },
			[]string{"update instance/manager-1"},
			"StopInstances StartInstances", true,
		},
		"powered off": {
			func(_ *testing.T, c *cloud.Cloud, _ *ec2.Client, id string) { c.Fake.PowerOff(id) },
			[]string{"update instance/manager-1"},
			"StartInstances", true,
		},
		"terminated": {func(t *testing.T, _ *cloud.Cloud, c *ec2.Client, id string) {
			must(c.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}}))(t)
		}, []string{"create instance/manager-1", "update targets/managers"}, "RunInstances RunInstances RegisterTargets", false}, // the first answers that its client token is used up,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := cloud.Start(t, cloud.Options{})
				r := &runs{}
				doc := load(t, whole)
				o := newOperator(c, r, "ann")
				o.up(t.Context(), t, doc)
				before := node(t, o, doc, "manager-1")

				test.harm(t, c, ec2.NewFromConfig(c.AWS(region)), before.InstanceID)
				<-time.After(10 * time.Second) // the cloud looks after its hosts every few seconds
				c.ForgetCalls()
				plan := newOperator(c, r, "ann").up(t.Context(), t, doc)
				got := actions(plan)
				// A target that ended may still be on its way out of the target group.
				got = slices.DeleteFunc(got, func(a string) bool { return a == "create targets/managers" })
				if diff := cmp.Diff(test.plan, got); diff != "" {
					t.Errorf("plan (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.call, callsBesideLease(c)); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				after := node(t, o, doc, "manager-1")
				if (after.InstanceID == before.InstanceID) != test.same || after.State != "running" || after.Impaired || after.Zone != before.Zone {
					t.Errorf("manager-1 was %+v and is %+v", before, after)
				}
				wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), doc)
			})
		})
	}
}

func must[T any](_ T, err error) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func node(t *testing.T, o operator, doc *cluster.Document, name string) cluster.Node {
	t.Helper()
	inventory, err := o.Inventory(t.Context(), doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range inventory.Nodes {
		if n.Name == name {
			return n
		}
	}
	t.Fatalf("no node %s in %v", name, names(inventory))
	return cluster.Node{}
}

// callsBesideLease lists what the account was asked to change.
func callsBesideLease(c *cloud.Cloud) string {
	var all []string
	for _, call := range c.Mutating() {
		if call.Service != "ssm" {
			all = append(all, call.Action)
		}
	}
	return strings.Join(all, " ")
}

// TestDrift: what somebody changed by hand is changed back, and the plan says what and why.
func TestDrift(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		doc := load(t, small)
		newOperator(c, r, "ann").up(t.Context(), t, doc)
		open := strings.Replace(fmt.Sprintf(document, 1, 1, 1, false), "protect:", "network: {allow: {ssh: [203.0.113.0/24], https: [0.0.0.0/0], apps: [198.51.100.0/24]}}\nprotect:", 1)
		newOperator(c, r, "ann").up(t.Context(), t, parse(t, open)) // stands for the hand

		plan := newOperator(c, r, "ann").up(t.Context(), t, doc)
		if diff := cmp.Diff([]string{"update rules/balancer", "update rules/manager", "update rules/worker"}, actions(plan)); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
		if text := fmt.Sprintf("%+v", plan.Changes); !strings.Contains(text, "tcp 22 from 203.0.113.0/24") || !strings.Contains(text, "not in the document") {
			t.Errorf("the plan does not name the rules: %s", text)
		}
		wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), doc)
	})
}

// TestASlowHealthCheck that somebody set by hand is made a quick one again: AWS refuses an interval below the timeout.
func TestASlowHealthCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		doc := load(t, small)
		newOperator(c, r, "ann").up(t.Context(), t, doc)
		client := elb.NewFromConfig(c.AWS(region))
		groups, err := client.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{})
		if err != nil {
			t.Fatal(err)
		}
		must(client.ModifyTargetGroup(t.Context(), &elb.ModifyTargetGroupInput{
			TargetGroupArn: groups.TargetGroups[0].TargetGroupArn, HealthCheckIntervalSeconds: aws.Int32(30), HealthCheckTimeoutSeconds: aws.Int32(10),
		}))(t)
		plan := newOperator(c, r, "ann").up(t.Context(), t, doc)
		if diff := cmp.Diff([]string{"update target-group/managers"}, actions(plan)); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
		wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), doc)
	})
}

// TestProtection is set on what can be protected, lifted by the document, and keeps destroy from doing anything.
func TestProtection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		before := c.Resources()
		r := &runs{}
		guarded := small
		guarded.protect = true
		newOperator(c, r, "ann").up(t.Context(), t, load(t, guarded))
		built := c.Resources()

		err := newOperator(c, r, "ann").tryDestroy(t.Context(), "demo")
		if err == nil || strings.Count(err.Error(), "is protected from termination") != 3 { // two instances, a load balancer
			t.Errorf("destroy says %v", err)
		}
		if diff := cloud.Diff(built, c.Resources()); diff != "" {
			t.Errorf("destroy changed something:\n%s", diff)
		}

		plan := newOperator(c, r, "ann").up(t.Context(), t, load(t, small))
		if diff := cmp.Diff([]string{"update instance/linux-1", "update instance/manager-1", "update load-balancer/managers"}, actions(plan)); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
		newOperator(c, r, "ann").destroy(t.Context(), t, "demo")
		if diff := cloud.Diff(before, c.Resources()); diff != "" {
			t.Errorf("destroy left or took something:\n%s", diff)
		}
	})
}

// TestAProtectedNodeMayGo when its count is lowered: that is no accident.
func TestAProtectedNodeMayGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		newOperator(c, r, "ann").up(t.Context(), t, load(t, shape{zones: 1, managers: 1, workers: 2, protect: true}))
		newOperator(c, r, "ann").up(t.Context(), t, load(t, shape{zones: 1, managers: 1, workers: 1, protect: true}))
		if n := census(c)[region+" instance"]; n != 2 {
			t.Errorf("%d instances, want 2", n)
		}
	})
}

// TestMoreZones moves no subnet that is there.
func TestMoreZones(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		newOperator(c, r, "ann").up(t.Context(), t, load(t, shape{zones: 1, managers: 1}))
		plan, err := newOperator(c, r, "ann").Plan(t.Context(), load(t, shape{zones: 2, managers: 1, workers: 1}))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"create association/public-us-east-1b", "create instance/linux-1", "create subnet/public-us-east-1b", "update load-balancer/managers",
		}
		if diff := cmp.Diff(want, actions(plan)); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
	})
}

// TestZonesComeAndGo: the load balancer follows before a subnet goes.
func TestZonesComeAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{Latency: cloud.AWS})
		r := &runs{}
		one, two := load(t, shape{zones: 1, managers: 1, workers: 1}), load(t, shape{zones: 2, managers: 1, workers: 1})
		newOperator(c, r, "ann").up(t.Context(), t, one)
		alone := census(c)
		newOperator(c, r, "ann").up(t.Context(), t, two)
		wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), two)
		plan := newOperator(c, r, "ann").up(t.Context(), t, one)
		want := []string{"delete subnet/public-us-east-1b", "update load-balancer/managers"}
		if diff := cmp.Diff(want, actions(plan)); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
		wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), one)
		if diff := cmp.Diff(alone, census(c)); diff != "" {
			t.Errorf("the account (-want +got):\n%s", diff)
		}
	})
}

// TestTwoClusters live side by side: one's end touches nothing of the other.
func TestTwoClusters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		one := load(t, small)
		two := parse(t, strings.Replace(fmt.Sprintf(document, 1, 1, 1, false), "name: demo", "name: demo-2", 1))
		newOperator(c, r, "ann").up(t.Context(), t, one)
		alone := c.Resources()
		newOperator(c, r, "ann").up(t.Context(), t, two)
		wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), one)
		newOperator(c, r, "ann").destroy(t.Context(), t, "demo-2")
		if diff := cloud.Diff(alone, c.Resources()); diff != "" {
			t.Errorf("the end of demo-2 touched demo:\n%s", diff)
		}
		wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), one)
	})
}

// TestAllTagged: whatever can carry a tag says whose it is and which.
func TestAllTagged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		newOperator(c, &runs{}, "ann").up(context.Background(), t, load(t, small))
		var untagged []string
		err := c.Store.View(func(d *cloud.Data) error {
			r := d.Regions[region]
			for _, line := range c.Resources() {
				words := strings.Fields(line)
				kind, id := words[1], words[len(words)-1]
				if words[0] == "global" {
					continue // found by path; below
				}
				if r.EC2.Tags[id]["slipway:cluster"] != "demo" && r.ELB.Tags[id]["slipway:cluster"] != "demo" {
					untagged = append(untagged, kind)
				}
			}
			for name, role := range d.IAM.Roles {
				if role.Path != "/slipway/us-east-1/demo/" || role.Tags["slipway:cluster"] != "demo" {
					untagged = append(untagged, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(untagged)
		// What AWS makes by itself: the load balancer's interface, the VPC's main route table and default group.
		if diff := cmp.Diff([]string{"network-interface", "route-table", "security-group"}, untagged); diff != "" {
			t.Errorf("without tags (-want +got):\n%s", diff)
		}
	})
}
