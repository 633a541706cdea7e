package ec2_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
)

func TestVPCComesWithItsDefaults(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		before := e.cloud.Resources()
		v := must(e.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{
			CidrBlock: aws.String("10.1.2.3/16"), TagSpecifications: tags(types.ResourceTypeVpc, "Name", "one"),
		}))(t).Vpc
		if v.State != types.VpcStatePending || *v.CidrBlock != "10.1.0.0/16" || *v.Tags[0].Value != "one" {
			t.Errorf("created: %+v", v)
		}
		of := []types.Filter{filter("vpc-id", *v.VpcId)}
		tables := must(e.ec2.DescribeRouteTables(t.Context(), &ec2.DescribeRouteTablesInput{Filters: append(of, filter("association.main", "true"))}))(t).RouteTables
		if len(tables) != 1 || *tables[0].Routes[0].GatewayId != "local" || !*tables[0].Associations[0].Main {
			t.Errorf("main route table: %+v", tables)
		}
		groups := must(e.ec2.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{Filters: append(of, filter("group-name", "default"))}))(t).SecurityGroups
		if len(groups) != 1 || *groups[0].IpPermissions[0].UserIdGroupPairs[0].GroupId != *groups[0].GroupId ||
			*groups[0].IpPermissionsEgress[0].IpRanges[0].CidrIp != "0.0.0.0/0" {
			t.Errorf("default group: %+v", groups)
		}
		acls := must(e.ec2.DescribeNetworkAcls(t.Context(), &ec2.DescribeNetworkAclsInput{Filters: of}))(t).NetworkAcls
		if len(acls) != 1 || len(acls[0].Entries) != 4 {
			t.Errorf("network ACL: %+v", acls)
		}
		must(e.ec2.DeleteVpc(t.Context(), &ec2.DeleteVpcInput{VpcId: v.VpcId}))(t)
		if diff := cmp.Diff(before, e.cloud.Resources()); diff != "" {
			t.Errorf("a deleted VPC leaves something behind:\n%s", diff)
		}
	})
}

func TestVPCAttributes(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		vpc, _ := e.vpc(0)
		attribute := func(name types.VpcAttributeName) *ec2.DescribeVpcAttributeOutput {
			return must(e.ec2.DescribeVpcAttribute(t.Context(), &ec2.DescribeVpcAttributeInput{VpcId: &vpc, Attribute: name}))(t)
		}
		if !*attribute(types.VpcAttributeNameEnableDnsSupport).EnableDnsSupport.Value || *attribute(types.VpcAttributeNameEnableDnsHostnames).EnableDnsHostnames.Value {
			t.Error("a new VPC has no DNS support, or has DNS host names")
		}
		yes := &types.AttributeBooleanValue{Value: aws.Bool(true)}
		must(e.ec2.ModifyVpcAttribute(t.Context(), &ec2.ModifyVpcAttributeInput{VpcId: &vpc, EnableDnsHostnames: yes}))(t)
		if !*attribute(types.VpcAttributeNameEnableDnsHostnames).EnableDnsHostnames.Value {
			t.Error("the attribute did not change")
		}
		refused(e.ec2.ModifyVpcAttribute(t.Context(), &ec2.ModifyVpcAttributeInput{VpcId: &vpc, EnableDnsHostnames: yes, EnableDnsSupport: yes}))(t, "InvalidParameterCombination")
		refused(e.ec2.ModifyVpcAttribute(t.Context(), &ec2.ModifyVpcAttributeInput{VpcId: &vpc, EnableNetworkAddressUsageMetrics: yes}))(t, "UnknownParameter")
	})
}

func TestNetworkRefusals(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		vpc, subnets := e.vpc(1)
		subnet := func(cidr, zone string) (*ec2.CreateSubnetOutput, error) {
			return e.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: &vpc, CidrBlock: &cidr, AvailabilityZone: &zone})
		}
		refused(e.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/8")}))(t, "InvalidVpc.Range")
		refused(e.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{}))(t, "MissingParameter")
		refused(e.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16"), DryRun: aws.Bool(true)}))(t, "DryRunOperation")
		refused(subnet("172.31.0.128/25", region+"a"))(t, "InvalidSubnet.Conflict")
		refused(subnet("10.0.0.0/24", region+"a"))(t, "InvalidSubnet.Range")
		refused(subnet("172.31.9.0/29", region+"a"))(t, "InvalidSubnet.Range")
		refused(subnet("172.31.9.0/24", region+"x"))(t, "InvalidParameterValue")
		refused(e.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: aws.String("vpc-1"), CidrBlock: aws.String("10.0.0.0/24")}))(t, "InvalidVpcID.NotFound")
		refused(e.ec2.DeleteVpc(ctx, &ec2.DeleteVpcInput{VpcId: &vpc}))(t, "DependencyViolation")
		refused(e.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-0"}}))(t, "InvalidVpcID.NotFound")
		refused(e.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{filter("colour", "red")}}))(t, "InvalidParameterValue")
		refused(e.ec2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: aws.String("subnet-0")}))(t, "InvalidSubnetID.NotFound")

		gateways := must(e.ec2.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{Filters: []types.Filter{filter("attachment.vpc-id", vpc)}}))(t)
		igw := gateways.InternetGateways[0].InternetGatewayId
		refused(e.ec2.DeleteInternetGateway(ctx, &ec2.DeleteInternetGatewayInput{InternetGatewayId: igw}))(t, "DependencyViolation")
		refused(e.ec2.AttachInternetGateway(ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: igw, VpcId: &vpc}))(t, "Resource.AlreadyAssociated")
		e.launch(subnets[0], nil)
		refused(e.ec2.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: igw, VpcId: &vpc}))(t, "DependencyViolation")
		refused(e.ec2.DeleteSubnet(ctx, &ec2.DeleteSubnetInput{SubnetId: &subnets[0]}))(t, "DependencyViolation")

		for range 4 {
			must(e.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t)
			must(e.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{}))(t)
		}
		refused(e.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t, "VpcLimitExceeded")
		refused(e.ec2.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{}))(t, "InternetGatewayLimitExceeded")
	})
}

func TestRoutes(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		vpc, subnets := e.vpc(1)
		table := must(e.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter("association.subnet-id", subnets[0])}}))(t).RouteTables[0]
		id, igw := table.RouteTableId, table.Routes[1].GatewayId
		route := func(cidr string) *ec2.CreateRouteInput {
			return &ec2.CreateRouteInput{RouteTableId: id, DestinationCidrBlock: &cidr, GatewayId: igw}
		}
		must(e.ec2.CreateRoute(ctx, route("0.0.0.0/0")))(t) // the same again
		refused(e.ec2.CreateRoute(ctx, route("172.31.0.0/16")))(t, "RouteAlreadyExists")
		refused(e.ec2.CreateRoute(ctx, route("172.31.1.0/24")))(t, "InvalidParameterValue")
		refused(e.ec2.CreateRoute(ctx, route("300.0.0.0/8")))(t, "InvalidParameterValue")
		refused(e.ec2.DeleteRoute(ctx, &ec2.DeleteRouteInput{RouteTableId: id, DestinationCidrBlock: aws.String("10.0.0.0/8")}))(t, "InvalidRoute.NotFound")
		refused(e.ec2.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: id}))(t, "DependencyViolation")
		refused(e.ec2.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: aws.String("rtbassoc-0")}))(t, "InvalidAssociationID.NotFound")
		other := must(e.ec2.CreateRouteTable(ctx, &ec2.CreateRouteTableInput{VpcId: &vpc}))(t).RouteTable.RouteTableId
		refused(e.ec2.AssociateRouteTable(ctx, &ec2.AssociateRouteTableInput{RouteTableId: other, SubnetId: &subnets[0]}))(t, "Resource.AlreadyAssociated")

		must(e.ec2.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{RouteTableId: id, DestinationCidrBlock: aws.String("0.0.0.0/0"), GatewayId: igw}))(t)
		refused(e.ec2.ReplaceRoute(ctx, &ec2.ReplaceRouteInput{RouteTableId: id, DestinationCidrBlock: aws.String("10.0.0.0/8"), GatewayId: igw}))(t, "InvalidParameterValue")

		must(e.ec2.DetachInternetGateway(ctx, &ec2.DetachInternetGatewayInput{InternetGatewayId: igw, VpcId: &vpc}))(t)
		after := must(e.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{RouteTableIds: []string{*id}}))(t).RouteTables[0]
		if after.Routes[1].State != types.RouteStateBlackhole {
			t.Errorf("the route to a detached gateway is %s", after.Routes[1].State)
		}
		must(e.ec2.DisassociateRouteTable(ctx, &ec2.DisassociateRouteTableInput{AssociationId: table.Associations[0].RouteTableAssociationId}))(t)
		must(e.ec2.DeleteRouteTable(ctx, &ec2.DeleteRouteTableInput{RouteTableId: id}))(t)
	})
}

func TestClientTokenOfRouteTable(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		vpc, _ := e.vpc(0)
		in := &ec2.CreateRouteTableInput{VpcId: &vpc, ClientToken: aws.String("a")}
		first := must(e.ec2.CreateRouteTable(t.Context(), in))(t).RouteTable
		if second := must(e.ec2.CreateRouteTable(t.Context(), in))(t).RouteTable; *first.RouteTableId != *second.RouteTableId {
			t.Error("the same request with the same token made two tables")
		}
		in.TagSpecifications = tags(types.ResourceTypeRouteTable, "a", "b")
		refused(e.ec2.CreateRouteTable(t.Context(), in))(t, "IdempotentParameterMismatch")
	})
}

func TestSecurityGroups(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		vpc, subnets := e.vpc(1)
		group := func(name string) (*ec2.CreateSecurityGroupOutput, error) {
			return e.ec2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: aws.String("for the test"), VpcId: &vpc})
		}
		web, db := must(group("web"))(t).GroupId, must(group("db"))(t).GroupId
		refused(group("web"))(t, "InvalidGroup.Duplicate")
		refused(group("default"))(t, "InvalidParameterValue")
		refused(group("sg-web"))(t, "InvalidParameterValue")

		allow := func(id *string, p types.IpPermission) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
			return e.ec2.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
				GroupId: id, IpPermissions: []types.IpPermission{p}, TagSpecifications: tags(types.ResourceTypeSecurityGroupRule, "by", "test"),
			})
		}
		https := types.IpPermission{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(443), ToPort: aws.Int32(443),
			IpRanges: []types.IpRange{{CidrIp: aws.String("10.1.2.3/8"), Description: aws.String("inside")}, {CidrIp: aws.String("192.168.0.0/16")}},
		}
		fromWeb := types.IpPermission{IpProtocol: aws.String("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: web}}}
		rules := must(allow(web, https))(t).SecurityGroupRules
		if len(rules) != 2 || *rules[0].CidrIpv4 != "10.0.0.0/8" || *rules[0].Description != "inside" || *rules[0].Tags[0].Value != "test" {
			t.Errorf("rules: %+v", rules)
		}
		must(allow(db, fromWeb))(t)
		refused(allow(db, fromWeb))(t, "InvalidPermission.Duplicate")
		refused(allow(web, https))(t, "InvalidPermission.Duplicate")
		refused(allow(web, types.IpPermission{IpProtocol: aws.String("tcp"), IpRanges: https.IpRanges}))(t, "InvalidParameterValue")
		refused(allow(web, types.IpPermission{IpProtocol: aws.String("nonsense"), IpRanges: https.IpRanges}))(t, "InvalidParameterValue")
		refused(allow(web, types.IpPermission{IpProtocol: aws.String("-1")}))(t, "MissingParameter")
		refused(allow(web, types.IpPermission{IpProtocol: aws.String("-1"), Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: aws.String("::/0")}}}))(t, "UnknownParameter")
		refused(allow(web, types.IpPermission{IpProtocol: aws.String("-1"), UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: aws.String("sg-0")}}}))(t, "InvalidGroup.NotFound")
		refused(e.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: web}))(t, "DependencyViolation")

		shown := must(e.ec2.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*web}}))(t).SecurityGroups[0]
		if len(shown.IpPermissions) != 1 || len(shown.IpPermissions[0].IpRanges) != 2 || *shown.IpPermissions[0].ToPort != 443 {
			t.Errorf("permissions: %+v", shown.IpPermissions)
		}
		listed := must(e.ec2.DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{
			Filters: []types.Filter{filter("group-id", *web), filter("tag:by", "test")},
		}))(t).SecurityGroupRules
		if len(listed) != 2 {
			t.Errorf("rules by tag: %+v", listed)
		}
		revoke := &ec2.RevokeSecurityGroupIngressInput{GroupId: web, SecurityGroupRuleIds: []string{*rules[1].SecurityGroupRuleId}}
		must(e.ec2.RevokeSecurityGroupIngress(ctx, revoke))(t)
		refused(e.ec2.RevokeSecurityGroupIngress(ctx, revoke))(t, "InvalidSecurityGroupRuleId.NotFound")
		refused(e.ec2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: db, IpPermissions: []types.IpPermission{https}}))(t, "InvalidPermission.NotFound")
		must(e.ec2.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: db, IpPermissions: []types.IpPermission{fromWeb}}))(t)

		all := []types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}}
		refused(e.ec2.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: db, IpPermissions: all}))(t, "InvalidPermission.Duplicate")
		must(e.ec2.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: db, IpPermissions: all}))(t)
		must(e.ec2.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: db, IpPermissions: all}))(t)

		e.launch(subnets[0], func(in *ec2.RunInstancesInput) { in.SecurityGroupIds = []string{*web} })
		refused(e.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: web}))(t, "DependencyViolation")
		must(e.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: db}))(t)
		refused(e.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: db}))(t, "InvalidGroup.NotFound")
	})
}

func TestRulesPerGroupAreLimited(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		vpc, _ := e.vpc(0)
		id := must(e.ec2.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("g"), Description: aws.String("d"), VpcId: &vpc}))(t).GroupId
		p := types.IpPermission{IpProtocol: aws.String("-1")}
		for i := range 61 {
			p.IpRanges = append(p.IpRanges, types.IpRange{CidrIp: aws.String(fmt.Sprintf("10.0.%d.0/24", i))})
		}
		authorize := func(p types.IpPermission) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
			return e.ec2.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{GroupId: id, IpPermissions: []types.IpPermission{p}})
		}
		refused(authorize(p))(t, "RulesPerSecurityGroupLimitExceeded")
		p.IpRanges = p.IpRanges[:60]
		must(authorize(p))(t) // the refused call left nothing behind
	})
}

func TestSubnetsAndInterfacesAreFound(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		vpc, subnets := e.vpc(2)
		i := e.launch(subnets[1], func(in *ec2.RunInstancesInput) {
			in.TagSpecifications = tags(types.ResourceTypeNetworkInterface, "of", "one")
		})
		found := must(e.ec2.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("vpc-id", vpc), filter("availability-zone", region+"b")}}))(t).Subnets
		if len(found) != 1 || *found[0].SubnetId != subnets[1] || *found[0].AvailableIpAddressCount != 250 || !*found[0].MapPublicIpOnLaunch {
			t.Errorf("subnets: %+v", found)
		}
		interfaces := must(e.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
			Filters: []types.Filter{filter("attachment.instance-id", *i.InstanceId), filter("tag:of", "one")},
		}))(t).NetworkInterfaces
		if len(interfaces) != 1 || *interfaces[0].PrivateIpAddress != *i.PrivateIpAddress || *interfaces[0].Association.PublicIp != *i.PublicIpAddress {
			t.Errorf("interfaces: %+v", interfaces)
		}
		refused(e.ec2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{"eni-0"}}))(t, "InvalidNetworkInterfaceID.NotFound")
	})
}

func TestListsMayLagBehind(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		if err := e.cloud.Settings.Set(settings.Values{Latency: settings.AWS, Scale: 1, Lag: 2}); err != nil {
			t.Fatal(err)
		}
		id := must(e.ec2.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t).Vpc.VpcId
		list := func() int { return len(must(e.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}))(t).Vpcs) }
		if n := list(); n != 0 {
			t.Errorf("%d VPCs are listed at once", n)
		}
		refused(e.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{*id}}))(t, "InvalidVpcID.NotFound")
		must(e.ec2.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: id, CidrBlock: aws.String("10.0.0.0/24")}))(t) // its id can be used
		later(2 * time.Second)
		if n := list(); n != 1 {
			t.Errorf("%d VPCs are listed later, want 1", n)
		}
	})
}
