package awstask

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/provision/resource"
)

// GroupKey returns the key of a role's security group.
func GroupKey(role string) resource.Key { return resource.NewKey(KindGroup, role) }

// RulesKey returns the key of the rules of a role's security group.
func RulesKey(role string) resource.Key { return resource.NewKey(KindRules, role) }

// Group is the security group of a role, without its rules: rules of two groups may name each other. What goes out is
// not restricted, as AWS sets up every new group.
func (c *Cloud) Group(role, description string) resource.Task {
	key := GroupKey(role)
	return resource.Task{
		Key: key, Needs: after(VPCKey), Repeatable: true, // two of one name are refused
		Fields: []resource.Field{inVPC()},
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) {
			vpc := w.ID(VPCKey)
			out, err := c.aws.EC2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
				GroupName: aws.String("slipway-" + c.cluster + "-" + role), Description: aws.String(description), VpcId: aws.String(vpc),
				TagSpecifications: c.tagged(ec2types.ResourceTypeSecurityGroup, key),
			})
			if err != nil {
				return resource.Object{}, err
			}
			return groupObject(key, aws.ToString(out.GroupId), vpc), nil
		},
	}
}

// allowed is the value of a rule that is there; its name says the rest.
const allowed = "allowed"

// Rules are everything that may come in to a role. groups are the roles that the rules name as peers.
func (c *Cloud) Rules(role string, rules []Rule, groups ...string) resource.Task {
	task := resource.Task{
		Key: RulesKey(role), Needs: after(GroupKey(role)), Repeatable: true, Closed: true, // two equal ones are refused
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) {
			id := w.ID(GroupKey(role))
			if err := c.authorize(ctx, w, id, rules); err != nil {
				return resource.Object{}, err
			}
			return rulesObject(role, id, rules), nil
		},
		Update: func(ctx context.Context, w *resource.World, have resource.Object, changes []resource.FieldChange) error {
			var add, remove []Rule
			for _, change := range changes {
				rule, err := parseRule(change.Name)
				if err != nil {
					return err
				}
				if change.New == allowed {
					add = append(add, rule)
				} else {
					remove = append(remove, rule)
				}
			}
			// What is missing first: a changed range of addresses must not lock anybody out in between.
			if err := c.authorize(ctx, w, have.Parent, add); err != nil {
				return err
			}
			return c.revoke(ctx, w, have.Parent, remove)
		},
	}
	for _, g := range groups {
		if g != role {
			task.Needs = append(task.Needs, after(GroupKey(g))...)
		}
	}
	for _, r := range rules {
		task.Fields = append(task.Fields, resource.Field{Name: r.String(), Want: allowed})
	}
	return task
}

func (c *Cloud) authorize(ctx context.Context, w *resource.World, group string, rules []Rule) error {
	if len(rules) == 0 {
		return nil
	}
	_, err := c.aws.EC2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String(group), IpPermissions: permissions(w, rules),
	})
	return err
}

func (c *Cloud) revoke(ctx context.Context, w *resource.World, group string, rules []Rule) error {
	if len(rules) == 0 {
		return nil
	}
	_, err := c.aws.EC2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{
		GroupId: aws.String(group), IpPermissions: permissions(w, rules),
	})
	return gone(err, "InvalidPermission.NotFound", "InvalidGroup.NotFound")
}

func permissions(w *resource.World, rules []Rule) []ec2types.IpPermission {
	all := make([]ec2types.IpPermission, len(rules))
	for i, r := range rules {
		group := ""
		switch {
		case strings.HasPrefix(r.Peer, "sg-"):
			group = r.Peer
		case !strings.ContainsAny(r.Peer, "./:"):
			group = w.ID(GroupKey(r.Peer))
		}
		all[i] = r.permission(group)
	}
	return all
}

func groupObject(key resource.Key, id, vpc string) resource.Object {
	return resource.Object{Key: key, ID: id, Parent: vpc, Fields: map[string]string{"vpc": vpc}}
}

// rulesObject is the rules of a group as one object; a group without rules has none.
func rulesObject(role, group string, rules []Rule) resource.Object {
	o := resource.Object{Key: RulesKey(role), ID: group + "/rules", Parent: group, Fields: map[string]string{}}
	for _, r := range rules {
		o.Fields[r.String()] = allowed
	}
	return o
}

func (c *Cloud) findGroups() resource.Finder {
	return resource.Finder{Kinds: []string{KindGroup, KindRules}, Find: func(ctx context.Context) ([]resource.Object, error) {
		var groups []ec2types.SecurityGroup
		err := pages(ctx, ec2.NewDescribeSecurityGroupsPaginator(c.aws.EC2, &ec2.DescribeSecurityGroupsInput{Filters: c.mine()}),
			func(p *ec2.DescribeSecurityGroupsOutput) { groups = append(groups, p.SecurityGroups...) })
		if err != nil {
			return nil, err
		}
		names := map[string]string{}
		for _, g := range groups {
			names[aws.ToString(g.GroupId)] = keyOf(g.Tags, KindGroup, aws.ToString(g.GroupId)).Name()
		}
		var all []resource.Object
		for _, g := range groups {
			id := aws.ToString(g.GroupId)
			all = append(all, groupObject(resource.NewKey(KindGroup, names[id]), id, aws.ToString(g.VpcId)))
			var rules []Rule
			for _, p := range g.IpPermissions {
				rules = append(rules, rulesOf(p, names)...)
			}
			if len(rules) > 0 {
				o := rulesObject(names[id], id, rules)
				o.Labels = map[string]string{}
				for group, name := range names {
					o.Labels[name] = group
				}
				all = append(all, o)
			}
		}
		return all, nil
	}}
}

func (c *Cloud) groupKind() resource.Kind {
	return resource.Kind{
		Name:  KindGroup,
		After: []string{KindRules, KindInstance, KindBalancer},
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.EC2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(have.ID)})
			return blocked(gone(err, "InvalidGroup.NotFound"), func() string { return c.usersOf(ctx, "group-id", have.ID) })
		},
	}
}

// rulesKind removes the rules of a group by themselves, because groups that name each other cannot be removed.
func (c *Cloud) rulesKind() resource.Kind {
	return resource.Kind{
		Name:  KindRules,
		After: []string{KindInstance, KindBalancer},
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			w := resource.NewWorld()
			for name, group := range have.Labels {
				w.Put(resource.Object{Key: GroupKey(name), ID: group})
			}
			var rules []Rule
			for text := range have.Fields {
				rule, err := parseRule(text)
				if err != nil {
					return fmt.Errorf("rules of %s: %w", have.Parent, err)
				}
				rules = append(rules, rule)
			}
			return c.revoke(ctx, w, have.Parent, rules)
		},
	}
}
