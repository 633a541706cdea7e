package ec2

import (
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// defaultGroup is the name of the group that comes with a VPC and goes with it.
const defaultGroup = "default"

type xmlGroup struct {
	ID          string               `xml:"groupId"`
	ARN         string               `xml:"securityGroupArn"`
	Name        string               `xml:"groupName"`
	Description string               `xml:"groupDescription"`
	Owner       string               `xml:"ownerId"`
	VPC         string               `xml:"vpcId"`
	Ingress     items[xmlPermission] `xml:"ipPermissions"`
	Egress      items[xmlPermission] `xml:"ipPermissionsEgress"`
	Tags        items[tag]           `xml:"tagSet"`
}

func groupID(g *state.SecurityGroup) string { return g.ID }

// eachRule makes a filter field with a value for each rule of one direction.
func eachRule(egress bool, f func(state.SecurityGroupRule) string) func(row[state.SecurityGroup]) []string {
	return func(r row[state.SecurityGroup]) (all []string) {
		for _, rule := range r.it.Rules {
			if rule.Egress == egress {
				all = append(all, f(rule))
			}
		}
		return all
	}
}

var groupListing = listing[state.SecurityGroup, xmlGroup]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeSecurityGroups", set: "securityGroupInfo", ids: "GroupId", kind: kindGroup,
	all: func(s *scope) []*state.SecurityGroup { return sorted(s.SecurityGroups) }, key: groupID, tags: tagsOf(groupID),
	fields: map[string]func(row[state.SecurityGroup]) []string{
		"group-id":                      text(func(r row[state.SecurityGroup]) string { return r.it.ID }),
		"group-name":                    text(func(r row[state.SecurityGroup]) string { return r.it.Name }),
		"description":                   text(func(r row[state.SecurityGroup]) string { return r.it.Description }),
		"owner-id":                      text(func(row[state.SecurityGroup]) string { return state.Account }),
		"vpc-id":                        text(func(r row[state.SecurityGroup]) string { return r.it.VPC }),
		"ip-permission.cidr":            eachRule(false, func(r state.SecurityGroupRule) string { return r.CIDR }),
		"ip-permission.group-id":        eachRule(false, func(r state.SecurityGroupRule) string { return r.Group }),
		"ip-permission.protocol":        eachRule(false, func(r state.SecurityGroupRule) string { return r.Protocol }),
		"egress.ip-permission.cidr":     eachRule(true, func(r state.SecurityGroupRule) string { return r.CIDR }),
		"egress.ip-permission.group-id": eachRule(true, func(r state.SecurityGroupRule) string { return r.Group }),
		"egress.ip-permission.protocol": eachRule(true, func(r state.SecurityGroupRule) string { return r.Protocol }),
	},
	render: func(r row[state.SecurityGroup]) xmlGroup {
		return xmlGroup{
			ID: r.it.ID, ARN: arn(r.region.Name, r.it.ID), Name: r.it.Name, Description: r.it.Description, Owner: state.Account, VPC: r.it.VPC,
			Ingress: permissions(r.it, false), Egress: permissions(r.it, true), Tags: r.tagSet(r.it.ID),
		}
	},
}

func (a *api) groupActions() []awswire.Action {
	actions := []awswire.Action{
		op[createGroupInput]{
			name: "CreateSecurityGroup", decode: decodeCreateGroup, handle: (*scope).createGroup,
			touches: only(func(in createGroupInput) string { return in.VPC }), creates: func(in createGroupInput) tagSpecs { return in.Tags },
		}.write(a),
		groupListing.on(a),
		ruleListing.on(a),
		op[one]{name: "DeleteSecurityGroup", decode: decodeOne("GroupId"), handle: (*scope).deleteGroup, touches: oneID}.write(a),
	}
	for direction, egress := range map[string]bool{"Ingress": false, "Egress": true} {
		touches := only(func(in rulesInput) string { return in.Group })
		actions = append(actions,
			op[rulesInput]{name: "AuthorizeSecurityGroup" + direction, decode: decodeAuthorize(egress), handle: (*scope).authorize, touches: touches}.write(a),
			op[rulesInput]{name: "RevokeSecurityGroup" + direction, decode: decodeRevoke(egress), handle: (*scope).revoke, touches: touches}.write(a),
		)
	}
	return actions
}

type createGroupInput struct {
	Name, Description, VPC string
	Tags                   tagSpecs
}

func decodeCreateGroup(p *awswire.Params) createGroupInput {
	in := createGroupInput{
		Name: p.Required("GroupName"), Description: p.Required("GroupDescription"), VPC: p.Required("VpcId"),
		Tags: decodeTagSpecs(p, "security-group"),
	}
	switch {
	case strings.HasPrefix(in.Name, "sg-"):
		p.Invalid("Invalid group name '%s'. Group names cannot begin with sg-.", in.Name)
	case in.Name == defaultGroup:
		p.Invalid("Cannot use reserved security group name: default")
	case len(in.Name) > 255 || len(in.Description) > 255:
		p.Invalid("Security group names and descriptions have at most 255 characters.")
	}
	return in
}

// newGroup makes a group that lets everything out and nothing in.
func (s *scope) newGroup(vpc, name, description string) *state.SecurityGroup {
	g := &state.SecurityGroup{ID: awswire.NewID("sg"), VPC: vpc, Name: name, Description: description}
	g.Rules = []state.SecurityGroupRule{{ID: awswire.NewID("sgr"), Egress: true, Protocol: "-1", From: -1, To: -1, CIDR: "0.0.0.0/0"}}
	s.SecurityGroups[g.ID] = g
	return g
}

func (s *scope) createGroup(in createGroupInput) (any, error) {
	if _, err := find(s.VPCs, kindVPC, in.VPC); err != nil {
		return nil, err
	}
	for _, g := range s.SecurityGroups {
		if g.VPC == in.VPC && g.Name == in.Name {
			return nil, awswire.Errorf("InvalidGroup.Duplicate", 400, "The security group '%s' already exists for VPC '%s'", in.Name, in.VPC)
		}
	}
	if len(s.SecurityGroups) >= s.api.Quotas.SecurityGroups {
		return nil, awswire.Errorf("SecurityGroupLimitExceeded", 400, "The maximum number of security groups has been reached.")
	}
	g := s.newGroup(in.VPC, in.Name, in.Description)
	s.setTags(g.ID, in.Tags["security-group"])
	return struct {
		Return bool       `xml:"return"`
		ID     string     `xml:"groupId"`
		ARN    string     `xml:"securityGroupArn"`
		Tags   items[tag] `xml:"tagSet"`
	}{true, g.ID, arn(s.region.Name, g.ID), s.tagSet(g.ID)}, nil
}

func (s *scope) deleteGroup(in one) (any, error) {
	g, err := find(s.SecurityGroups, kindGroup, in.ID)
	if err != nil {
		return nil, err
	}
	if g.Name == defaultGroup {
		return nil, awswire.Errorf("CannotDelete", 400, "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", g.ID)
	}
	if s.groupInUse(g) {
		return nil, awswire.Errorf("DependencyViolation", 400, "resource %s has a dependent object", g.ID)
	}
	s.forgetGroup(g)
	delete(s.SecurityGroups, g.ID)
	return done()
}

// groupInUse reports whether an interface has the group or another group's rule names it.
func (s *scope) groupInUse(g *state.SecurityGroup) bool {
	for _, i := range s.NetworkInterfaces {
		if slices.Contains(i.Groups, g.ID) {
			return true
		}
	}
	for _, other := range s.SecurityGroups {
		if other != g && slices.ContainsFunc(other.Rules, func(r state.SecurityGroupRule) bool { return r.Group == g.ID }) {
			return true
		}
	}
	return false
}

// forgetGroup removes the tags of a group that is about to go, and of its rules.
func (s *scope) forgetGroup(g *state.SecurityGroup) {
	for _, r := range g.Rules {
		delete(s.Tags, r.ID)
	}
	delete(s.Tags, g.ID)
}

// checkGroups refuses groups for an interface in a VPC that do not exist there, or are too many; none means the default group.
func (s *scope) checkGroups(vpc string, ids []string) ([]string, error) {
	if len(ids) > s.api.Quotas.GroupsPerENI {
		return nil, awswire.Errorf("SecurityGroupsPerInterfaceLimitExceeded", 400, "The maximum number of security groups per interface has been reached.")
	}
	for _, id := range ids {
		g, err := find(s.SecurityGroups, kindGroup, id)
		if err != nil {
			return nil, err
		}
		if g.VPC != vpc {
			return nil, awswire.Errorf("InvalidParameter", 400, "Security group %s and the subnet belong to different networks.", id)
		}
	}
	if len(ids) > 0 {
		return ids, nil
	}
	for _, g := range s.SecurityGroups {
		if g.VPC == vpc && g.Name == defaultGroup {
			return []string{g.ID}, nil
		}
	}
	return nil, nil
}
