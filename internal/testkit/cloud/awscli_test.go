package cloud_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/slipway-project/slipway/internal/sandbox/catalog"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// awsCLI is Debian's awscli: another program of this name in the PATH may be anything.
const awsCLI = "/usr/bin/aws"

// cli is the stock AWS command line against a cloud.
type cli struct {
	cloud *cloud.Cloud
	url   string
}

func newCLI(t *testing.T) cli {
	t.Helper()
	if _, err := os.Stat(awsCLI); err != nil {
		t.Skip("Debian's awscli is not installed; `make test` installs it")
	}
	c := cloud.Start(t, cloud.Options{})
	return cli{c, c.Serve(t)}
}

// run returns what a command prints.
func (c cli) run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, fault bytes.Buffer
	cmd := exec.CommandContext(t.Context(), awsCLI, append([]string{"--endpoint-url", c.url, "--output", "json"}, args...)...)
	cmd.Env = []string{
		"AWS_ACCESS_KEY_ID=" + c.cloud.Root.ID, "AWS_SECRET_ACCESS_KEY=" + c.cloud.Root.Secret, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_PAGER=", "HOME=" + t.TempDir(), "PATH=/usr/bin:/bin", "AWS_MAX_ATTEMPTS=1",
	}
	cmd.Stdout, cmd.Stderr = &out, &fault
	err = cmd.Run()
	return out.String(), fault.String(), err
}

// populate makes an instance and a load balancer, and returns the instance's id.
func populate(t *testing.T, c *cloud.Cloud) string {
	t.Helper()
	ctx, client := t.Context(), ec2.NewFromConfig(c.AWS("us-east-1"))
	vpc, err := client.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("172.31.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	subnet, err := client.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: vpc.Vpc.VpcId, CidrBlock: aws.String("172.31.0.0/20")})
	if err != nil {
		t.Fatal(err)
	}
	image := catalog.Images("us-east-1")[0].ID
	out, err := client.RunInstances(ctx, &ec2.RunInstancesInput{
		ImageId: &image, InstanceType: "m5.large", SubnetId: subnet.Subnet.SubnetId, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = elbv2.NewFromConfig(c.AWS("us-east-1")).CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{
		Name: aws.String("demo"), Type: elbtypes.LoadBalancerTypeEnumNetwork, Scheme: elbtypes.LoadBalancerSchemeEnumInternal,
		Subnets: []string{*subnet.Subnet.SubnetId},
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Instances[0].InstanceId
}

func TestStockCLIUnderstandsAnswers(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	id := populate(t, c.cloud)
	for _, test := range []struct {
		args []string
		want string // in the answer
	}{
		{[]string{"sts", "get-caller-identity"}, `"Arn": "arn:aws:iam::123456789012:root"`},
		{[]string{"iam", "create-user", "--user-name", "anna", "--path", "/ops/", "--tags", "Key=team,Value=a"}, `"Arn": "arn:aws:iam::123456789012:user/ops/anna"`},
		{[]string{"ssm", "put-parameter", "--name", "/a/b", "--value", "1", "--type", "String"}, `"Version": 1`},
		{[]string{"ssm", "get-parameters-by-path", "--path", "/aws/service/debian", "--recursive"}, `"/aws/service/debian/release/12/latest/amd64"`},
		{[]string{"ec2", "create-vpc", "--cidr-block", "10.0.0.0/16"}, `"State": "pending"`},
		{[]string{"ec2", "describe-instances"}, `"InstanceId": "` + id + `"`},
		{[]string{"ec2", "describe-volumes"}, `"InstanceId": "` + id + `"`},
		{[]string{"elbv2", "describe-load-balancers"}, `"LoadBalancerName": "demo"`},
	} {
		stdout, stderr, err := c.run(t, test.args...)
		if err != nil || !strings.Contains(stdout, test.want) || !json.Valid([]byte(stdout)) {
			t.Errorf("aws %s: %v\n%s%s\nwant %s", strings.Join(test.args, " "), err, stdout, stderr, test.want)
		}
	}
}

func TestStockCLIUnderstandsRefusals(t *testing.T) {
	t.Parallel()
	c := newCLI(t)
	for _, test := range []struct {
		args []string
		want string // the code
	}{
		{[]string{"ec2", "describe-vpcs", "--filters", "Name=colour,Values=red"}, "InvalidParameterValue"},
		{[]string{"ec2", "describe-spot-price-history"}, "InvalidAction"},
		{[]string{"ec2", "create-vpc", "--cidr-block", "10.0.0.0/16", "--dry-run"}, "DryRunOperation"},
		{[]string{"iam", "get-role", "--role-name", "nobody"}, "NoSuchEntity"},
		{[]string{"ssm", "get-parameter", "--name", "/aws/service/debian/release/12/latest/arm64"}, "ParameterNotFound"},
		{[]string{"s3api", "list-buckets"}, "InvalidAction"},
	} {
		stdout, stderr, err := c.run(t, test.args...)
		if err == nil || !strings.Contains(stderr, "("+test.want+")") {
			t.Errorf("aws %s: %v\n%s%s\nwant the code %s", strings.Join(test.args, " "), err, stdout, stderr, test.want)
		}
	}
}
