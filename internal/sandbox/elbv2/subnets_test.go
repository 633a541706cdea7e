package elbv2_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// TestSetSubnets: a load balancer takes subnets and leaves them with its name unchanged; what it leaves can be removed a
// while later.
func TestSetSubnets(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		e.openInternet()
		ctx := t.Context()
		lb := must(e.elb.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
			Name: aws.String("demo"), Type: types.LoadBalancerTypeEnumNetwork, Subnets: e.subnets[:1], SecurityGroups: []string{*e.group},
		}))(t).LoadBalancers[0]
		set := func(subnets ...string) (*elb.SetSubnetsOutput, error) {
			return e.elb.SetSubnets(ctx, &elb.SetSubnetsInput{LoadBalancerArn: lb.LoadBalancerArn, Subnets: subnets})
		}
		removeFirst := func() (*ec2.DeleteSubnetOutput, error) {
			return e.ec2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &e.subnets[0]})
		}
		refused(set())(t, "ValidationError")
		refused(set("subnet-0"))(t, "SubnetNotFound")
		if zones := must(set(e.subnets...))(t).AvailabilityZones; len(zones) != 2 {
			t.Errorf("%d zones, want 2", len(zones))
		}
		must(e.ec2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{*e.instance}}))(t)
		later(time.Minute)
		refused(removeFirst())(t, "DependencyViolation")
		must(set(e.subnets[1]))(t)
		refused(removeFirst())(t, "DependencyViolation")
		later(time.Minute)
		must(removeFirst())(t)

		now := must(e.elb.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{}))(t).LoadBalancers[0]
		if *now.DNSName != *lb.DNSName || len(now.AvailabilityZones) != 1 || *now.AvailabilityZones[0].SubnetId != e.subnets[1] {
			t.Errorf("it was %+v and is %+v", lb, now)
		}
		faces := must(e.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
			Filters: []ec2types.Filter{{Name: aws.String("subnet-id"), Values: e.subnets[1:]}},
		}))(t).NetworkInterfaces
		if len(faces) != 1 || faces[0].Association == nil || *faces[0].Association.PublicIp != *lb.DNSName {
			t.Errorf("its interfaces are %+v, want one with %s", faces, *lb.DNSName)
		}
	})
}
