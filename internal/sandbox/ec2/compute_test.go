package ec2_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// publicKey is an SSH key that nobody has the private half of any more.
const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6FAKw3MTT5xRc3aTxwAPCyDm0PtFcb2c5EzTTs1lr5 test"

func TestKeyPairs(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		in := &ec2.ImportKeyPairInput{
			KeyName: aws.String("ops"), PublicKeyMaterial: []byte(publicKey), TagSpecifications: tags(types.ResourceTypeKeyPair, "team", "a"),
		}
		id := must(e.ec2.ImportKeyPair(ctx, in))(t).KeyPairId
		refused(e.ec2.ImportKeyPair(ctx, in))(t, "InvalidKeyPair.Duplicate")
		refused(e.ec2.ImportKeyPair(ctx, &ec2.ImportKeyPairInput{KeyName: aws.String("x"), PublicKeyMaterial: []byte("nonsense")}))(t, "InvalidKey.Format")
		keys := must(e.ec2.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{
			KeyNames: []string{"ops"}, Filters: []types.Filter{filter("tag:team", "a")}, IncludePublicKey: aws.Bool(true),
		}))(t).KeyPairs
		if len(keys) != 1 || *keys[0].KeyPairId != *id || *keys[0].PublicKey != publicKey || keys[0].KeyType != types.KeyTypeEd25519 || *keys[0].KeyFingerprint == "" {
			t.Errorf("key pairs: %+v", keys)
		}
		refused(e.ec2.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{KeyNames: []string{"other"}}))(t, "InvalidKeyPair.NotFound")
		for range 2 { // deleting what is not there is no fault
			must(e.ec2.DeleteKeyPair(ctx, &ec2.DeleteKeyPairInput{KeyName: aws.String("ops")}))(t)
		}
		if left := must(e.ec2.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{}))(t).KeyPairs; len(left) != 0 {
			t.Errorf("left: %+v", left)
		}
	})
}

func TestRunInstancesRefusals(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		_, subnets := e.vpc(1)
		otherVPC := must(e.ec2.CreateVpc(t.Context(), &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")}))(t).Vpc.VpcId
		foreign := must(e.ec2.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: aws.String("g"), Description: aws.String("d"), VpcId: otherVPC}))(t).GroupId
		image := e.debian()
		ebs := func(name string, size int32) []types.BlockDeviceMapping {
			return []types.BlockDeviceMapping{{DeviceName: &name, Ebs: &types.EbsBlockDevice{VolumeSize: &size}}}
		}
		tests := map[string]struct {
			change func(*ec2.RunInstancesInput)
			code   string
		}{
			"unknown image":    {func(in *ec2.RunInstancesInput) { in.ImageId = aws.String("ami-0") }, "InvalidAMIID.NotFound"},
			"unknown type":     {func(in *ec2.RunInstancesInput) { in.InstanceType = "m99.huge" }, "InvalidParameterValue"},
			"unknown key":      {func(in *ec2.RunInstancesInput) { in.KeyName = aws.String("nobody") }, "InvalidKeyPair.NotFound"},
			"unknown subnet":   {func(in *ec2.RunInstancesInput) { in.SubnetId = aws.String("subnet-0") }, "InvalidSubnetID.NotFound"},
			"no subnet":        {func(in *ec2.RunInstancesInput) { in.SubnetId = nil }, "VPCIdNotSpecified"},
			"unknown group":    {func(in *ec2.RunInstancesInput) { in.SecurityGroupIds = []string{"sg-0"} }, "InvalidGroup.NotFound"},
			"group of another": {func(in *ec2.RunInstancesInput) { in.SecurityGroupIds = []string{*foreign} }, "InvalidParameter"},
			"unknown profile": {func(in *ec2.RunInstancesInput) {
				in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: aws.String("nobody")}
			}, "InvalidParameterValue"},
			"small root":      {func(in *ec2.RunInstancesInput) { in.BlockDeviceMappings = ebs("/dev/xvda", 4) }, "InvalidBlockDeviceMapping"},
			"bad device name": {func(in *ec2.RunInstancesInput) { in.BlockDeviceMappings = ebs("/etc/passwd", 10) }, "InvalidParameterValue"},
			"device twice": {func(in *ec2.RunInstancesInput) {
				in.BlockDeviceMappings = append(ebs("/dev/sdf", 10), ebs("/dev/sdf", 10)...)
			}, "InvalidBlockDeviceMapping"},
			"min over max":  {func(in *ec2.RunInstancesInput) { in.MinCount = aws.Int32(2) }, "InvalidParameterValue"},
			"count of none": {func(in *ec2.RunInstancesInput) { in.MinCount = aws.Int32(0) }, "InvalidParameterValue"},
			"wrong zone": {func(in *ec2.RunInstancesInput) {
				in.Placement = &types.Placement{AvailabilityZone: aws.String(region + "b")}
			}, "InvalidParameterValue"},
			"router's address":      {func(in *ec2.RunInstancesInput) { in.PrivateIpAddress = aws.String("172.31.0.1") }, "InvalidParameterValue"},
			"too many vCPUs":        {func(in *ec2.RunInstancesInput) { in.MinCount, in.MaxCount = aws.Int32(129), aws.Int32(129) }, "VcpuLimitExceeded"},
			"dry run":               {func(in *ec2.RunInstancesInput) { in.DryRun = aws.Bool(true) }, "DryRunOperation"},
			"not known here":        {func(in *ec2.RunInstancesInput) { in.KernelId = aws.String("aki-1") }, "UnknownParameter"},
			"tag of what it is not": {func(in *ec2.RunInstancesInput) { in.TagSpecifications = tags(types.ResourceTypeVpc, "a", "b") }, "InvalidParameterValue"},
			"interface and subnet": {func(in *ec2.RunInstancesInput) {
				in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), SubnetId: &subnets[0]}}
			}, "InvalidParameterCombination"},
		}
		before := e.cloud.Resources()
		for name, test := range tests {
			in := &ec2.RunInstancesInput{ImageId: image, InstanceType: "m5.large", MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &subnets[0]}
			test.change(in)
			t.Log(name)
			refused(e.ec2.RunInstances(t.Context(), in))(t, test.code)
		}
		if after := e.cloud.Resources(); len(after) != len(before) {
			t.Errorf("refused launches left something behind: %v", after)
		}
	})
}

func TestRunInstancesIsIdempotent(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		_, subnets := e.vpc(1)
		in := &ec2.RunInstancesInput{
			ImageId: e.debian(), InstanceType: "m5.large", MinCount: aws.Int32(2), MaxCount: aws.Int32(2), ClientToken: aws.String("token"),
			NetworkInterfaces: []types.InstanceNetworkInterfaceSpecification{{
				DeviceIndex: aws.Int32(0), SubnetId: &subnets[0], AssociatePublicIpAddress: aws.Bool(false),
			}},
		}
		first := must(e.ec2.RunInstances(t.Context(), in))(t)
		again := must(e.ec2.RunInstances(t.Context(), in))(t)
		if len(first.Instances) != 2 || len(again.Instances) != 2 || *first.ReservationId != *again.ReservationId || first.Instances[0].PublicIpAddress != nil {
			t.Errorf("first %+v, again %+v", first, again)
		}
		in.InstanceType = "m5.xlarge"
		refused(e.ec2.RunInstances(t.Context(), in))(t, "IdempotentParameterMismatch")
		in.InstanceType = "m5.large"
		must(e.ec2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{*first.Instances[0].InstanceId}}))(t)
		refused(e.ec2.RunInstances(t.Context(), in))(t, "IdempotentInstanceTerminated")
	})
}

func TestInstanceProfileIsUsableAfterAWhile(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx, client := t.Context(), iam.NewFromConfig(e.cloud.AWS(region))
		_, subnets := e.vpc(1)
		trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
		must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("node"), AssumeRolePolicyDocument: &trust}))(t)
		must(client.CreateInstanceProfile(ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String("node")}))(t)
		must(client.AddRoleToInstanceProfile(ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String("node"), RoleName: aws.String("node")}))(t)
		in := &ec2.RunInstancesInput{
			ImageId: e.debian(), InstanceType: "m5.large", MinCount: aws.Int32(1), MaxCount: aws.Int32(1), SubnetId: &subnets[0],
			IamInstanceProfile: &types.IamInstanceProfileSpecification{Name: aws.String("node")},
		}
		refused(e.ec2.RunInstances(ctx, in))(t, "InvalidParameterValue")
		later(10 * time.Second)
		if i := must(e.ec2.RunInstances(ctx, in))(t).Instances[0]; i.IamInstanceProfile == nil || *i.IamInstanceProfile.Arn != "arn:aws:iam::123456789012:instance-profile/node" {
			t.Errorf("profile: %+v", i.IamInstanceProfile)
		}
	})
}

func TestInstancesAreFoundByFilters(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		vpc, subnets := e.vpc(2)
		a := e.launch(subnets[0], func(in *ec2.RunInstancesInput) {
			in.TagSpecifications = tags(types.ResourceTypeInstance, "role", "manager")
		})
		b := e.launch(subnets[1], func(in *ec2.RunInstancesInput) {
			in.TagSpecifications = tags(types.ResourceTypeInstance, "role", "worker")
		})
		later(time.Minute)
		for name, test := range map[string]struct {
			filters []types.Filter
			want    []*string
		}{
			"tag":       {[]types.Filter{filter("tag:role", "manager")}, []*string{a.InstanceId}},
			"wildcard":  {[]types.Filter{filter("tag:role", "*er")}, []*string{a.InstanceId, b.InstanceId}},
			"tag key":   {[]types.Filter{filter("tag-key", "role")}, []*string{a.InstanceId, b.InstanceId}},
			"both":      {[]types.Filter{filter("tag:role", "manager"), filter("availability-zone", region+"b")}, nil},
			"zone":      {[]types.Filter{filter("availability-zone", region+"b")}, []*string{b.InstanceId}},
			"vpc":       {[]types.Filter{filter("vpc-id", vpc), filter("instance-state-name", "running")}, []*string{a.InstanceId, b.InstanceId}},
			"address":   {[]types.Filter{filter("private-ip-address", *b.PrivateIpAddress)}, []*string{b.InstanceId}},
			"public":    {[]types.Filter{filter("ip-address", *a.PublicIpAddress)}, []*string{a.InstanceId}},
			"state":     {[]types.Filter{filter("instance-state-name", "stopped", "pending")}, nil},
			"no volume": {[]types.Filter{filter("block-device-mapping.volume-id", "vol-0")}, nil},
		} {
			found := map[string]bool{}
			for _, r := range must(e.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{Filters: test.filters}))(t).Reservations {
				for _, i := range r.Instances {
					found[*i.InstanceId] = true
				}
			}
			if len(found) != len(test.want) {
				t.Errorf("%s: found %v, want %d", name, found, len(test.want))
			}
			for _, id := range test.want {
				if !found[*id] {
					t.Errorf("%s: %s is missing", name, *id)
				}
			}
		}
		refused(e.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{Filters: []types.Filter{filter("shoe-size", "44")}}))(t, "InvalidParameterValue")
		refused(e.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{"i-0"}}))(t, "InvalidInstanceID.NotFound")
		refused(e.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{"sofa"}}))(t, "InvalidInstanceID.Malformed")
	})
}

func TestDescribePages(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		_, subnets := e.vpc(1)
		e.launch(subnets[0], func(in *ec2.RunInstancesInput) { in.MinCount, in.MaxCount = aws.Int32(3), aws.Int32(7) })
		seen := map[string]bool{}
		pages := ec2.NewDescribeInstancesPaginator(e.ec2, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(3)})
		n := 0
		for ; pages.HasMorePages(); n++ {
			for _, r := range must(pages.NextPage(t.Context()))(t).Reservations {
				for _, i := range r.Instances {
					seen[*i.InstanceId] = true
				}
			}
		}
		if n != 3 || len(seen) != 7 {
			t.Errorf("%d instances on %d pages, want 7 on 3", len(seen), n)
		}
		refused(e.ec2.DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{NextToken: aws.String("?")}))(t, "InvalidNextToken")
	})
}

func TestInstanceAttributes(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		_, subnets := e.vpc(1)
		i := e.launch(subnets[0], func(in *ec2.RunInstancesInput) { in.DisableApiTermination = aws.Bool(true) })
		id := i.InstanceId
		later(time.Minute)
		terminate := &ec2.TerminateInstancesInput{InstanceIds: []string{*id}}
		refused(e.ec2.TerminateInstances(ctx, terminate))(t, "OperationNotPermitted")
		refused(e.ec2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: id, InstanceType: &types.AttributeValue{Value: aws.String("m5.xlarge")}}))(t, "IncorrectInstanceState")
		refused(e.ec2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: id}))(t, "InvalidParameterCombination")
		refused(e.ec2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: id, Groups: []string{"sg-0"}}))(t, "InvalidGroup.NotFound")
		protection := func() bool {
			return *must(e.ec2.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: id, Attribute: "disableApiTermination"}))(t).DisableApiTermination.Value
		}
		if !protection() {
			t.Error("the instance is not protected")
		}
		must(e.ec2.ModifyInstanceMetadataOptions(ctx, &ec2.ModifyInstanceMetadataOptionsInput{InstanceId: id, HttpPutResponseHopLimit: aws.Int32(3)}))(t)
		if got := *e.instance(id).MetadataOptions.HttpPutResponseHopLimit; got != 3 {
			t.Errorf("hop limit %d, want 3", got)
		}
		must(e.ec2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{*id}, Force: aws.Bool(true)}))(t)
		later(time.Minute)
		must(e.ec2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: id, InstanceType: &types.AttributeValue{Value: aws.String("m5.xlarge")}}))(t)
		if got := e.instance(id).InstanceType; got != "m5.xlarge" {
			t.Errorf("type %s, want m5.xlarge", got)
		}
		refused(e.ec2.RebootInstances(ctx, &ec2.RebootInstancesInput{InstanceIds: []string{*id}}))(t, "IncorrectInstanceState")
		must(e.ec2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: id, DisableApiTermination: &types.AttributeBooleanValue{Value: aws.Bool(false)}}))(t)
		if protection() {
			t.Error("the instance is still protected")
		}
		must(e.ec2.TerminateInstances(ctx, terminate))(t)
		later(time.Minute)
		must(e.ec2.TerminateInstances(ctx, terminate))(t) // again is no fault
		refused(e.ec2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{*id}}))(t, "IncorrectInstanceState")
	})
}

func TestCatalog(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		zones := must(e.ec2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{filter("state", "available")}}))(t).AvailabilityZones
		if len(zones) != 6 || *zones[0].ZoneName != "us-east-1a" || *zones[0].ZoneId != "use1-az1" {
			t.Errorf("zones: %+v", zones)
		}
		ts := must(e.ec2.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"m5.large", "t2.medium"}}))(t).InstanceTypes
		if len(ts) != 2 || *ts[0].VCpuInfo.DefaultVCpus != 2 || *ts[0].MemoryInfo.SizeInMiB != 8192 || ts[0].Hypervisor != "nitro" || ts[1].Hypervisor != "xen" {
			t.Errorf("types: %+v", ts)
		}
		refused(e.ec2.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"m4.medium"}}))(t, "InvalidInstanceType")
		offers := must(e.ec2.DescribeInstanceTypeOfferings(ctx, &ec2.DescribeInstanceTypeOfferingsInput{
			LocationType: types.LocationTypeAvailabilityZone, Filters: []types.Filter{filter("instance-type", "m5.large")},
		}))(t).InstanceTypeOfferings
		if len(offers) != 6 {
			t.Errorf("offerings: %+v", offers)
		}
		if regions := must(e.ec2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{}))(t).Regions; len(regions) != 6 {
			t.Errorf("regions: %+v", regions)
		}
		images := must(e.ec2.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{*e.debian()}}))(t).Images
		if len(images) != 1 || *images[0].RootDeviceName != "/dev/xvda" || *images[0].BlockDeviceMappings[0].Ebs.VolumeSize != 8 {
			t.Errorf("image: %+v", images)
		}
		attributes := must(e.ec2.DescribeAccountAttributes(ctx, &ec2.DescribeAccountAttributesInput{AttributeNames: []types.AccountAttributeName{"default-vpc"}}))(t).AccountAttributes
		if len(attributes) != 1 || *attributes[0].AttributeValues[0].AttributeValue != "none" {
			t.Errorf("attributes: %+v", attributes)
		}
	})
}

func TestTags(t *testing.T) {
	inCloud(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		vpc, subnets := e.vpc(1)
		add := func(id, key, value string) (*ec2.CreateTagsOutput, error) {
			return e.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: []types.Tag{{Key: &key, Value: &value}}})
		}
		must(add(vpc, "a", "1"))(t)
		must(add(vpc, "b", "2"))(t)
		must(add(subnets[0], "a", "1"))(t)
		refused(add("vpc-0", "a", "1"))(t, "InvalidVpcID.NotFound")
		refused(add("nonsense", "a", "1"))(t, "InvalidID")
		refused(add(vpc, "aws:a", "1"))(t, "InvalidParameterValue")
		listed := must(e.ec2.DescribeTags(ctx, &ec2.DescribeTagsInput{Filters: []types.Filter{filter("key", "a"), filter("resource-type", "subnet", "vpc")}}))(t).Tags
		if len(listed) != 2 {
			t.Errorf("tags: %+v", listed)
		}
		byTag := must(e.ec2.DescribeTags(ctx, &ec2.DescribeTagsInput{Filters: []types.Filter{filter("tag:b", "2")}}))(t).Tags
		if len(byTag) != 1 || *byTag[0].ResourceId != vpc {
			t.Errorf("tags by key and value: %+v", byTag)
		}
		remove := func(tag types.Tag) {
			must(e.ec2.DeleteTags(ctx, &ec2.DeleteTagsInput{Resources: []string{vpc}, Tags: []types.Tag{tag}}))(t)
		}
		remove(types.Tag{Key: aws.String("a"), Value: aws.String("other")})
		remove(types.Tag{Key: aws.String("b")})
		if left := must(e.ec2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{vpc}}))(t).Vpcs[0].Tags; len(left) != 1 || *left[0].Key != "a" {
			t.Errorf("left: %+v", left)
		}
	})
}
