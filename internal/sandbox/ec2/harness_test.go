package ec2_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// region is where the tests work.
const region = "us-east-1"

// env is a cloud with a client of its EC2.
type env struct {
	*testing.T
	cloud *cloud.Cloud
	ec2   *ec2.Client
}

// inCloud runs a test in a bubble of its own time, with a cloud of AWS's latencies.
func inCloud(t *testing.T, test func(t *testing.T, e *env)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{Latency: settings.AWS})
		test(t, &env{T: t, cloud: c, ec2: ec2.NewFromConfig(c.AWS(region), func(o *ec2.Options) { o.Retryer = aws.NopRetryer{} })})
	})
}

// must returns a call's result and ends the test if it failed: must(call(...))(t).
func must[T any](result T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
}

// refused checks that a call failed with the error code.
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

// tags returns the tag specifications for one kind of resource.
func tags(resource types.ResourceType, pairs ...string) []types.TagSpecification {
	spec := types.TagSpecification{ResourceType: resource}
	for i := 0; i+1 < len(pairs); i += 2 {
		spec.Tags = append(spec.Tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return []types.TagSpecification{spec}
}

// filter is a filter with values.
func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

// vpc makes a VPC with a public subnet in each of the first n zones, and returns their ids.
func (e *env) vpc(n int) (vpc string, subnets []string) {
	e.Helper()
	ctx := e.Context()
	vpc = *must(e.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("172.31.0.0/16")}))(e).Vpc.VpcId
	igw := must(e.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{}))(e).InternetGateway.InternetGatewayId
	must(e.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: igw, VpcId: &vpc}))(e)
	table := must(e.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &vpc}))(e).RouteTable.RouteTableId
	must(e.ec2.CreateRoute(ctx, &ec2.CreateRouteInput{RouteTableId: table, DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: igw}))(e)
	for i := range n {
		cidr, zone := "172.31."+string(rune('0'+i))+".0/24", region+string(rune('a'+i))
		s := must(e.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: &cidr, AvailabilityZone: &zone}))(e).Subnet.SubnetId
		must(e.ec2.ModifySubnetAttribute(ctx, &ec2.ModifySubnetAttributeInput{SubnetId: s, MapPublicIpOnLaunch: &types.AttributeBooleanValue{Value: aws.Bool(true)}}))(e)
		must(e.ec2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: table, SubnetId: s}))(e)
		subnets = append(subnets, *s)
	}
	return vpc, subnets
}

// debian returns the id of the newest image.
func (e *env) debian() *string {
	e.Helper()
	images := must(e.ec2.DescribeImages(e.Context(), &ec2.DescribeImagesInput{
		Owners: []string{"136693071363"}, Filters: []types.Filter{filter("name", "debian-12-amd64-*")},
	}))(e).Images
	newest := images[0]
	for _, i := range images {
		if *i.CreationDate > *newest.CreationDate {
			newest = i
		}
	}
	return newest.ImageId
}

// launch runs one instance in a subnet; change may alter the request.
func (e *env) launch(subnet string, change func(*ec2.RunInstancesInput)) types.Instance {
	e.Helper()
	in := &ec2.RunInstancesInput{
		ImageId: e.debian(), InstanceType: types.InstanceTypeM5Large, MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &subnet,
	}
	if change != nil {
		change(in)
	}
	return must(e.ec2.RunInstances(e.Context(), in))(e).Instances[0]
}

// instance describes one instance.
func (e *env) instance(id *string) types.Instance {
	e.Helper()
	return must(e.ec2.DescribeInstances(e.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{*id}}))(e).Reservations[0].Instances[0]
}

// wantState checks an instance's state.
func (e *env) wantState(id *string, want types.InstanceStateName) {
	e.Helper()
	if got := e.instance(id).State.Name; got != want {
		e.Errorf("instance %s is %s, want %s", *id, got, want)
	}
}
