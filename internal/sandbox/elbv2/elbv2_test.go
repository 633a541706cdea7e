package elbv2_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

const region = "us-east-1"

// env is a cloud with a public VPC of two subnets, a security group and an instance that runs in the first.
type env struct {
	*testing.T
	cloud    *cloud.Cloud
	elb      *elb.Client
	ec2      *ec2.Client
	vpc      *string
	subnets  []string
	group    *string
	instance *string
}

// inCloud runs a test in a bubble of its own time.
func inCloud(t *testing.T, test func(t *testing.T, e *env)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{Latency: settings.AWS})
		e := &env{
			T: t, cloud: c, ec2: ec2.NewFromConfig(c.AWS(region)),
			elb: elb.NewFromConfig(c.AWS(region), func(o *elb.Options) { o.Retryer = aws.NopRetryer{} }),
		}
		e.setUp()
		test(t, e)
	})
}

func (e *env) setUp() {
	ctx := e.Context()
	e.vpc = must(e.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("172.31.0.0/16")}))(e).Vpc.VpcId
	for i, zone := range []string{"a", "b"} {
		cidr := []string{"172.31.0.0/24", "172.31.1.0/24"}[i]
		s := must(e.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: e.vpc, CidrBlock: &cidr, AvailabilityZone: aws.String(region + zone)}))(e)
		e.subnets = append(e.subnets, *s.Subnet.SubnetId)
	}
	e.group = must(e.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{VpcId: e.vpc, GroupName: aws.String("lb"), Description: aws.String("lb")}))(e).GroupId
	image := must(e.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{}))(e).Images[0].ImageId
	e.instance = must(e.ec2.RunInstances(ctx, &ec2.RunInstancesInput{
		ImageId: image, InstanceType: ec2types.InstanceTypeM5Large, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &e.subnets[0],
	}))(e).Instances[0].InstanceId
	later(time.Minute)
}

// openInternet gives the VPC an internet gateway.
func (e *env) openInternet() {
	igw := must(e.ec2.CreateInternetGateway(e.Context(), &ec2.CreateInternetGatewayInput{}))(e).InternetGateway.InternetGatewayId
	must(e.ec2.AttachInternetGateway(e.Context(), &ec2.AttachInternetGatewayInput{InternetGatewayId: igw, VpcId: e.vpc}))(e)
}

func later(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func must[T any](result T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
}

func refused[T any](_ T, err error) func(t testing.TB, code string) {
	return func(t testing.TB, code string) {
		t.Helper()
		var e smithy.APIError
		switch {
		case err == nil:
			t.Errorf("not refused, want %s", code)
		case !errors.As(err, &e):
			t.Errorf("got %v, want %s", err, code)
		case e.ErrorCode() != code:
			t.Errorf("got %s (%s), want %s", e.ErrorCode(), e.ErrorMessage(), code)
		}
	}
}

// balancerInput is what the tests create; they change it before.
func (e *env) balancerInput() *elb.CreateLoadBalancerInput {
	return &elb.CreateLoadBalancerInput{
		Name: aws.String("demo"), Type: types.LoadBalancerTypeEnumNetwork, Subnets: e.subnets, SecurityGroups: []string{*e.group},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}
}

func (e *env) groupInput() *elb.CreateTargetGroupInput {
	return &elb.CreateTargetGroupInput{
		Name: aws.String("web"), Protocol: types.ProtocolEnumTcp, Port: aws.Int32(443), VpcId: e.vpc, TargetType: types.TargetTypeEnumInstance,
		HealthCheckPort: aws.String("2377"), HealthCheckIntervalSeconds: aws.Int32(5), HealthyThresholdCount: aws.Int32(2),
	}
}

// health returns the state and reason of the only target.
func (e *env) health(group *string) (types.TargetHealthStateEnum, types.TargetHealthReasonEnum) {
	e.Helper()
	all := must(e.elb.DescribeTargetHealth(e.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: group}))(e).TargetHealthDescriptions
	if len(all) != 1 {
		e.Fatalf("targets: %+v", all)
	}
	return all[0].TargetHealth.State, all[0].TargetHealth.Reason
}

func TestBalancerForwardsWhenItIsActive(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		e.openInternet()
		before := e.cloud.Resources()
		ctx := t.Context()
		lb := must(e.elb.CreateLoadBalancer(ctx, e.balancerInput()))(t).LoadBalancers[0]
		if lb.State.Code != types.LoadBalancerStateEnumProvisioning || lb.Scheme != types.LoadBalancerSchemeEnumInternetFacing || *lb.DNSName == "" || len(lb.AvailabilityZones) != 2 {
			t.Errorf("created: %+v", lb)
		}
		if again := must(e.elb.CreateLoadBalancer(ctx, e.balancerInput()))(t).LoadBalancers[0]; *again.LoadBalancerArn != *lb.LoadBalancerArn {
			t.Error("the same call made another load balancer")
		}
		tg := must(e.elb.CreateTargetGroup(ctx, e.groupInput()))(t).TargetGroups[0]
		if *tg.HealthCheckTimeoutSeconds != 5 || *tg.UnhealthyThresholdCount != 2 {
			t.Errorf("target group: %+v", tg)
		}
		target := []types.TargetDescription{{Id: e.instance}}
		must(e.elb.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: target}))(t)
		if state, reason := e.health(tg.TargetGroupArn); state != types.TargetHealthStateEnumUnused || reason != types.TargetHealthReasonEnumNotInUse {
			t.Errorf("target of a group that is not used: %s, %s", state, reason)
		}
		forward := []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: tg.TargetGroupArn}}
		listen := &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: types.ProtocolEnumTcp, Port: aws.Int32(443), DefaultActions: forward}
		listener := must(e.elb.CreateListener(ctx, listen))(t).Listeners[0]
		if state, reason := e.health(tg.TargetGroupArn); state != types.TargetHealthStateEnumInitial || reason != types.TargetHealthReasonEnumRegistrationInProgress {
			t.Errorf("target of a load balancer in the making: %s, %s", state, reason)
		}
		later(3 * time.Minute)
		if state, _ := e.health(tg.TargetGroupArn); state != types.TargetHealthStateEnumHealthy {
			t.Errorf("target of an active load balancer: %s", state)
		}
		e.cloud.Fake.Kill(*e.instance)
		later(5 * time.Second)
		if state, reason := e.health(tg.TargetGroupArn); state != types.TargetHealthStateEnumUnhealthy || reason != types.TargetHealthReasonEnumFailedHealthChecks {
			t.Errorf("dead target: %s, %s", state, reason)
		}

		refused(e.elb.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: tg.TargetGroupArn}))(t, "ResourceInUse")
		must(e.elb.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: tg.TargetGroupArn, Targets: target}))(t)
		if state, _ := e.health(tg.TargetGroupArn); state != types.TargetHealthStateEnumDraining {
			t.Errorf("deregistered target: %s", state)
		}
		must(e.elb.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: listener.ListenerArn}))(t)
		must(e.elb.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: tg.TargetGroupArn}))(t)
		must(e.elb.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}))(t)
		refused(e.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: e.group}))(t, "DependencyViolation") // its interfaces linger
		later(time.Minute)
		if diff := cmp.Diff(before, e.cloud.Resources()); diff != "" {
			t.Errorf("left after deletion:\n%s", diff)
		}
	})
}

func TestBalancerRefusals(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		create := func(change func(*elb.CreateLoadBalancerInput)) (*elb.CreateLoadBalancerOutput, error) {
			in := e.balancerInput()
			change(in)
			return e.elb.CreateLoadBalancer(ctx, in)
		}
		refused(create(func(*elb.CreateLoadBalancerInput) {}))(t, "InvalidSubnet") // no internet gateway
		e.openInternet()
		arn := must(create(func(*elb.CreateLoadBalancerInput) {}))(t).LoadBalancers[0].LoadBalancerArn
		refused(create(func(in *elb.CreateLoadBalancerInput) { in.Subnets = in.Subnets[:1] }))(t, "DuplicateLoadBalancerName")
		refused(create(func(in *elb.CreateLoadBalancerInput) { in.Subnets = []string{"subnet-0"} }))(t, "SubnetNotFound")
		refused(create(func(in *elb.CreateLoadBalancerInput) { in.SecurityGroups = []string{"sg-0"} }))(t, "InvalidSecurityGroup")
		refused(create(func(in *elb.CreateLoadBalancerInput) { in.Subnets = []string{in.Subnets[0], in.Subnets[0]} }))(t, "InvalidConfigurationRequest")
		refused(create(func(in *elb.CreateLoadBalancerInput) { in.Name = aws.String("-demo") }))(t, "ValidationError")
		refused(create(func(in *elb.CreateLoadBalancerInput) { in.Type = types.LoadBalancerTypeEnumApplication }))(t, "ValidationError")
		refused(create(func(in *elb.CreateLoadBalancerInput) { in.CustomerOwnedIpv4Pool = aws.String("p") }))(t, "ValidationError")
		refused(e.elb.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"other"}}))(t, "LoadBalancerNotFound")
		refused(e.elb.SetSecurityGroups(ctx, &elb.SetSecurityGroupsInput{LoadBalancerArn: arn, SecurityGroups: []string{}}))(t, "InvalidConfigurationRequest")

		attribute := func(key, value string) (*elb.ModifyLoadBalancerAttributesOutput, error) {
			return e.elb.ModifyLoadBalancerAttributes(ctx, &elb.ModifyLoadBalancerAttributesInput{
				LoadBalancerArn: arn, Attributes: []types.LoadBalancerAttribute{{Key: &key, Value: &value}},
			})
		}
		refused(attribute("colour", "red"))(t, "ValidationError")
		refused(attribute("deletion_protection.enabled", "perhaps"))(t, "InvalidConfigurationRequest")
		must(attribute("deletion_protection.enabled", "true"))(t)
		for _, a := range must(e.elb.DescribeLoadBalancerAttributes(ctx, &elb.DescribeLoadBalancerAttributesInput{LoadBalancerArn: arn}))(t).Attributes {
			if want := map[string]string{"deletion_protection.enabled": "true", "load_balancing.cross_zone.enabled": "false"}[*a.Key]; want != "" && *a.Value != want {
				t.Errorf("%s is %s, want %s", *a.Key, *a.Value, want)
			}
		}
		refused(e.elb.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: arn}))(t, "OperationNotPermitted")
		must(attribute("deletion_protection.enabled", "false"))(t)
		must(e.elb.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: arn}))(t)
		must(e.elb.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: arn}))(t) // again is no fault
	})
}

func TestTargetGroupRefusals(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		create := func(change func(*elb.CreateTargetGroupInput)) (*elb.CreateTargetGroupOutput, error) {
			in := e.groupInput()
			change(in)
			return e.elb.CreateTargetGroup(ctx, in)
		}
		arn := must(create(func(*elb.CreateTargetGroupInput) {}))(t).TargetGroups[0].TargetGroupArn
		if again := must(create(func(*elb.CreateTargetGroupInput) {}))(t).TargetGroups[0].TargetGroupArn; *again != *arn {
			t.Error("the same call made another target group")
		}
		refused(create(func(in *elb.CreateTargetGroupInput) { in.Port = aws.Int32(80) }))(t, "DuplicateTargetGroupName")
		refused(create(func(in *elb.CreateTargetGroupInput) { in.Protocol = types.ProtocolEnumHttp }))(t, "ValidationError")
		refused(create(func(in *elb.CreateTargetGroupInput) { in.HealthCheckTimeoutSeconds = aws.Int32(10) }))(t, "ValidationError")
		refused(create(func(in *elb.CreateTargetGroupInput) { in.HealthCheckPort = aws.String("web") }))(t, "ValidationError")
		refused(create(func(in *elb.CreateTargetGroupInput) { in.VpcId = aws.String("vpc-0") }))(t, "ValidationError")
		refused(create(func(in *elb.CreateTargetGroupInput) { in.HealthCheckPath = aws.String("/") }))(t, "InvalidConfigurationRequest")
		register := func(id string) (*elb.RegisterTargetsOutput, error) {
			return e.elb.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: arn, Targets: []types.TargetDescription{{Id: &id}}})
		}
		refused(register("i-0"))(t, "InvalidTarget")
		must(e.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{*e.instance}}))(t)
		refused(register(*e.instance))(t, "InvalidTarget")
		refused(e.elb.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String("arn:x")}))(t, "TargetGroupNotFound")

		got := must(e.elb.ModifyTargetGroup(ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: arn, HealthCheckProtocol: types.ProtocolEnumHttps, HealthCheckPath: aws.String("/_ping")}))(t).TargetGroups[0]
		if *got.HealthCheckPath != "/_ping" || *got.Matcher.HttpCode != "200-399" || *got.HealthCheckIntervalSeconds != 5 || *got.HealthCheckPort != "2377" {
			t.Errorf("modified: %+v", got)
		}
		set := func(key, value string) (*elb.ModifyTargetGroupAttributesOutput, error) {
			return e.elb.ModifyTargetGroupAttributes(ctx, &elb.ModifyTargetGroupAttributesInput{
				TargetGroupArn: arn, Attributes: []types.TargetGroupAttribute{{Key: &key, Value: &value}},
			})
		}
		refused(set("deregistration_delay.timeout_seconds", "4000"))(t, "InvalidConfigurationRequest")
		must(set("preserve_client_ip.enabled", "false"))(t)
		attributes := must(e.elb.DescribeTargetGroupAttributes(ctx, &elb.DescribeTargetGroupAttributesInput{TargetGroupArn: arn}))(t).Attributes
		values := map[string]string{}
		for _, a := range attributes {
			values[*a.Key] = *a.Value
		}
		if values["preserve_client_ip.enabled"] != "false" || values["deregistration_delay.timeout_seconds"] != "300" {
			t.Errorf("attributes: %v", values)
		}
	})
}

func TestListeners(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		e.openInternet()
		ctx := t.Context()
		lb := must(e.elb.CreateLoadBalancer(ctx, e.balancerInput()))(t).LoadBalancers[0].LoadBalancerArn
		in := e.groupInput()
		one := must(e.elb.CreateTargetGroup(ctx, in))(t).TargetGroups[0].TargetGroupArn
		in.Name = aws.String("other")
		two := must(e.elb.CreateTargetGroup(ctx, in))(t).TargetGroups[0].TargetGroupArn
		create := func(lb, group *string, port int32) (*elb.CreateListenerOutput, error) {
			return e.elb.CreateListener(ctx, &elb.CreateListenerInput{
				LoadBalancerArn: lb, Protocol: types.ProtocolEnumTcp, Port: &port, DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: group}},
			})
		}
		listener := must(create(lb, one, 443))(t).Listeners[0].ListenerArn
		if again := must(create(lb, one, 443))(t).Listeners[0].ListenerArn; *again != *listener {
			t.Error("the same call made another listener")
		}
		refused(create(lb, two, 443))(t, "DuplicateListener")
		refused(create(aws.String("arn:x"), two, 443))(t, "LoadBalancerNotFound")
		refused(create(lb, aws.String("arn:x"), 80))(t, "TargetGroupNotFound")
		second := e.balancerInput()
		second.Name = aws.String("second")
		other := must(e.elb.CreateLoadBalancer(ctx, second))(t).LoadBalancers[0].LoadBalancerArn
		refused(create(other, one, 80))(t, "TargetGroupAssociationLimit")
		must(e.elb.ModifyListener(ctx, &elb.ModifyListenerInput{ListenerArn: listener, Port: aws.Int32(444), DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: two}}}))(t)
		all := must(e.elb.DescribeListeners(ctx, &elb.DescribeListenersInput{LoadBalancerArn: lb}))(t).Listeners
		if len(all) != 1 || *all[0].Port != 444 || *all[0].DefaultActions[0].TargetGroupArn != *two {
			t.Errorf("listeners: %+v", all)
		}
		groups := must(e.elb.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: lb}))(t).TargetGroups
		if len(groups) != 1 || groups[0].LoadBalancerArns[0] != *lb {
			t.Errorf("target groups: %+v", groups)
		}
		must(e.elb.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: listener}))(t)
		refused(e.elb.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: listener}))(t, "ListenerNotFound")
	})
}

func TestTags(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		e.openInternet()
		ctx := t.Context()
		arn := *must(e.elb.CreateLoadBalancer(ctx, e.balancerInput()))(t).LoadBalancers[0].LoadBalancerArn
		must(e.elb.AddTags(ctx, &elb.AddTagsInput{ResourceArns: []string{arn}, Tags: []types.Tag{{Key: aws.String("stage"), Value: aws.String("test")}}}))(t)
		must(e.elb.RemoveTags(ctx, &elb.RemoveTagsInput{ResourceArns: []string{arn}, TagKeys: []string{"team"}}))(t)
		all := must(e.elb.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{arn}}))(t).TagDescriptions
		if len(all) != 1 || len(all[0].Tags) != 1 || *all[0].Tags[0].Key != "stage" {
			t.Errorf("tags: %+v", all)
		}
		refused(e.elb.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: []string{"arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/x/1"}}))(t, "LoadBalancerNotFound")
	})
}
