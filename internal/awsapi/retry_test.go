package awsapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func createVPC(ctx context.Context, c *Clients) error {
	_, err := c.EC2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("172.31.0.0/16")})
	return err
}

func runInstances(ctx context.Context, c *Clients) error {
	_, err := c.EC2.RunInstances(ctx, &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	return err
}

func tagInstance(ctx context.Context, c *Clients) error {
	_, err := c.EC2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{"i-1"}, Tags: []types.Tag{{Key: aws.String("k")}}})
	return err
}

func describeVPCs(ctx context.Context, c *Clients) error {
	_, err := c.EC2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	return err
}

// TestNothingIsMadeTwice: a creation is repeated only where it was surely not carried out.
func TestNothingIsMadeTwice(t *testing.T) {
	t.Parallel()
	throttle := failure("RequestLimitExceeded", "slow down")
	tests := map[string]struct {
		call      func(context.Context, *Clients) error
		answers   []answer
		calls     int
		ambiguous bool
		fails     bool
	}{
		"a lost answer of a creation":              {createVPC, []answer{cut, vpcMade}, 1, true, true},
		"a broken answer of a creation":            {createVPC, []answer{broken, vpcMade}, 1, true, true},
		"a throttled creation":                     {createVPC, []answer{throttle, throttle, vpcMade}, 3, false, false},
		"nobody to make anything":                  {createVPC, []answer{refused}, 1, false, true},
		"a refusal":                                {createVPC, []answer{failure("VpcLimitExceeded", "no")}, 1, false, true},
		"no room, which AWS calls its own failure": {runInstances, []answer{{status: 500, body: failure("InsufficientInstanceCapacity", "none").body}}, 1, false, true},
		"a lost answer of a tagging":               {tagInstance, []answer{cut, tagged}, 2, false, false},
		"a lost answer of a read":                  {describeVPCs, []answer{cut, vpcsSeen}, 2, false, false},
		"a broken answer of a read":                {describeVPCs, []answer{broken, vpcsSeen}, 2, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &service{answers: test.answers}
				err := test.call(t.Context(), clients(s, Options{}))
				if (err != nil) != test.fails || Ambiguous(err) != test.ambiguous || s.calls != test.calls {
					t.Errorf("%d calls, ambiguous %t, error %v; want %d, %t, %t", s.calls, Ambiguous(err), err, test.calls, test.ambiguous, test.fails)
				}
			})
		})
	}
}

// TestThrottlingSlowsAllDown: after a refusal calls are spaced, and successes bring the pace back.
func TestThrottlingSlowsAllDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &service{answers: []answer{failure("RequestLimitExceeded", "slow down"), vpcsSeen}}
		c := clients(s, Options{})
		if err := describeVPCs(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		took := func() time.Duration {
			began := time.Now()
			if err := describeVPCs(t.Context(), c.Fenced(nil)); err != nil {
				t.Fatal(err)
			}
			return time.Since(began)
		}
		_ = took()
		if slow := took(); slow < shortestSpace {
			t.Errorf("a call right after a refusal took %v, want it spaced", slow)
		}
		for range 30 {
			took()
		}
		if fast := took(); fast != 0 {
			t.Errorf("a call long after took %v, want no space", fast)
		}
	})
}

func TestFence(t *testing.T) {
	t.Parallel()
	closed := errors.New("closed")
	s := &service{answers: []answer{vpcsSeen}}
	var seen []Call
	c := clients(s, Options{}).Observed(func(call Call) { seen = append(seen, call) }).Fenced(func(_ context.Context, action string) error {
		if action != "ec2:CreateVpc" {
			t.Errorf("the fence was asked about %s", action)
		}
		return closed
	})
	if err := createVPC(t.Context(), c); !errors.Is(err, closed) || s.calls != 0 {
		t.Errorf("error %v after %d calls, want closed after none", err, s.calls)
	}
	if err := describeVPCs(t.Context(), c); err != nil || s.calls != 1 {
		t.Errorf("error %v after %d calls: a read must pass", err, s.calls)
	}
	if len(seen) != 2 || seen[0].Action() != "ec2:CreateVpc" || !seen[0].Mutating || seen[0].Err == nil || seen[1].Mutating {
		t.Errorf("observed %+v", seen)
	}
}

// TestTheFenceStays whatever else is asked of the clients.
func TestTheFenceStays(t *testing.T) {
	t.Parallel()
	closed := errors.New("closed")
	s := &service{answers: []answer{vpcMade}}
	c := clients(s, Options{}).Fenced(func(context.Context, string) error { return closed }).Observed(func(Call) {})
	if err := createVPC(t.Context(), c); !errors.Is(err, closed) || s.calls != 0 {
		t.Errorf("error %v after %d calls, want closed after none", err, s.calls)
	}
}

func TestCounter(t *testing.T) {
	t.Parallel()
	var counter Counter
	c := clients(&service{answers: []answer{vpcsSeen, failure("VpcLimitExceeded", "no")}}, Options{Observe: counter.Observe})
	_ = describeVPCs(t.Context(), c)
	_ = createVPC(t.Context(), c)
	got := counter.Counts()
	if got.Reads != 1 || got.Mutating != 1 || got.Failed != 1 || got.ByAction["ec2:CreateVpc"] != 1 {
		t.Errorf("counted %+v", got)
	}
}
