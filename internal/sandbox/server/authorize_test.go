package server_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// user makes a user with one policy and returns the configuration of a client of his.
func user(t *testing.T, c *cloud.Cloud, policy string) aws.Config {
	t.Helper()
	root, name := iam.NewFromConfig(c.AWS("us-east-1")), aws.String("anna")
	if _, err := root.CreateUser(t.Context(), &iam.CreateUserInput{UserName: name}); err != nil {
		t.Fatal(err)
	}
	if policy != "" {
		_, err := root.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("p"), PolicyDocument: &policy})
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := root.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	return c.As("us-east-1", *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
}

func putParameter(cfg aws.Config, name string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := ssm.NewFromConfig(cfg).PutParameter(ctx, &ssm.PutParameterInput{
			Name: &name, Value: aws.String("v"), Type: ssmtypes.ParameterTypeString,
		})
		return err
	}
}

// TestDeniedInEachService: who has no policy may do nothing, and each service says so in its own words.
func TestDeniedInEachService(t *testing.T) {
	t.Parallel()
	c := cloud.Start(t, cloud.Options{})
	cfg := user(t, c, "")
	for name, test := range map[string]struct {
		call      func(context.Context) error
		code, msg string
	}{
		"ec2": {
			func(ctx context.Context) error {
				_, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
				return err
			},
			"UnauthorizedOperation",
			"You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/anna is not authorized to perform: ec2:DescribeVpcs " +
				"because no identity-based policy allows the ec2:DescribeVpcs action",
		},
		"iam": {
			func(ctx context.Context) error {
				_, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("r")})
				return err
			},
			"AccessDenied",
			"User: arn:aws:iam::123456789012:user/anna is not authorized to perform: iam:GetRole on resource: arn:aws:iam::123456789012:role/r " +
				"because no identity-based policy allows the iam:GetRole action",
		},
		"ssm": {
			putParameter(cfg, "/x"), "AccessDeniedException",
			"User: arn:aws:iam::123456789012:user/anna is not authorized to perform: ssm:PutParameter on resource: " +
				"arn:aws:ssm:us-east-1:123456789012:parameter/x because no identity-based policy allows the ssm:PutParameter action",
		},
	} {
		var e smithy.APIError
		if err := test.call(t.Context()); !errors.As(err, &e) || e.ErrorCode() != test.code || e.ErrorMessage() != test.msg {
			t.Errorf("%s: got %v\nwant %s: %s", name, err, test.code, test.msg)
		}
	}
}

func TestPoliciesDecide(t *testing.T) {
	t.Parallel()
	c := cloud.Start(t, cloud.Options{})
	cfg := user(t, c, `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"ssm:*","Resource":"arn:aws:ssm:*:123456789012:parameter/slipway/*"},
		{"Effect":"Deny","Action":"ssm:DeleteParameter","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/keep":"yes"}}},
		{"Effect":"Allow","Action":"ssm:AddTagsToResource","Resource":"*"}]}`)
	client := ssm.NewFromConfig(cfg)
	ctx, name := t.Context(), aws.String("/slipway/a")
	if err := putParameter(cfg, *name)(ctx); err != nil {
		t.Fatal(err)
	}
	if got := codeOf(putParameter(cfg, "/other/a")(ctx)); got != "AccessDeniedException" {
		t.Errorf("another resource: got %q", got)
	}
	_, err := client.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
		ResourceType: ssmtypes.ResourceTypeForTaggingParameter, ResourceId: name, Tags: []ssmtypes.Tag{{Key: aws.String("keep"), Value: aws.String("yes")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: name})
	if codeOf(err) != "AccessDeniedException" {
		t.Errorf("an explicit deny by tag: got %v", err)
	}
}

// TestDryRun: it says whether a call would be allowed, and does nothing in either case.
func TestDryRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ policy, want string }{
		"allowed": {`{"Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}`, "DryRunOperation"},
		"denied":  {`{"Statement":{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}}`, "UnauthorizedOperation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cloud.Start(t, cloud.Options{})
			cfg := user(t, c, test.policy)
			before := c.Resources()
			c.ForgetCalls()
			_, err := ec2.NewFromConfig(cfg).CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), DryRun: aws.Bool(true)})
			if codeOf(err) != test.want {
				t.Errorf("got %v, want code %s", err, test.want)
			}
			if diff := cloud.Diff(before, c.Resources()); diff != "" {
				t.Errorf("a dry run changed the account:\n%s", diff)
			}
			if len(c.Mutating()) != 0 {
				t.Error("a dry run counts as a change")
			}
		})
	}
}
