package cloud_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

func codeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// write makes a parameter; once says that the client shall not try again.
func write(ctx context.Context, c *cloud.Cloud, name string, once bool) error {
	cfg := c.AWS("us-east-1")
	if once {
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	}
	_, err := ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: aws.String("v"), Type: types.ParameterTypeString})
	return err
}

func read(ctx context.Context, c *cloud.Cloud) error {
	_, err := ssm.NewFromConfig(c.AWS("us-east-1")).DescribeParameters(ctx, &ssm.DescribeParametersInput{})
	return err
}

func TestCallsAreListed(t *testing.T) {
	t.Parallel()
	c := cloud.Start(t, cloud.Options{})
	if err := errors.Join(read(t.Context(), c), write(t.Context(), c, "/a", true), write(t.Context(), c, "/b", true)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, call := range c.Calls() {
		got = append(got, fmt.Sprintf("%d %s %v %s", call.Number, call.Name(), call.Mutating, call.Region))
	}
	want := []string{"1 ssm:DescribeParameters false us-east-1", "2 ssm:PutParameter true us-east-1", "3 ssm:PutParameter true us-east-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if n := len(c.Mutating()); n != 2 {
		t.Errorf("%d calls change something", n)
	}
	if counts := c.Sandbox.Calls(); counts.Total != 3 || counts.Mutating != 2 || counts.ByAction["ssm:PutParameter"] != 2 {
		t.Errorf("got counts %+v", counts)
	}
	c.ForgetCalls()
	c.Sandbox.ResetCalls()
	if len(c.Calls()) != 0 || c.Sandbox.Calls().Total != 0 {
		t.Error("the calls were not forgotten")
	}
}

func TestFailedCallDoesNotAct(t *testing.T) {
	t.Parallel()
	c := cloud.Start(t, cloud.Options{})
	c.FailMutating(2, cloud.Refusal("InternalServerError", 500, "no"))
	ctx := t.Context()
	for i, want := range []string{"", "InternalServerError", ""} {
		if err := read(ctx, c); err != nil { // does not count
			t.Fatal(err)
		}
		if got := codeOf(write(ctx, c, fmt.Sprintf("/%d", i), true)); got != want {
			t.Errorf("call %d: got %q, want %q", i+1, got, want)
		}
	}
	if diff := cmp.Diff([]string{"us-east-1 parameter /0", "us-east-1 parameter /2"}, c.Resources()); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

// TestLostReply: the call acts, its answer is lost; the SDK tries again, as with a broken connection, and meets its own work.
func TestLostReply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		c.LoseMutating(1)
		if got := codeOf(write(t.Context(), c, "/a", false)); got != "ParameterAlreadyExists" {
			t.Errorf("got %q", got)
		}
		if n := len(c.Mutating()); n != 2 {
			t.Errorf("%d calls were made", n)
		}
	})
}

func TestLostReplyOnAWire(t *testing.T) {
	t.Parallel()
	c := cloud.Start(t, cloud.Options{})
	cfg := c.AWS("us-east-1")
	cfg.BaseEndpoint, cfg.HTTPClient = aws.String(c.Serve(t)), nil
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	c.LoseMutating(1)
	_, err := ssm.NewFromConfig(cfg).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("v"), Type: types.ParameterTypeString})
	if err == nil || codeOf(err) != "" {
		t.Errorf("got %v, want a broken connection", err)
	}
	if len(c.Resources()) != 1 {
		t.Errorf("the call did not act: %v", c.Resources())
	}
}

// TestLoseReplies: the setting, which drills on a real sandbox use.
func TestLoseReplies(t *testing.T) {
	t.Parallel()
	c := cloud.Start(t, cloud.Options{})
	if err := c.Settings.Set(settings.Values{Latency: settings.None, Scale: 1, LoseReplies: 2}); err != nil {
		t.Fatal(err)
	}
	for i, lost := range []bool{false, true, false} {
		if err := write(t.Context(), c, fmt.Sprintf("/%d", i), true); (err != nil) != lost {
			t.Errorf("call %d: got %v", i, err)
		}
	}
	if len(c.Resources()) != 3 {
		t.Errorf("the account holds %v", c.Resources())
	}
}

func TestAbortAfter(t *testing.T) {
	t.Parallel()
	c := cloud.Start(t, cloud.Options{})
	ctx, die := context.WithCancel(t.Context())
	c.AbortAfter(2, die)
	errs := []error{write(ctx, c, "/1", true), write(ctx, c, "/2", true), write(ctx, c, "/3", true), write(context.WithoutCancel(ctx), c, "/4", true)}
	if errs[0] != nil || !errors.Is(errs[1], context.Canceled) || errs[2] == nil || errs[3] == nil {
		t.Errorf("got %v", errs)
	}
	if diff := cmp.Diff([]string{"us-east-1 parameter /1", "us-east-1 parameter /2"}, c.Resources()); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	c.Interfere(nil)
	if err := write(t.Context(), c, "/3", true); err != nil {
		t.Errorf("the successor: %v", err)
	}
}

func TestThrottledClientsGetThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		c.Throttle(2)
		for i := range 5 {
			if err := write(t.Context(), c, fmt.Sprintf("/%d", i), false); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		}
		if n := len(c.Mutating()); n <= 5 {
			t.Errorf("%d calls: nothing was throttled", n)
		}
	})
}

func TestRateLimitSpeaksEachDialect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		if err := c.Settings.Set(settings.Values{Latency: settings.None, Scale: 1, RateLimit: 1}); err != nil {
			t.Fatal(err)
		}
		cfg := c.AWS("us-east-1")
		cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
		if err := read(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		_, fromEC2 := ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
		_, fromIAM := iam.NewFromConfig(cfg).ListRoles(t.Context(), &iam.ListRolesInput{})
		_, fromSSM := ssm.NewFromConfig(cfg).DescribeParameters(t.Context(), &ssm.DescribeParametersInput{})
		got := []string{codeOf(fromEC2), codeOf(fromIAM), codeOf(fromSSM)}
		if diff := cmp.Diff([]string{"RequestLimitExceeded", "Throttling", "ThrottlingException"}, got); diff != "" {
			t.Errorf("codes (-want +got):\n%s", diff)
		}
	})
}

func TestDiff(t *testing.T) {
	t.Parallel()
	got := cloud.Diff([]string{"a", "b"}, []string{"b", "c"})
	if diff := cmp.Diff("- a\n+ c\n", got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestKilledInstanceIsImpaired: what a test kills shows as AWS would show it.
func TestKilledInstanceIsImpaired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{Latency: cloud.AWS})
		id, client := populate(t, c), ec2.NewFromConfig(c.AWS("us-east-1"))
		state := func() string {
			<-time.After(10 * time.Minute)
			out, err := client.DescribeInstanceStatus(t.Context(), &ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}})
			if err != nil || len(out.InstanceStatuses) != 1 {
				t.Fatalf("got %+v, %v", out, err)
			}
			return string(out.InstanceStatuses[0].InstanceStatus.Status)
		}
		if got := state(); got != "ok" {
			t.Errorf("a running instance is %s", got)
		}
		c.Kill(t, id)
		if got := state(); got != "impaired" {
			t.Errorf("a killed instance is %s", got)
		}
	})
}
