package vpc

import (
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// defaultGroup is the name of the group that comes with a VPC and goes with it.
const defaultGroup = "default"

type xmlGroup struct {
	ID          string                    `xml:"groupId"`
	ARN         string                    `xml:"securityGroupArn"`
	Name        string                    `xml:"groupName"`
	Description string                    `xml:"groupDescription"`
	Owner       string                    `xml:"ownerId"`
	VPC         string                    `xml:"vpcId"`
	Ingress     call.Items[xmlPermission] `xml:"ipPermissions"`
	Egress      call.Items[xmlPermission] `xml:"ipPermissionsEgress"`
	Tags        call.Items[call.Tag]      `xml:"tagSet"`
}

func groupID(g *state.SecurityGroup) string { return g.ID }

// eachRule makes a filter field with a value for each rule of one direction.
func eachRule(egress bool, f func(state.SecurityGroupRule) string) func(call.Row[state.SecurityGroup]) []string {
	return func(r call.Row[state.SecurityGroup]) (all []string) {
		for _, rule := range r.It.Rules {
			if rule.Egress == egress {
				all = append(all, f(rule))
			}
		}
		return all
	}
}

var groupListing = call.Listing[state.SecurityGroup, xmlGroup]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeSecurityGroups", Set: "securityGroupInfo", IDs: "GroupId", Kind: call.KindGroup,
	All: func(s *call.Scope) []*state.SecurityGroup { return call.Sorted(s.SecurityGroups) }, Key: groupID, Tags: call.TagsOf(groupID),
	Fields: call.Fields[state.SecurityGroup]{
		"group-id":                      call.Of(func(g *state.SecurityGroup) string { return g.ID }),
		"group-name":                    call.Of(func(g *state.SecurityGroup) string { return g.Name }),
		"description":                   call.Of(func(g *state.SecurityGroup) string { return g.Description }),
		"owner-id":                      call.Always[state.SecurityGroup](state.Account),
		"vpc-id":                        call.Of(func(g *state.SecurityGroup) string { return g.VPC }),
		"ip-permission.cidr":            eachRule(false, func(r state.SecurityGroupRule) string { return r.CIDR }),
		"ip-permission.group-id":        eachRule(false, func(r state.SecurityGroupRule) string { return r.Group }),
		"ip-permission.protocol":        eachRule(false, func(r state.SecurityGroupRule) string { return r.Protocol }),
		"egress.ip-permission.cidr":     eachRule(true, func(r state.SecurityGroupRule) string { return r.CIDR }),
		"egress.ip-permission.group-id": eachRule(true, func(r state.SecurityGroupRule) string { return r.Group }),
		"egress.ip-permission.protocol": eachRule(true, func(r state.SecurityGroupRule) string { return r.Protocol }),
	},
	Render: func(r call.Row[state.SecurityGroup]) xmlGroup {
		return xmlGroup{
			ID: r.It.ID, ARN: call.ARN(r.Region.Name, r.It.ID), Name: r.It.Name, Description: r.It.Description, Owner: state.Account, VPC: r.It.VPC,
			Ingress: permissions(r.It, false), Egress: permissions(r.It, true), Tags: r.TagSet(r.It.ID),
		}
	},
}

func groupActions(a *call.API) []awswire.Action {
	actions := []awswire.Action{
		call.Op[createGroupInput]{
			Name: "CreateSecurityGroup", Decode: decodeCreateGroup, Handle: createGroup,
			Touches: call.Only(func(in createGroupInput) string { return in.VPC }), Creates: func(in createGroupInput) call.TagSpecs { return in.Tags },
		}.Write(a),
		groupListing.On(a),
		ruleListing.On(a),
		call.Op[call.One]{Name: "DeleteSecurityGroup", Decode: call.DecodeOne("GroupId"), Handle: deleteGroup, Touches: call.OneID}.Write(a),
	}
	for direction, egress := range map[string]bool{"Ingress": false, "Egress": true} {
		touches := call.Only(func(in rulesInput) string { return in.Group })
		actions = append(actions,
			call.Op[rulesInput]{Name: "AuthorizeSecurityGroup" + direction, Decode: decodeAuthorize(egress), Handle: authorize, Touches: touches}.Write(a),
			call.Op[rulesInput]{Name: "RevokeSecurityGroup" + direction, Decode: decodeRevoke(egress), Handle: revoke, Touches: touches}.Write(a),
		)
	}
	return actions
}

type createGroupInput struct {
	Name, Description, VPC string
	Tags                   call.TagSpecs
}

func decodeCreateGroup(p *awswire.Params) createGroupInput {
	in := createGroupInput{
		Name: p.Required("GroupName"), Description: p.Required("GroupDescription"), VPC: p.Required("VpcId"),
		Tags: call.DecodeTagSpecs(p, "security-group"),
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
func newGroup(s *call.Scope, vpc, name, description string) *state.SecurityGroup {
	g := &state.SecurityGroup{ID: awswire.NewID("sg"), VPC: vpc, Name: name, Description: description}
	g.Rules = []state.SecurityGroupRule{{ID: awswire.NewID("sgr"), Egress: true, Protocol: "-1", From: -1, To: -1, CIDR: "0.0.0.0/0"}}
	s.SecurityGroups[g.ID] = g
	s.Hide(g.ID)
	return g
}

func createGroup(s *call.Scope, in createGroupInput) (any, error) {
	if _, err := call.Find(s.VPCs, call.KindVPC, in.VPC); err != nil {
		return nil, err
	}
	for _, g := range s.SecurityGroups {
		if g.VPC == in.VPC && g.Name == in.Name {
			return nil, awswire.Errorf("InvalidGroup.Duplicate", 400, "The security group '%s' already exists for VPC '%s'", in.Name, in.VPC)
		}
	}
	if len(s.SecurityGroups) >= s.API.Quotas.SecurityGroups {
		return nil, awswire.Errorf("SecurityGroupLimitExceeded", 400, "The maximum number of security groups has been reached.")
	}
	g := newGroup(s, in.VPC, in.Name, in.Description)
	s.SetTags(g.ID, in.Tags["security-group"])
	return struct {
		Return bool                 `xml:"return"`
		ID     string               `xml:"groupId"`
		ARN    string               `xml:"securityGroupArn"`
		Tags   call.Items[call.Tag] `xml:"tagSet"`
	}{true, g.ID, call.ARN(s.Region.Name, g.ID), s.TagSet(g.ID)}, nil
}

func deleteGroup(s *call.Scope, in call.One) (any, error) {
	g, err := call.Find(s.SecurityGroups, call.KindGroup, in.ID)
	if err != nil {
		return nil, err
	}
	if g.Name == defaultGroup {
		return nil, awswire.Errorf("CannotDelete", 400, "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", g.ID)
	}
	if groupInUse(s, g) {
		return nil, awswire.Errorf("DependencyViolation", 400, "resource %s has a dependent object", g.ID)
	}
	forgetGroup(s, g)
	delete(s.SecurityGroups, g.ID)
	return call.Done()
}

// groupInUse reports whether an interface has the group or another group's rule names it.
func groupInUse(s *call.Scope, g *state.SecurityGroup) bool {
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
func forgetGroup(s *call.Scope, g *state.SecurityGroup) {
	for _, r := range g.Rules {
		delete(s.Tags, r.ID)
	}
	delete(s.Tags, g.ID)
}

// CheckGroups refuses groups for an interface in a VPC that do not exist there, or are too many; none means the default group.
func CheckGroups(s *call.Scope, vpc string, ids []string) ([]string, error) {
	if len(ids) > s.API.Quotas.GroupsPerENI {
		return nil, awswire.Errorf("SecurityGroupsPerInterfaceLimitExceeded", 400, "The maximum number of security groups per interface has been reached.")
	}
	for _, id := range ids {
		g, err := call.Find(s.SecurityGroups, call.KindGroup, id)
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
