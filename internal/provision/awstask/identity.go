package awstask

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision/resource"
)

// The keys of what the nodes are to AWS.
const (
	RoleKey       resource.Key = KindRole + "/node"
	RolePolicyKey resource.Key = KindRolePolicy + "/node"
	ProfileKey    resource.Key = KindProfile + "/node"
)

const (
	policyName = "slipway-node"
	// trustPolicy lets EC2 give the role to instances.
	trustPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	// nodePolicy lets a node see what it and its peers are, and no more.
	nodePolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:DescribeInstances","ec2:DescribeTags","ec2:DescribeVolumes"],"Resource":"*"}]}`
)

// iamPath is the place of the cluster's names in the account, which is one for all regions.
func (c *Cloud) iamPath() string { return "/slipway/" + c.aws.Region + "/" + c.cluster + "/" }

// iamName is the name of role and instance profile.
func (c *Cloud) iamName() string { return "slipway-" + c.aws.Region + "-" + c.cluster + "-node" }

func (c *Cloud) iamTags(key resource.Key) []iamtypes.Tag {
	return []iamtypes.Tag{
		{Key: aws.String(TagCluster), Value: aws.String(c.cluster)},
		{Key: aws.String(TagKey), Value: aws.String(string(key))},
	}
}

// Role is the IAM role of the nodes.
func (c *Cloud) Role() resource.Task {
	return resource.Task{
		Key: RoleKey, Repeatable: true, // two of one name are refused
		Create: func(ctx context.Context, _ *resource.World) (resource.Object, error) {
			_, err := c.aws.IAM.CreateRole(ctx, &iam.CreateRoleInput{
				RoleName: aws.String(c.iamName()), Path: aws.String(c.iamPath()), AssumeRolePolicyDocument: aws.String(trustPolicy),
				Description: aws.String("Nodes of the Slipway cluster " + c.cluster), Tags: c.iamTags(RoleKey),
			})
			return resource.Object{Key: RoleKey, ID: c.iamName()}, err
		},
	}
}

// RolePolicy is what the nodes may do in AWS.
func (c *Cloud) RolePolicy() resource.Task {
	put := func(ctx context.Context) error {
		_, err := c.aws.IAM.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
			RoleName: aws.String(c.iamName()), PolicyName: aws.String(policyName), PolicyDocument: aws.String(nodePolicy),
		})
		return err
	}
	return resource.Task{
		Key: RolePolicyKey, Needs: after(RoleKey), Repeatable: true,
		Fields: []resource.Field{{Name: "document", Want: compact(nodePolicy)}},
		Create: func(ctx context.Context, _ *resource.World) (resource.Object, error) {
			return c.rolePolicyObject(nodePolicy), put(ctx)
		},
		Update: func(ctx context.Context, _ *resource.World, _ resource.Object, _ []resource.FieldChange) error {
			return put(ctx)
		},
	}
}

func (c *Cloud) rolePolicyObject(document string) resource.Object {
	return resource.Object{
		Key: RolePolicyKey, ID: c.iamName() + "/" + policyName, Parent: c.iamName(),
		Fields: map[string]string{"document": compact(document)},
	}
}

// compact makes JSON documents that mean the same equal in most cases; what is no JSON stays as it is.
func compact(document string) string {
	var v any
	if json.Unmarshal([]byte(document), &v) != nil {
		return document
	}
	out, err := json.Marshal(v)
	if err != nil {
		return document
	}
	return string(out)
}

// Profile hands the role to instances.
func (c *Cloud) Profile() resource.Task {
	add := func(ctx context.Context) error {
		_, err := c.aws.IAM.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{
			InstanceProfileName: aws.String(c.iamName()), RoleName: aws.String(c.iamName()),
		})
		return err
	}
	return resource.Task{
		Key: ProfileKey, Needs: after(RoleKey), Repeatable: true, // two of one name are refused
		Fields: []resource.Field{{Name: "role", Ref: RoleKey}},
		Create: func(ctx context.Context, _ *resource.World) (resource.Object, error) {
			_, err := c.aws.IAM.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{
				InstanceProfileName: aws.String(c.iamName()), Path: aws.String(c.iamPath()), Tags: c.iamTags(ProfileKey),
			})
			return c.profileObject(""), err
		},
		Update: func(ctx context.Context, _ *resource.World, have resource.Object, _ []resource.FieldChange) error {
			if other := have.Fields["role"]; other != "" && other != c.iamName() {
				if err := c.takeRole(ctx, other); err != nil {
					return err
				}
			}
			return add(ctx)
		},
	}
}

func (c *Cloud) profileObject(role string) resource.Object {
	return resource.Object{Key: ProfileKey, ID: c.iamName(), Fields: map[string]string{"role": role}}
}

func (c *Cloud) takeRole(ctx context.Context, role string) error {
	_, err := c.aws.IAM.RemoveRoleFromInstanceProfile(ctx, &iam.RemoveRoleFromInstanceProfileInput{
		InstanceProfileName: aws.String(c.iamName()), RoleName: aws.String(role),
	})
	return gone(err, "NoSuchEntity")
}

// notOurs refuses to touch what has our name but not our path.
func (c *Cloud) notOurs(what, path string) error {
	if path == c.iamPath() {
		return nil
	}
	return errs.New(errs.Conflict, fmt.Sprintf("the IAM %s %s exists with the path %s and is not this cluster's", what, c.iamName(), path)).
		WithRemedy("remove it, or give the cluster another name")
}

func (c *Cloud) findRoles() resource.Finder {
	return resource.Finder{Kinds: []string{KindRole, KindRolePolicy}, Find: func(ctx context.Context) ([]resource.Object, error) {
		var role *iam.GetRoleOutput
		var policy *iam.GetRolePolicyOutput
		err := both(
			func() (err error) {
				role, err = c.aws.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(c.iamName())})
				return gone(err, "NoSuchEntity")
			},
			func() (err error) {
				policy, err = c.aws.IAM.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: aws.String(c.iamName()), PolicyName: aws.String(policyName)})
				return gone(err, "NoSuchEntity")
			},
		)
		if err != nil || role == nil {
			return nil, err
		}
		if err := c.notOurs("role", aws.ToString(role.Role.Path)); err != nil {
			return nil, err
		}
		all := []resource.Object{{Key: RoleKey, ID: c.iamName()}}
		if policy != nil {
			document, err := url.QueryUnescape(aws.ToString(policy.PolicyDocument))
			if err != nil {
				document = aws.ToString(policy.PolicyDocument)
			}
			all = append(all, c.rolePolicyObject(document))
		}
		return all, nil
	}}
}

func (c *Cloud) findProfiles() resource.Finder {
	return resource.Finder{Kinds: []string{KindProfile}, Find: func(ctx context.Context) ([]resource.Object, error) {
		out, err := c.aws.IAM.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(c.iamName())})
		if err != nil {
			return nil, gone(err, "NoSuchEntity")
		}
		if err := c.notOurs("instance profile", aws.ToString(out.InstanceProfile.Path)); err != nil {
			return nil, err
		}
		var roles []string
		for _, r := range out.InstanceProfile.Roles {
			roles = append(roles, aws.ToString(r.RoleName))
		}
		slices.Sort(roles)
		return []resource.Object{c.profileObject(strings.Join(roles, ","))}, nil
	}}
}

func (c *Cloud) roleKind() resource.Kind {
	return resource.Kind{
		Name:  KindRole,
		After: []string{KindRolePolicy, KindProfile},
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.IAM.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String(have.ID)})
			return blocked(gone(err, "NoSuchEntity"), func() string { return "policies or instance profiles" })
		},
	}
}

func (c *Cloud) rolePolicyKind() resource.Kind {
	return resource.Kind{
		Name:  KindRolePolicy,
		After: []string{KindInstance},
		Delete: func(ctx context.Context, _ resource.Object, _ func(string)) error {
			_, err := c.aws.IAM.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String(c.iamName()), PolicyName: aws.String(policyName)})
			return gone(err, "NoSuchEntity")
		},
	}
}

func (c *Cloud) profileKind() resource.Kind {
	return resource.Kind{
		Name:  KindProfile,
		After: []string{KindInstance},
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			for role := range strings.SplitSeq(have.Fields["role"], ",") {
				if role == "" {
					continue
				}
				if err := c.takeRole(ctx, role); err != nil {
					return err
				}
			}
			_, err := c.aws.IAM.DeleteInstanceProfile(ctx, &iam.DeleteInstanceProfileInput{InstanceProfileName: aws.String(have.ID)})
			return blocked(gone(err, "NoSuchEntity"), func() string { return "roles" })
		},
	}
}
