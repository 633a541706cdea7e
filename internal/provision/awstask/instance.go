package awstask

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision/graph"
	"github.com/slipway-project/slipway/internal/provision/resource"
)

// How long an instance takes (facts/infrastructure.md section 5).
const (
	instanceStart = 40 * time.Second
	instanceEnd   = 45 * time.Second
)

// dataDevice is the name that the API gives the data volume; the node sees it by its ID.
const dataDevice = "/dev/sdf"

// Node is what one instance is made from.
type Node struct {
	cluster.NodeSpec
	Image   Image
	Subnet  resource.Key
	Protect bool // against termination by accident
}

// InstanceKey returns the key of a node's instance.
func InstanceKey(node string) resource.Key { return resource.NewKey(KindInstance, node) }

// later says what to do about a change of running nodes that cannot be made yet.
const later = "this cannot be changed on a running node yet: set it back, or replace the node by lowering and raising the count"

// Instance is one node's instance with its two volumes.
func (c *Cloud) Instance(n Node) resource.Task {
	key, group := InstanceKey(n.Name), GroupKey(string(n.Role))
	task := resource.Task{
		Key: key, Needs: after(n.Subnet, group, KeyPairKey, ProfileKey), Repeatable: true, // it has a client token
		Takes: instanceStart,
		Fields: []resource.Field{
			{Name: "type", Want: n.Type, Policy: resource.Refuse, Remedy: later},
			{Name: "zone", Want: n.Zone, Policy: resource.Refuse, Remedy: later},
			{Name: "image", Want: n.Image.Reference, Policy: resource.Refuse, Remedy: later},
			{Name: "security-group", Ref: group},
			{Name: "state", Want: stateRunning},
			{Name: "checks", Want: checksOK},
			{Name: "protect", Want: strconv.FormatBool(n.Protect)},
			{Name: "metadata", Want: safeMetadata},
		},
		Create: func(ctx context.Context, w *resource.World) (resource.Object, error) { return c.runInstance(ctx, w, n) },
		Update: c.updateInstance,
		Ready:  c.instanceReady,
	}
	task.Fields = append(task.Fields, diskFields(diskRoot, n.Root)...)
	task.Fields = append(task.Fields, diskFields(diskData, n.Data)...)
	return task
}

// The wanted values of an instance's fields.
const (
	stateRunning = "running"
	checksOK     = "ok"
	checksFailed = "impaired"
	safeMetadata = "token required, 2 hops" // IMDSv2; containers are the second hop
)

// diskFields are a volume's properties; IOPS are compared only where the document sets them.
func diskFields(name string, d cluster.Disk) []resource.Field {
	fields := []resource.Field{
		{Name: name + ".size", Want: strconv.Itoa(d.Size), Policy: resource.GrowOnly, Remedy: later},
		{Name: name + ".type", Want: d.Type, Policy: resource.Refuse, Remedy: later},
	}
	if d.IOPS > 0 {
		fields = append(fields, resource.Field{Name: name + ".iops", Want: strconv.Itoa(d.IOPS), Policy: resource.Refuse, Remedy: later})
	}
	return fields
}

// specHash is a short hash of what makes a node of this kind.
func specHash(n Node) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %+v %+v", n.Type, n.Zone, n.Image.Reference, n.Root, n.Data))
	return hex.EncodeToString(sum[:])[:12]
}

// generation of a node's first instance. Replacing nodes, which a later release brings, counts on from here.
const generation = "1"

// mostTokens bounds how many dead instances of one node may lie behind the living one within the life of AWS's client
// tokens, which is a day or more.
const mostTokens = 50

// runInstance starts the node's instance. The client token is made from what identifies it, so a repeated call gives
// the same instance; where that one is dead, or was started with other parameters, the next token is taken.
func (c *Cloud) runInstance(ctx context.Context, w *resource.World, n Node) (resource.Object, error) {
	if !c.profile.try() {
		return resource.Object{}, awaitProfile(errs.New(errs.Unavailable, "EC2 does not see the instance profile yet"))
	}
	key := InstanceKey(n.Name)
	in := c.runInput(w, n)
	for try := range mostTokens {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d", w.ID(VPCKey), key, generation, try))
		in.ClientToken = aws.String(hex.EncodeToString(sum[:]))
		out, err := c.aws.EC2.RunInstances(ctx, in)
		switch {
		case awsapi.IsCode(err, "IdempotentParameterMismatch", "IdempotentInstanceTerminated"):
			continue
		case awsapi.IsCode(err, "InvalidParameterValue") && profileUnknown(err):
			c.profile.refused()
			return resource.Object{}, awaitProfile(awsapi.Classify(err))
		case err != nil:
			return resource.Object{}, err
		}
		c.profile.passed()
		instance := out.Instances[0]
		if dead(instance) {
			continue
		}
		o := instanceObject(key, instance)
		o.Fields["checks"], o.Fields["protect"] = checksOK, strconv.FormatBool(n.Protect)
		o.Fields["image"], o.Fields["zone"] = n.Image.Reference, n.Zone
		o.Fields["security-group"] = w.ID(GroupKey(string(n.Role)))
		o.Fields["metadata"] = safeMetadata
		for _, f := range append(diskFields(diskRoot, n.Root), diskFields(diskData, n.Data)...) {
			o.Fields[f.Name] = f.Want
		}
		return o, nil
	}
	return resource.Object{}, errs.New(errs.Conflict, fmt.Sprintf("%d instances of %s were made and have died", mostTokens, n.Name)).
		WithRemedy("find out why in the EC2 console; a day later the node can be made again")
}

// awaitProfile marks an error that ends when IAM's news has reached EC2, usually after 5 to 15 s.
func awaitProfile(err error) error {
	return graph.NotYet(err, "EC2 to see the instance profile", 2*time.Minute)
}

// profileUnknown reports whether EC2 does not see yet an instance profile that IAM has made.
func profileUnknown(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "instance profile") || strings.Contains(text, "iaminstanceprofile")
}

func (c *Cloud) runInput(w *resource.World, n Node) *ec2.RunInstancesInput {
	key := InstanceKey(n.Name)
	own := []ec2types.Tag{
		tag(TagRole, string(n.Role)), tag(TagGroup, n.Group), tag(TagSpec, specHash(n)), tag(TagGeneration, generation), tag(TagImage, n.Image.Reference),
	}
	return &ec2.RunInstancesInput{
		MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		ImageId: aws.String(n.Image.ID), InstanceType: ec2types.InstanceType(n.Type), KeyName: aws.String(c.keyName()),
		IamInstanceProfile:    &ec2types.IamInstanceProfileSpecification{Name: aws.String(c.iamName())},
		DisableApiTermination: aws.Bool(n.Protect),
		MetadataOptions: &ec2types.InstanceMetadataOptionsRequest{
			HttpEndpoint: ec2types.InstanceMetadataEndpointStateEnabled, HttpTokens: ec2types.HttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(2),
		},
		NetworkInterfaces: []ec2types.InstanceNetworkInterfaceSpecification{{
			DeviceIndex: aws.Int32(0), SubnetId: aws.String(w.ID(n.Subnet)), Groups: []string{w.ID(GroupKey(string(n.Role)))},
			AssociatePublicIpAddress: aws.Bool(true), DeleteOnTermination: aws.Bool(true),
		}},
		BlockDeviceMappings: []ec2types.BlockDeviceMapping{
			blockDevice(n.Image.RootDevice, n.Root), blockDevice(dataDevice, n.Data),
		},
		TagSpecifications: append(append(
			c.tagged(ec2types.ResourceTypeInstance, key, own...),
			c.tagged(ec2types.ResourceTypeVolume, resource.NewKey(KindVolume, n.Name))...),
			c.tagged(ec2types.ResourceTypeNetworkInterface, resource.NewKey("network-interface", n.Name))...),
	}
}

func blockDevice(name string, d cluster.Disk) ec2types.BlockDeviceMapping {
	ebs := &ec2types.EbsBlockDevice{
		VolumeSize: aws.Int32(int32(d.Size)), VolumeType: ec2types.VolumeType(d.Type),
		Encrypted: aws.Bool(true), DeleteOnTermination: aws.Bool(true),
	}
	if d.IOPS > 0 {
		ebs.Iops = aws.Int32(int32(d.IOPS))
	}
	return ec2types.BlockDeviceMapping{DeviceName: aws.String(name), Ebs: ebs}
}

// updateInstance brings an instance back to how it was made: it runs, passes its checks, and has its settings.
func (c *Cloud) updateInstance(ctx context.Context, _ *resource.World, have resource.Object, changes []resource.FieldChange) error {
	id := aws.String(have.ID)
	for _, change := range changes {
		var err error
		switch change.Name {
		case "security-group":
			_, err = c.aws.EC2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: id, Groups: []string{change.New}})
		case "protect":
			_, err = c.aws.EC2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
				InstanceId: id, DisableApiTermination: &ec2types.AttributeBooleanValue{Value: aws.Bool(change.New == "true")},
			})
		case "metadata":
			_, err = c.aws.EC2.ModifyInstanceMetadataOptions(ctx, &ec2.ModifyInstanceMetadataOptionsInput{
				InstanceId: id, HttpEndpoint: ec2types.InstanceMetadataEndpointStateEnabled, HttpTokens: ec2types.HttpTokensStateRequired, HttpPutResponseHopLimit: aws.Int32(2),
			})
		case "state":
			err = c.startInstance(ctx, have.ID, change.Old)
		case "checks":
			err = c.restartInstance(ctx, have.ID)
		}
		if err != nil {
			return fmt.Errorf("change %s: %w", change.Name, err)
		}
	}
	return nil
}

// startInstance starts an instance that somebody stopped, once it has stopped.
func (c *Cloud) startInstance(ctx context.Context, id, state string) error {
	switch ec2types.InstanceStateName(state) {
	case ec2types.InstanceStateNameStopping:
		if err := c.awaitState(ctx, id, ec2types.InstanceStateNameStopped); err != nil {
			return err
		}
	case ec2types.InstanceStateNameStopped:
	default:
		return nil // it starts already
	}
	_, err := c.aws.EC2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
	return err
}

// restartInstance moves an instance whose checks fail to another machine, which stopping and starting does and a reboot
// does not. Its volumes stay; its public address changes.
func (c *Cloud) restartInstance(ctx context.Context, id string) error {
	_, err := c.aws.EC2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}, Force: aws.Bool(true)})
	if err != nil {
		return err
	}
	if err := c.awaitState(ctx, id, ec2types.InstanceStateNameStopped); err != nil {
		return err
	}
	_, err = c.aws.EC2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
	return err
}

func (c *Cloud) awaitState(ctx context.Context, id string, state ec2types.InstanceStateName) error {
	return c.instances.Wait(ctx, id, func(i ec2types.Instance, found bool) (bool, error) {
		if found && dead(i) {
			return false, died(i)
		}
		return found && i.State.Name == state, nil
	})
}

func (c *Cloud) instanceReady(ctx context.Context, w *resource.World, have resource.Object, note func(string)) error {
	note("waits for " + have.ID + " to run")
	return c.instances.Wait(ctx, have.ID, func(i ec2types.Instance, found bool) (bool, error) {
		switch {
		case found && dead(i):
			return false, died(i)
		case !found || i.State.Name != ec2types.InstanceStateNameRunning:
			return false, nil
		}
		w.Put(instanceObject(have.Key, i))
		return true, nil
	})
}

// died says why an instance ended by itself.
func died(i ec2types.Instance) error {
	why := "for no reason that AWS gives"
	if i.StateReason != nil {
		why = aws.ToString(i.StateReason.Message)
	}
	return errs.New(errs.Unavailable, fmt.Sprintf("%s was terminated: %s", aws.ToString(i.InstanceId), why)).
		WithRemedy("run the command again to make it anew")
}

// dead reports whether an instance is gone or going, and so counts as absent.
func dead(i ec2types.Instance) bool {
	return i.State != nil && (i.State.Name == ec2types.InstanceStateNameTerminated || i.State.Name == ec2types.InstanceStateNameShuttingDown)
}

// stateOf returns an instance's state.
func stateOf(i ec2types.Instance) string {
	if i.State == nil {
		return ""
	}
	return cmp.Or(string(i.State.Name), "unknown")
}

func (c *Cloud) instanceKind() resource.Kind {
	return resource.Kind{
		Name: KindInstance, Takes: instanceEnd,
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			if have.Fields["protect"] == "true" {
				// Whoever lowers a count means it; destroy has refused before it comes here.
				_, err := c.aws.EC2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
					InstanceId: aws.String(have.ID), DisableApiTermination: &ec2types.AttributeBooleanValue{Value: aws.Bool(false)},
				})
				if err := gone(err, "InvalidInstanceID.NotFound"); err != nil {
					return err
				}
			}
			_, err := c.aws.EC2.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{have.ID}})
			return gone(err, "InvalidInstanceID.NotFound")
		},
		Gone: func(ctx context.Context, have resource.Object, note func(string)) error {
			note("waits for " + have.ID + " to end")
			return c.instances.Wait(ctx, have.ID, func(i ec2types.Instance, found bool) (bool, error) {
				return !found || i.State.Name == ec2types.InstanceStateNameTerminated, nil
			})
		},
	}
}

// PinHostKey writes an instance's SSH host key into its tags.
func (c *Cloud) PinHostKey(ctx context.Context, instance, key string) error {
	_, err := c.aws.EC2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{instance}, Tags: []ec2types.Tag{tag(TagHostKey, key)}})
	return err
}
