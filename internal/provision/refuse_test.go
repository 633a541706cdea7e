package provision_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// userWithout returns the configuration of a user who may do everything but the action.
func userWithout(t *testing.T, c *cloud.Cloud, action string) aws.Config {
	t.Helper()
	client := iam.NewFromConfig(c.AWS(region))
	name := aws.String("kim")
	must(client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name}))(t)
	must(client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("most"), PolicyDocument: aws.String(fmt.Sprintf(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":%q,"Resource":"*"}]}`, action))}))(t)
	key, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	return c.As(region, aws.ToString(key.AccessKey.AccessKeyId), aws.ToString(key.AccessKey.SecretAccessKey), "")
}

func as(cfg aws.Config, r *runs) operator {
	return operator{Provisioner: provision.New(provision.Deps{
		Clients:   awsapi.New(cfg, awsapi.Options{}),
		PublicKey: func(context.Context) ([]byte, error) { return []byte(publicKey), nil },
	}, provision.Config{Holder: r.next("kim"), Alive: r.alive})}
}

// TestADeniedRead is a question mark in the plan, with the action that is missing, and nothing is applied.
func TestADeniedRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		doc := load(t, small)
		newOperator(c, r, "ann").up(t.Context(), t, doc)
		kim := as(userWithout(t, c, "ec2:DescribeSecurityGroups"), r)
		before := c.Resources()

		plan, err := kim.Plan(t.Context(), doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, change := range plan.Changes {
			if change.Action == provision.ActionUnknown && !strings.Contains(change.Reason, "no permission for ec2:DescribeSecurityGroups") {
				t.Errorf("%s is unknown because %s", change.Key, change.Reason)
			}
		}
		want := []string{
			"unknown rules/balancer", "unknown rules/manager", "unknown rules/worker",
			"unknown security-group/balancer", "unknown security-group/manager", "unknown security-group/worker",
		}
		if diff := cmp.Diff(want, unknown(plan)); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
		if _, err := kim.Apply(t.Context(), plan); !errs.Is(err, errs.Forbidden) {
			t.Errorf("apply says %v", err)
		}
		if err := kim.tryDestroy(t.Context(), doc.Name); !errs.Is(err, errs.Forbidden) {
			t.Errorf("destroy says %v", err)
		}
		if diff := cloud.Diff(before, c.Resources()); diff != "" {
			t.Errorf("something changed:\n%s", diff)
		}
	})
}

func unknown(plan *provision.Plan) []string {
	var all []string
	for _, a := range actions(plan) {
		if strings.HasPrefix(a, string(provision.ActionUnknown)) {
			all = append(all, a)
		}
	}
	return all
}

// TestADeniedChange ends what needs it and nothing else, names the action, and can be gone on with.
func TestADeniedChange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := lagging(t)
		r := &runs{}
		doc := load(t, small)
		_, err := as(userWithout(t, c, "elasticloadbalancing:CreateTargetGroup"), r).tryUp(t.Context(), doc)
		if !errs.Is(err, errs.Forbidden) || !strings.Contains(err.Error(), "target-group managers: no permission for elasticloadbalancing:CreateTargetGroup") {
			t.Errorf("error is %v", err)
		}
		if n := census(c)[region+" instance"]; n != 2 {
			t.Errorf("%d instances: what does not need the target group was not made", n)
		}
		plan := newOperator(c, r, "ann").up(t.Context(), t, doc)
		if diff := cmp.Diff([]string{"create listener/managers-443", "create target-group/managers", "create targets/managers"}, actions(plan)); diff != "" {
			t.Errorf("the next plan (-want +got):\n%s", diff)
		}
	})
}

// TestCredentials that are wrong or have expired are one message, not one for each kind of resource.
func TestCredentials(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ key, secret, token string }{
		"unknown key":  {"AKIANOBODY0000000000", "x", ""},
		"wrong secret": {"", "x", ""},
		"dead token":   {"ASIANOBODY0000000000", "x", "t"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := cloud.Start(t, cloud.Options{})
				if test.key == "" {
					test.key = c.Root.ID
				}
				_, err := as(c.As(region, test.key, test.secret, test.token), &runs{}).Plan(t.Context(), load(t, small))
				if !errs.Is(err, errs.Unauthenticated) || strings.Contains(err.Error(), "\n") || len(errs.Remedies(err)) != 1 {
					t.Errorf("error is %v, remedies %v", err, errs.Remedies(err))
				}
			})
		})
	}
}

// TestRefusals: what cannot be changed is said before anything is, and the region's rules are applied.
func TestRefusals(t *testing.T) {
	t.Parallel()
	base := fmt.Sprintf(document, 1, 1, 1, false)
	tests := map[string]struct {
		text string
		kind errs.Kind
		want string
	}{
		"another type":     {strings.Replace(base, "count: 1}\nworkers", "count: 1, type: m5.2xlarge}\nworkers", 1), errs.Conflict, "instance/manager-1: type is m5.xlarge and cannot become m5.2xlarge: this cannot be changed on a running node yet"},
		"another range":    {base + "network: {cidr: 172.30.0.0/16}\n", errs.Conflict, "vpc/main: cidr is 172.31.0.0/16 and cannot become 172.30.0.0/16: a network keeps its range for life"},
		"a bigger disk":    {strings.Replace(base, "count: 1}\nworkers", "count: 1, data: {size: 200}}\nworkers", 1), errs.Conflict, "instance/manager-1: data.size is 100 and cannot become 200"},
		"an unknown type":  {strings.Replace(base, "count: 1}\nworkers", "count: 1, type: m5.gigantic}\nworkers", 1), errs.Invalid, "m5.gigantic"},
		"an unknown image": {strings.NewReplacer("zones: 1", "zones: 1, image: ami-00000000000000000", "provider: sandbox", "provider: aws").Replace(base), errs.Invalid, "ami-00000000000000000"},
		"zones it has not": {strings.Replace(base, "zones: 1", "zones: [us-east-1z]", 1), errs.Invalid, "us-east-1z"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := cloud.Start(t, cloud.Options{})
				r := &runs{}
				if test.kind == errs.Conflict {
					newOperator(c, r, "ann").up(t.Context(), t, load(t, small))
				}
				before := c.Resources()
				_, err := newOperator(c, r, "ann").tryUp(t.Context(), parse(t, test.text))
				if !errs.Is(err, test.kind) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error is %v (%v), want %v: %s", err, errs.KindOf(err), test.kind, test.want)
				}
				if diff := cloud.Diff(before, c.Resources()); diff != "" {
					t.Errorf("something changed:\n%s", diff)
				}
			})
		})
	}
}

// TestAnotherKey: an operator whose SSH key the nodes do not know is told so, rather than locking the others out.
func TestAnotherKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		newOperator(c, r, "ann").up(t.Context(), t, load(t, small))
		bob := operator{Provisioner: provision.New(provision.Deps{
			Clients:   awsapi.New(c.AWS(region), awsapi.Options{}),
			PublicKey: func(context.Context) ([]byte, error) { return []byte("ssh-ed25519 AAAAOTHER bob"), nil },
		}, provision.Config{Holder: r.next("bob"), Alive: r.alive})}
		_, err := bob.tryUp(t.Context(), load(t, small))
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "the nodes know another SSH key") {
			t.Errorf("error is %v", err)
		}
	})
}

// TestAForeignerOfOurName: what has the name of ours but not our path or tags is left alone and named.
func TestAForeignerOfOurName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		client := iam.NewFromConfig(c.AWS(region))
		must(client.CreateRole(t.Context(), &iam.CreateRoleInput{
			RoleName: aws.String("slipway-us-east-1-demo-node"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
		}))(t)
		before := c.Resources()
		_, err := newOperator(c, &runs{}, "ann").tryUp(t.Context(), load(t, small))
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "is not this cluster's") {
			t.Errorf("error is %v", err)
		}
		if diff := cloud.Diff(before, c.Resources()); diff != "" {
			t.Errorf("something changed:\n%s", diff)
		}
	})
}

// TestIdentityTakenAway: a cluster whose VPC lost its tags is not built anew around a second one.
func TestIdentityTakenAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		doc := load(t, small)
		newOperator(c, r, "ann").up(t.Context(), t, doc)
		client := ec2.NewFromConfig(c.AWS(region))
		vpcs, err := client.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
		if err != nil {
			t.Fatal(err)
		}
		id := aws.ToString(vpcs.Vpcs[0].VpcId)
		must(client.DeleteTags(t.Context(), &ec2.DeleteTagsInput{Resources: []string{id}}))(t)
		before := c.Resources()
		_, err = newOperator(c, r, "ann").tryUp(t.Context(), doc)
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "is in "+id+", which was not found") {
			t.Errorf("error is %v", err)
		}
		if diff := cloud.Diff(before, c.Resources()); diff != "" {
			t.Errorf("something changed:\n%s", diff)
		}

		// Destroy removes what is proven to be the cluster's, and leaves the rest.
		newOperator(c, r, "ann").destroy(t.Context(), t, doc.Name)
		for _, line := range c.Resources() {
			if kind := strings.Fields(line)[1]; kind != "vpc" && kind != "route-table" && kind != "security-group" {
				t.Errorf("destroy left %s", line)
			}
		}
	})
}

// TestAVolumeWithoutItsTags is not taken for one of another size.
func TestAVolumeWithoutItsTags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := &runs{}
		doc := load(t, small)
		newOperator(c, r, "ann").up(t.Context(), t, doc)
		client := ec2.NewFromConfig(c.AWS(region))
		volumes, err := client.DescribeVolumes(t.Context(), &ec2.DescribeVolumesInput{})
		if err != nil {
			t.Fatal(err)
		}
		id := aws.ToString(volumes.Volumes[0].VolumeId)
		must(client.DeleteTags(t.Context(), &ec2.DeleteTagsInput{Resources: []string{id}}))(t)
		_, err = newOperator(c, r, "ann").tryUp(t.Context(), doc)
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "has "+id+", which was not found") {
			t.Errorf("error is %v", err)
		}
	})
}
