package awstask

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision/graph"
	"github.com/slipway-project/slipway/internal/provision/resource"
	"github.com/slipway-project/slipway/internal/provision/watch"
)

// The tags that say whose a resource is and which.
const (
	TagCluster    = "slipway:cluster"
	TagKey        = "slipway:key"
	TagRole       = "slipway:role"
	TagGroup      = "slipway:group"
	TagSpec       = "slipway:spec"       // hash of what the node was made from
	TagGeneration = "slipway:generation" // grows when a node is replaced
	TagImage      = "slipway:image"      // the image as the document named it
	TagHostKey    = "slipway:hostkey"    // pinned SSH host key
)

// Cloud is one cluster's place in AWS.
type Cloud struct {
	aws       *awsapi.Clients
	cluster   string
	instances *watch.Group[ec2types.Instance]
	volumes   *watch.Group[ec2types.Volume]
	profile   gate // while EC2 does not see the instance profile
}

// New returns the place of the named cluster in the clients' account and region.
func New(clients *awsapi.Clients, cluster string) *Cloud {
	c := &Cloud{aws: clients, cluster: cluster}
	c.instances = watch.New(graph.Pace{Least: 250 * time.Millisecond}, c.instancesByID)
	c.volumes = watch.New(graph.Pace{Least: 250 * time.Millisecond}, c.volumesByID)
	return c
}

// Finders returns how everything of the cluster is found.
func (c *Cloud) Finders() []resource.Finder {
	return []resource.Finder{
		c.findVPCs(), c.findNetworks(), c.findGateways(), c.findGroups(), c.findKeyPairs(),
		c.findInstances(),
		c.findBalancers(), c.findTargets(),
		c.findRoles(), c.findProfiles(),
	}
}

// Kinds returns how everything of the cluster is removed.
func (c *Cloud) Kinds() []resource.Kind {
	return []resource.Kind{
		c.vpcKind(), c.subnetKind(), c.gatewayKind(), c.attachmentKind(), c.routeTableKind(), routeKind(), c.associationKind(),
		c.groupKind(), c.rulesKind(), c.keyPairKind(), c.instanceKind(), c.volumeKind(),
		c.balancerKind(), c.listenerKind(), c.targetGroupKind(), targetsKind(),
		c.roleKind(), c.rolePolicyKind(), c.profileKind(),
	}
}

// The kinds of resources.
const (
	KindVPC         = "vpc"
	KindSubnet      = "subnet"
	KindGateway     = "internet-gateway"
	KindAttachment  = "attachment"
	KindRouteTable  = "route-table"
	KindRoute       = "route"
	KindAssociation = "association"
	KindGroup       = "security-group"
	KindRules       = "rules"
	KindKeyPair     = "key-pair"
	KindInstance    = "instance"
	KindVolume      = "volume"
	KindBalancer    = "load-balancer"
	KindListener    = "listener"
	KindTargetGroup = "target-group"
	KindTargets     = "targets"
	KindRole        = "role"
	KindRolePolicy  = "role-policy"
	KindProfile     = "instance-profile"
)

// VPCKey is the key of the cluster's only VPC.
const VPCKey resource.Key = KindVPC + "/main"

// inVPC is the field of everything that lives in the VPC and cannot move.
func inVPC() resource.Field {
	return resource.Field{Name: "vpc", Policy: resource.Refuse, Ref: VPCKey}
}

// after is a need to exist.
func after(keys ...resource.Key) []resource.Need {
	needs := make([]resource.Need, len(keys))
	for i, k := range keys {
		needs[i].Key = k
	}
	return needs
}

// mine filters for the cluster's own.
func (c *Cloud) mine() []ec2types.Filter {
	return []ec2types.Filter{{Name: aws.String("tag:" + TagCluster), Values: []string{c.cluster}}}
}

// tagged says that a resource of the type is born with its identity and a name for people.
func (c *Cloud) tagged(kind ec2types.ResourceType, key resource.Key, more ...ec2types.Tag) []ec2types.TagSpecification {
	tags := append([]ec2types.Tag{tag(TagCluster, c.cluster), tag(TagKey, string(key)), tag("Name", c.nameOf(key))}, more...)
	return []ec2types.TagSpecification{{ResourceType: kind, Tags: tags}}
}

func tag(name, value string) ec2types.Tag {
	return ec2types.Tag{Key: aws.String(name), Value: aws.String(value)}
}

// nameOf returns the name that consoles show.
func (c *Cloud) nameOf(key resource.Key) string {
	if key.Name() == "main" {
		return c.cluster
	}
	return c.cluster + "-" + key.Name()
}

func tagOf(tags []ec2types.Tag, name string) string {
	for _, t := range tags {
		if aws.ToString(t.Key) == name {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// keyOf returns the identity in an object's tags. What carries the cluster's tag but no usable key is ours all the same:
// its ID becomes its name, so that destroy finds it.
func keyOf(tags []ec2types.Tag, kind, id string) resource.Key {
	if key := resource.Key(tagOf(tags, TagKey)); key.Kind() == kind && key.Name() != "" {
		return key
	}
	return resource.NewKey(kind, id)
}

// hashed returns a name of at most 32 characters for kinds that are found by it.
func (c *Cloud) hashed(key resource.Key) string {
	sum := sha256.Sum256([]byte(c.aws.Region + "\n" + c.cluster + "\n" + string(key)))
	return c.cluster + "-" + hex.EncodeToString(sum[:])[:7]
}

// pager is any of the SDK's paginators.
type pager[P, O any] interface {
	HasMorePages() bool
	NextPage(ctx context.Context, options ...func(*O)) (P, error)
}

// pages calls each with every page.
func pages[P, O any](ctx context.Context, p pager[P, O], each func(P)) error {
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		each(page)
	}
	return nil
}

// gone makes nothing of an error that says that a thing does not exist.
func gone(err error, codes ...string) error {
	if awsapi.IsCode(err, codes...) {
		return nil
	}
	return err
}

// Settle classes an error of making or changing something. What AWS does not see yet although it was just made is only a
// matter of time.
func Settle(err error) error {
	classed := awsapi.Classify(err)
	if awsapi.IsCode(err, "InvalidVpcID.NotFound", "InvalidSubnetID.NotFound", "InvalidSubnet.NotFound", "InvalidGroup.NotFound",
		"InvalidInternetGatewayID.NotFound", "InvalidRouteTableID.NotFound", "InvalidInstanceID.NotFound", "InvalidKeyPair.NotFound",
		"InvalidGatewayID.NotFound", "InvalidAssociationID.NotFound", "NoSuchEntity", "TargetGroupNotFound", "LoadBalancerNotFound",
		"SubnetNotFound", "InvalidSecurityGroup", "InvalidTarget", "IncorrectState") || unattached(err) {
		return graph.NotYet(classed, "AWS to see what was just made", 2*time.Minute)
	}
	return classed
}

// unattached reports whether AWS does not see yet that the internet gateway is attached: load balancers and routes need it.
func unattached(err error) bool {
	switch awsapi.Code(err) {
	case "InvalidSubnet":
		return strings.Contains(err.Error(), "no internet gateway")
	case "InvalidParameterValue":
		return strings.Contains(err.Error(), "belong to different networks")
	default:
		return false
	}
}

// Removing classes an error of removing something that is not classed yet, and makes nothing of one that says that it is
// gone already.
func Removing(err error) error {
	if err == nil || errs.Is(awsapi.Classify(err), errs.NotFound) {
		return nil
	}
	return awsapi.Classify(err)
}

// blocked classes an error of removing something: while others still depend on it, it waits and names them.
func blocked(err error, by func() string) error {
	if err == nil {
		return nil
	}
	classed := awsapi.Classify(err)
	if !awsapi.IsCode(err, "DependencyViolation", "VolumeInUse", "ResourceInUse", "DeleteConflict", "InvalidGroup.InUse", "InUse",
		"IncorrectState", "IncorrectInstanceState") {
		return classed
	}
	what := by()
	if what == "" {
		what = "AWS to let go of it"
	}
	return graph.NotYet(fmt.Errorf("still used by %s: %w", what, classed), what, 0)
}
