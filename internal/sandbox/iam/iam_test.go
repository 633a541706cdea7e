package iam_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

const (
	trustEC2  = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}`
	allowAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	allowRead = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*"],"Resource":"*"}]}`
)

func codeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// setup is a cloud with a client of its root user.
func setup(t *testing.T) (*cloud.Cloud, *iam.Client) {
	t.Helper()
	c := cloud.Start(t, cloud.Options{})
	return c, iam.NewFromConfig(c.AWS("us-east-1"))
}

// must ends the test if an arrangement failed.
func must[Out any](t *testing.T) func(Out, error) Out {
	t.Helper()
	return func(out Out, err error) Out {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func createRole(t *testing.T, client *iam.Client, name string) *types.Role {
	t.Helper()
	return must[*iam.CreateRoleOutput](t)(client.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, Path: aws.String("/slipway/us-east-1/demo/"), AssumeRolePolicyDocument: aws.String(trustEC2),
		Tags: []types.Tag{{Key: aws.String("slipway:cluster"), Value: aws.String("demo")}},
	})).Role
}

func TestRoleLifecycle(t *testing.T) {
	t.Parallel()
	c, client := setup(t)
	before := c.Resources()
	ctx, name := t.Context(), aws.String("demo-node")
	role := createRole(t, client, *name)
	if *role.Arn != "arn:aws:iam::123456789012:role/slipway/us-east-1/demo/demo-node" || !strings.HasPrefix(*role.RoleId, "AROA") {
		t.Errorf("got role %s with id %s", *role.Arn, *role.RoleId)
	}
	must[*iam.PutRolePolicyOutput](t)(client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: name, PolicyName: aws.String("main"), PolicyDocument: aws.String(allowRead),
	}))
	must[*iam.TagRoleOutput](t)(client.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}}))
	must[*iam.UntagRoleOutput](t)(client.UntagRole(ctx, &iam.UntagRoleInput{RoleName: name, TagKeys: []string{"slipway:cluster"}}))
	must[*iam.UpdateRoleOutput](t)(client.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: name, Description: aws.String("of nodes"), MaxSessionDuration: aws.Int32(7200)}))

	got := must[*iam.GetRoleOutput](t)(client.GetRole(ctx, &iam.GetRoleInput{RoleName: name})).Role
	trust, _ := url.QueryUnescape(*got.AssumeRolePolicyDocument)
	if trust != trustEC2 || *got.Description != "of nodes" || *got.MaxSessionDuration != 7200 {
		t.Errorf("got trust %s, description %s, session %d", trust, *got.Description, *got.MaxSessionDuration)
	}
	if diff := cmp.Diff(map[string]string{"a": "b"}, tagMap(got.Tags)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	policy := must[*iam.GetRolePolicyOutput](t)(client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: name, PolicyName: aws.String("main")}))
	if text, _ := url.QueryUnescape(*policy.PolicyDocument); text != allowRead {
		t.Errorf("got policy %s", text)
	}
	names := must[*iam.ListRolePoliciesOutput](t)(client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: name}))
	if diff := cmp.Diff([]string{"main"}, names.PolicyNames); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}

	if _, err := client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}); codeOf(err) != "DeleteConflict" {
		t.Errorf("delete with a policy: got %v", err)
	}
	must[*iam.DeleteRolePolicyOutput](t)(client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: aws.String("main")}))
	must[*iam.DeleteRoleOutput](t)(client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: name}))
	if diff := cloud.Diff(before, c.Resources()); diff != "" {
		t.Errorf("left over:\n%s", diff)
	}
}

func tagMap(tags []types.Tag) map[string]string {
	m := map[string]string{}
	for _, tag := range tags {
		m[*tag.Key] = *tag.Value
	}
	return m
}

// TestTagsAndPoliciesOfEachKind: users, roles and instance profiles have tags, the first two inline policies.
func TestTagsAndPoliciesOfEachKind(t *testing.T) {
	t.Parallel()
	_, client := setup(t)
	ctx, name := t.Context(), aws.String("x")
	createRole(t, client, *name)
	must[*iam.CreateUserOutput](t)(client.CreateUser(ctx, &iam.CreateUserInput{UserName: name}))
	must[*iam.CreateInstanceProfileOutput](t)(client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: name}))
	add, drop := []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}, {Key: aws.String("b"), Value: aws.String("2")}}, []string{"b", "slipway:cluster"}

	must[*iam.TagUserOutput](t)(client.TagUser(ctx, &iam.TagUserInput{UserName: name, Tags: add}))
	must[*iam.UntagUserOutput](t)(client.UntagUser(ctx, &iam.UntagUserInput{UserName: name, TagKeys: drop}))
	must[*iam.TagRoleOutput](t)(client.TagRole(ctx, &iam.TagRoleInput{RoleName: name, Tags: add}))
	must[*iam.UntagRoleOutput](t)(client.UntagRole(ctx, &iam.UntagRoleInput{RoleName: name, TagKeys: drop}))
	must[*iam.TagInstanceProfileOutput](t)(client.TagInstanceProfile(ctx, &iam.TagInstanceProfileInput{InstanceProfileName: name, Tags: add}))
	must[*iam.UntagInstanceProfileOutput](t)(client.UntagInstanceProfile(ctx, &iam.UntagInstanceProfileInput{InstanceProfileName: name, TagKeys: drop}))
	for kind, tags := range map[string][]types.Tag{
		"user":    must[*iam.ListUserTagsOutput](t)(client.ListUserTags(ctx, &iam.ListUserTagsInput{UserName: name})).Tags,
		"role":    must[*iam.ListRoleTagsOutput](t)(client.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: name})).Tags,
		"profile": must[*iam.ListInstanceProfileTagsOutput](t)(client.ListInstanceProfileTags(ctx, &iam.ListInstanceProfileTagsInput{InstanceProfileName: name})).Tags,
	} {
		if diff := cmp.Diff(map[string]string{"a": "1"}, tagMap(tags)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}

	must[*iam.PutUserPolicyOutput](t)(client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: name, PolicyDocument: aws.String(allowRead)}))
	policy := must[*iam.GetUserPolicyOutput](t)(client.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: name, PolicyName: name}))
	names := must[*iam.ListUserPoliciesOutput](t)(client.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: name})).PolicyNames
	if text, _ := url.QueryUnescape(*policy.PolicyDocument); text != allowRead || *policy.UserName != "x" || len(names) != 1 {
		t.Errorf("got policies %q, %s of %s", names, text, *policy.UserName)
	}
	trust := strings.ReplaceAll(trustEC2, "ec2", "ssm")
	must[*iam.UpdateAssumeRolePolicyOutput](t)(client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: &trust}))
	role := must[*iam.GetRoleOutput](t)(client.GetRole(ctx, &iam.GetRoleInput{RoleName: name})).Role
	if got, _ := url.QueryUnescape(*role.AssumeRolePolicyDocument); got != trust {
		t.Errorf("got trust policy %s", got)
	}
}

func TestListRolesByPathAndPage(t *testing.T) {
	t.Parallel()
	_, client := setup(t)
	for _, name := range []string{"a", "b", "c"} {
		createRole(t, client, name)
	}
	must[*iam.CreateRoleOutput](t)(client.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("d"), AssumeRolePolicyDocument: aws.String(trustEC2)}))
	pages := iam.NewListRolesPaginator(client, &iam.ListRolesInput{PathPrefix: aws.String("/slipway/us-east-1/demo/"), MaxItems: aws.Int32(2)})
	var got []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Roles) > 2 {
			t.Errorf("a page has %d roles", len(page.Roles))
		}
		for _, r := range page.Roles {
			got = append(got, *r.RoleName)
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, got); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
}

func TestInstanceProfileLifecycle(t *testing.T) {
	t.Parallel()
	c, client := setup(t)
	ctx, name := t.Context(), aws.String("demo")
	createRole(t, client, "demo")
	createRole(t, client, "other")
	must[*iam.CreateInstanceProfileOutput](t)(client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: name, Path: aws.String("/x/")}))
	add := func(role string) error {
		_, err := client.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: name, RoleName: &role})
		return err
	}
	if err := add("nobody"); codeOf(err) != "NoSuchEntity" {
		t.Errorf("add an absent role: got %v", err)
	}
	if err := add("demo"); err != nil {
		t.Fatal(err)
	}
	if err := add("other"); codeOf(err) != "LimitExceeded" {
		t.Errorf("add a second role: got %v", err)
	}
	got := must[*iam.GetInstanceProfileOutput](t)(client.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: name})).InstanceProfile
	if *got.Arn != "arn:aws:iam::123456789012:instance-profile/x/demo" || len(got.Roles) != 1 || *got.Roles[0].RoleName != "demo" {
		t.Errorf("got profile %+v", got)
	}
	of := must[*iam.ListInstanceProfilesForRoleOutput](t)(client.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String("demo")}))
	all := must[*iam.ListInstanceProfilesOutput](t)(client.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesInput{PathPrefix: aws.String("/x/")}))
	if len(of.InstanceProfiles) != 1 || len(all.InstanceProfiles) != 1 {
		t.Errorf("listed %d of the role and %d of the path", len(of.InstanceProfiles), len(all.InstanceProfiles))
	}
	if _, err := client.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: name}); codeOf(err) != "DeleteConflict" {
		t.Errorf("delete with a role: got %v", err)
	}
	if _, err := client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("demo")}); codeOf(err) != "DeleteConflict" {
		t.Errorf("delete a role that is in a profile: got %v", err)
	}
	remove := &iam.RemoveRoleFromInstanceProfileInput{InstanceProfileName: name, RoleName: aws.String("demo")}
	must[*iam.RemoveRoleFromInstanceProfileOutput](t)(client.RemoveRoleFromInstanceProfile(ctx, remove))
	if _, err := client.RemoveRoleFromInstanceProfile(ctx, remove); codeOf(err) != "NoSuchEntity" {
		t.Errorf("remove twice: got %v", err)
	}
	must[*iam.DeleteInstanceProfileOutput](t)(client.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: name}))
	for _, line := range c.Resources() {
		if strings.Contains(line, "instance-profile") {
			t.Errorf("left over: %s", line)
		}
	}
}

// TestProfileIsUsableLater: EC2 hears of a profile, and of a role put into it, only after a while.
func TestProfileIsUsableLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{Latency: settings.AWS})
		client := iam.NewFromConfig(c.AWS("us-east-1"))
		createRole(t, client, "demo")
		must[*iam.CreateInstanceProfileOutput](t)(client.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("demo")}))
		<-time.After(time.Minute)
		must[*iam.AddRoleToInstanceProfileOutput](t)(client.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{
			InstanceProfileName: aws.String("demo"), RoleName: aws.String("demo"),
		}))
		_ = c.Store.View(func(d *state.Data) error {
			if wait := time.Until(d.IAM.Profiles["demo"].Usable); wait != 8*time.Second {
				t.Errorf("usable in %s, want 8s", wait)
			}
			return nil
		})
	})
}

func TestUserAndKeyLifecycle(t *testing.T) {
	t.Parallel()
	c, client := setup(t)
	before := c.Resources()
	ctx, name := t.Context(), aws.String("anna")
	must[*iam.CreateUserOutput](t)(client.CreateUser(ctx, &iam.CreateUserInput{UserName: name}))
	must[*iam.PutUserPolicyOutput](t)(client.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: aws.String("p"), PolicyDocument: aws.String(allowRead)}))
	key := must[*iam.CreateAccessKeyOutput](t)(client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})).AccessKey
	second := must[*iam.CreateAccessKeyOutput](t)(client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})).AccessKey
	if _, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name}); codeOf(err) != "LimitExceeded" {
		t.Errorf("a third key: got %v", err)
	}
	listed := must[*iam.ListAccessKeysOutput](t)(client.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: name}))
	if len(listed.AccessKeyMetadata) != 2 {
		t.Errorf("listed %d keys", len(listed.AccessKeyMetadata))
	}

	anna := c.As("us-east-1", *key.AccessKeyId, *key.SecretAccessKey, "")
	who := must[*sts.GetCallerIdentityOutput](t)(sts.NewFromConfig(anna).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	if *who.Arn != "arn:aws:iam::123456789012:user/anna" {
		t.Errorf("got identity %s", *who.Arn)
	}
	self := must[*iam.GetUserOutput](t)(iam.NewFromConfig(anna).GetUser(ctx, &iam.GetUserInput{}))
	if *self.User.UserName != "anna" {
		t.Errorf("got herself as %s", *self.User.UserName)
	}

	update := func(status types.StatusType) {
		must[*iam.UpdateAccessKeyOutput](t)(client.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: name, AccessKeyId: key.AccessKeyId, Status: status}))
	}
	use := func() string {
		_, err := sts.NewFromConfig(anna).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		return codeOf(err)
	}
	update(types.StatusTypeInactive)
	if got := use(); got != "InvalidClientTokenId" {
		t.Errorf("an inactive key: got %q", got)
	}
	update(types.StatusTypeActive)
	if got := use(); got != "" {
		t.Errorf("an active key: got %q", got)
	}

	remove := func() error {
		_, err := client.DeleteUser(ctx, &iam.DeleteUserInput{UserName: name})
		return err
	}
	if err := remove(); codeOf(err) != "DeleteConflict" {
		t.Errorf("delete with a policy: got %v", err)
	}
	must[*iam.DeleteUserPolicyOutput](t)(client.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: name, PolicyName: aws.String("p")}))
	if err := remove(); codeOf(err) != "DeleteConflict" {
		t.Errorf("delete with keys: got %v", err)
	}
	for _, id := range []*string{key.AccessKeyId, second.AccessKeyId} {
		must[*iam.DeleteAccessKeyOutput](t)(client.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: name, AccessKeyId: id}))
	}
	if err := remove(); err != nil {
		t.Fatal(err)
	}
	if diff := cloud.Diff(before, c.Resources()); diff != "" {
		t.Errorf("left over:\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 65)
	for name, test := range map[string]struct {
		call func(context.Context, *iam.Client) error
		want string
	}{
		"absent role": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("nobody")})
			return err
		}, "NoSuchEntity"},
		"a name that is taken, in other letters": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("EXISTS"), AssumeRolePolicyDocument: aws.String(trustEC2)})
			return err
		}, "EntityAlreadyExists"},
		"a long name": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &long, AssumeRolePolicyDocument: aws.String(trustEC2)})
			return err
		}, "ValidationError"},
		"a path without a slash": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("p"), Path: aws.String("slipway")})
			return err
		}, "ValidationError"},
		"a trust policy that is none": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("r"), AssumeRolePolicyDocument: aws.String(allowAll)})
			return err
		}, "MalformedPolicyDocument"},
		"a policy that is no JSON": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("exists"), PolicyName: aws.String("p"), PolicyDocument: aws.String("allow")})
			return err
		}, "MalformedPolicyDocument"},
		"an absent policy": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: aws.String("exists"), PolicyName: aws.String("p")})
			return err
		}, "NoSuchEntity"},
		"deleting an absent policy": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String("exists"), PolicyName: aws.String("p")})
			return err
		}, "NoSuchEntity"},
		"a tag twice": {func(ctx context.Context, c *iam.Client) error {
			tag := types.Tag{Key: aws.String("a"), Value: aws.String("b")}
			_, err := c.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("exists"), Tags: []types.Tag{tag, tag}})
			return err
		}, "InvalidInput"},
		"a tag of AWS's own": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("exists"), Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("b")}}})
			return err
		}, "InvalidInput"},
		"an action that the sandbox does not have": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("exists"), PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
			return err
		}, "InvalidAction"},
		"a parameter that the sandbox does not have": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u"), PermissionsBoundary: aws.String("arn:aws:iam::aws:policy/x")})
			return err
		}, "ValidationError"},
		"a marker that was not given out": {func(ctx context.Context, c *iam.Client) error {
			_, err := c.ListRoles(ctx, &iam.ListRolesInput{Marker: aws.String("!")})
			return err
		}, "ValidationError"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, client := setup(t)
			createRole(t, client, "exists")
			before := c.Resources()
			if err := test.call(t.Context(), client); codeOf(err) != test.want {
				t.Errorf("got %v, want code %s", err, test.want)
			}
			if diff := cloud.Diff(before, c.Resources()); diff != "" {
				t.Errorf("a refused call changed the account:\n%s", diff)
			}
		})
	}
}
