package ec2_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// as returns a client of a new user with an inline policy.
func (e *env) as(name, policy string) *ec2.Client {
	e.Helper()
	ctx, client := e.Context(), iam.NewFromConfig(e.cloud.AWS(region))
	must(client.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}))(e)
	must(client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: aws.String("p"), PolicyDocument: &policy}))(e)
	key := must(client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name}))(e).AccessKey
	return ec2.NewFromConfig(e.cloud.As(region, *key.AccessKeyId, *key.SecretAccessKey, ""), func(o *ec2.Options) { o.Retryer = aws.NopRetryer{} })
}

func TestPoliciesSeeTagsOfWhatIsThere(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		_, subnets := e.vpc(1)
		mine := e.launch(subnets[0], func(in *ec2.RunInstancesInput) { in.TagSpecifications = tags(types.ResourceTypeInstance, "team", "a") })
		other := e.launch(subnets[0], func(in *ec2.RunInstancesInput) { in.TagSpecifications = tags(types.ResourceTypeInstance, "team", "b") })
		later(time.Minute)
		user := e.as("anna", `{"Version": "2012-10-17", "Statement": [{
			"Effect": "Allow", "Action": "ec2:StopInstances", "Resource": "arn:aws:ec2:us-east-1:123456789012:instance/*",
			"Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}}}]}`)
		stop := func(ids ...string) (*ec2.StopInstancesOutput, error) {
			return user.StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: ids})
		}
		must(stop(*mine.InstanceId))(t)
		refused(stop(*other.InstanceId))(t, "UnauthorizedOperation")
		refused(stop(*mine.InstanceId, *other.InstanceId))(t, "UnauthorizedOperation")
		refused(user.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{}))(t, "UnauthorizedOperation")
	})
}

func TestPoliciesSeeTagsOfWhatIsCreated(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		user := e.as("anna", `{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Action": "ec2:CreateVolume", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestTag/team": "a"}}},
			{"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "arn:aws:ec2:*:*:volume/*"}]}`)
		create := func(team string) (*ec2.CreateVolumeOutput, error) {
			in := &ec2.CreateVolumeInput{AvailabilityZone: aws.String(region + "a"), Size: aws.Int32(1)}
			if team != "" {
				in.TagSpecifications = tags(types.ResourceTypeVolume, "team", team)
			}
			return user.CreateVolume(t.Context(), in)
		}
		must(create("a"))(t)
		refused(create("b"))(t, "UnauthorizedOperation")
		refused(create(""))(t, "UnauthorizedOperation")
		untagging := e.as("bert", `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:CreateVolume", "Resource": "*"}]}`)
		refused(untagging.CreateVolume(t.Context(), &ec2.CreateVolumeInput{
			AvailabilityZone: aws.String(region + "a"), Size: aws.Int32(1), TagSpecifications: tags(types.ResourceTypeVolume, "team", "a"),
		}))(t, "UnauthorizedOperation") // tagging at creation needs ec2:CreateTags too
	})
}

func TestLaunchWithProfileNeedsPassRole(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx, client := t.Context(), iam.NewFromConfig(e.cloud.AWS(region))
		_, subnets := e.vpc(1)
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
		must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("node"), AssumeRolePolicyDocument: &trust}))(t)
		must(client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("node")}))(t)
		must(client.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("node"), RoleName: aws.String("node")}))(t)
		later(time.Minute)
		launch := func(c *ec2.Client) (*ec2.RunInstancesOutput, error) {
			return c.RunInstances(ctx, &ec2.RunInstancesInput{
				ImageId: e.debian(), InstanceType: "m5.large", MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &subnets[0],
				IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: aws.String("node")},
			})
		}
		refused(launch(e.as("anna", `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}]}`)))(t, "UnauthorizedOperation")
		must(launch(e.as("bert", `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ec2:RunInstances", "iam:PassRole"], "Resource": "*"}]}`)))(t)
	})
}
