package sts_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

const anna = "arn:aws:iam::123456789012:user/anna"

func codeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// as returns a client that acts with temporary credentials.
func as(c *cloud.Cloud, k *types.Credentials) *sts.Client {
	return sts.NewFromConfig(c.As("us-east-1", *k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken))
}

func whoIs(t *testing.T, client *sts.Client) string {
	t.Helper()
	out, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	return *out.Arn + " " + *out.UserId
}

// setup is a cloud with the user anna, who has the policy, and the role ops with the trust policy's principal.
func setup(t *testing.T, policy, principal string) (*cloud.Cloud, *sts.Client) {
	t.Helper()
	c := cloud.Start(t, cloud.Options{})
	root := iam.NewFromConfig(c.AWS("us-east-1"))
	ctx, name := t.Context(), aws.String("anna")
	_, err := root.CreateUser(ctx, &iam.CreateUserInput{UserName: name})
	if err == nil && policy != "" {
		_, err = root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("p"), PolicyDocument: &policy})
	}
	if err == nil {
		_, err = root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("ops"), AssumeRolePolicyDocument: aws.String(
			`{"Statement":{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}}`)})
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := root.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	return c, sts.NewFromConfig(c.As("us-east-1", *key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, ""))
}

var assumeOps = &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/ops"), RoleSessionName: aws.String("shift")}

func TestAssumeRole(t *testing.T) {
	t.Parallel()
	const (
		allow = `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::123456789012:role/*"}}`
		deny  = `{"Statement":{"Effect":"Deny","Action":"sts:*","Resource":"*"}}`
	)
	for name, test := range map[string]struct {
		policy, principal string
		allowed           bool
	}{
		"trusted by name":                           {"", `{"AWS":"` + anna + `"}`, true},
		"trusted by name, but denied by a policy":   {deny, `{"AWS":"` + anna + `"}`, false},
		"trusted as the account, allowed":           {allow, `{"AWS":"123456789012"}`, true},
		"trusted as the account, nothing allows it": {"", `{"AWS":"123456789012"}`, false},
		"not trusted":                               {allow, `{"Service":"ec2.amazonaws.com"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, client := setup(t, test.policy, test.principal)
			out, err := client.AssumeRole(t.Context(), assumeOps)
			if !test.allowed {
				if codeOf(err) != "AccessDenied" {
					t.Errorf("got %v, want AccessDenied", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := whoIs(t, as(c, out.Credentials)); !strings.HasPrefix(got, "arn:aws:sts::123456789012:assumed-role/ops/shift AROA") {
				t.Errorf("got identity %s", got)
			}
		})
	}
}

func TestAssumedRoleActsByItsOwnPolicies(t *testing.T) {
	t.Parallel()
	c, client := setup(t, `{"Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*"}}`, `{"AWS":"`+anna+`"}`)
	out, err := client.AssumeRole(t.Context(), assumeOps)
	if err != nil {
		t.Fatal(err)
	}
	k := out.Credentials
	role := iam.NewFromConfig(c.As("us-east-1", *k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken))
	if _, err := role.ListRoles(t.Context(), &iam.ListRolesInput{}); codeOf(err) != "AccessDenied" {
		t.Errorf("the role inherits what its user may: got %v", err)
	}
	root := iam.NewFromConfig(c.AWS("us-east-1"))
	if _, err := root.DeleteRole(t.Context(), &iam.DeleteRoleInput{RoleName: aws.String("ops")}); err != nil {
		t.Fatal(err)
	}
	if _, err := as(c, k).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); codeOf(err) != "InvalidClientTokenId" {
		t.Errorf("credentials of a deleted role: got %v", err)
	}
}

func TestRefusedSessions(t *testing.T) {
	t.Parallel()
	c, client := setup(t, "", `{"AWS":"`+anna+`"}`)
	ctx := t.Context()
	assume := func(client *sts.Client, change func(*sts.AssumeRoleInput)) error {
		in := *assumeOps
		change(&in)
		_, err := client.AssumeRole(ctx, &in)
		return err
	}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"absent role":    {assume(client, func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:role/none") }), "AccessDenied"},
		"by root":        {assume(sts.NewFromConfig(c.AWS("us-east-1")), func(*sts.AssumeRoleInput) {}), "AccessDenied"},
		"too short":      {assume(client, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(60) }), "ValidationError"},
		"beyond role's":  {assume(client, func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7200) }), "ValidationError"},
		"session's name": {assume(client, func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a b") }), "ValidationError"},
	} {
		if codeOf(test.err) != test.want {
			t.Errorf("%s: got %v, want %s", name, test.err, test.want)
		}
	}
}

func TestSessionToken(t *testing.T) {
	t.Parallel()
	c, client := setup(t, "", `"*"`)
	own := whoIs(t, client)
	out, err := client.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got := whoIs(t, as(c, out.Credentials)); got != own {
		t.Errorf("the session is %s, its user %s", got, own)
	}
	if _, err := as(c, out.Credentials).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{}); codeOf(err) != "AccessDenied" {
		t.Errorf("a session token for a session: got %v", err)
	}
	for _, seconds := range []int32{899, 129601} {
		if _, err := client.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: &seconds}); codeOf(err) != "ValidationError" {
			t.Errorf("%d seconds: got %v", seconds, err)
		}
	}
}

// TestExpiredSessionsAreForgotten: for a day they are refused as expired, later as unknown.
func TestExpiredSessionsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, client := setup(t, "", `"*"`)
		session := func() *types.Credentials {
			out, err := client.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
			if err != nil {
				t.Fatal(err)
			}
			return out.Credentials
		}
		k := session()
		for _, want := range []string{"ExpiredToken", "InvalidClientTokenId"} {
			<-time.After(20 * time.Hour)
			session() // giving out credentials drops the forgotten ones
			if _, err := as(c, k).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); codeOf(err) != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
}
