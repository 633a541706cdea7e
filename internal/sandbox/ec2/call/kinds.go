package call

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Kind is one sort of object: how its ids begin, what tags and policies call it, and how AWS says that there is none.
type Kind struct {
	Prefix   string
	Resource string // in TagSpecifications, DescribeTags and ARNs
	Code     string // of the refusal of an unknown id
	Noun     string // in its message
	Bad      string // code of the refusal of what cannot be an id; empty for Code
}

// The kinds.
//
//nolint:gochecknoglobals // constants that Go cannot declare as such
var (
	KindVPC         = Kind{"vpc", "vpc", "InvalidVpcID.NotFound", "vpc ID", ""}
	KindSubnet      = Kind{"subnet", "subnet", "InvalidSubnetID.NotFound", "subnet ID", ""}
	KindGateway     = Kind{"igw", "internet-gateway", "InvalidInternetGatewayID.NotFound", "internetGateway ID", ""}
	KindRouteTable  = Kind{"rtb", "route-table", "InvalidRouteTableID.NotFound", "routeTable ID", ""}
	KindAssociation = Kind{"rtbassoc", "", "InvalidAssociationID.NotFound", "association ID", ""}
	KindGroup       = Kind{"sg", "security-group", "InvalidGroup.NotFound", "security group", "InvalidGroupId.Malformed"}
	KindRule        = Kind{"sgr", "security-group-rule", "InvalidSecurityGroupRuleId.NotFound", "security group rule ID", ""}
	KindACL         = Kind{"acl", "network-acl", "InvalidNetworkAclID.NotFound", "networkAcl ID", ""}
	KindInterface   = Kind{"eni", "network-interface", "InvalidNetworkInterfaceID.NotFound", "networkInterface ID", ""}
	KindKeyPair     = Kind{"key", "key-pair", "InvalidKeyPair.NotFound", "key pair", ""}
	KindImage       = Kind{"ami", "image", "InvalidAMIID.NotFound", "image id", "InvalidAMIID.Malformed"}
	KindInstance    = Kind{"i", "instance", "InvalidInstanceID.NotFound", "instance ID", "InvalidInstanceID.Malformed"}
	KindVolume      = Kind{"vol", "volume", "InvalidVolume.NotFound", "volume", ""}

	kinds = []Kind{
		KindVPC, KindSubnet, KindGateway, KindRouteTable, KindAssociation, KindGroup, KindRule, KindACL, KindInterface,
		KindKeyPair, KindImage, KindInstance, KindVolume,
	}
)

// KindOf returns the kind that an id is of by its prefix.
func KindOf(id string) (Kind, bool) {
	prefix, _, _ := strings.Cut(id, "-")
	i := slices.IndexFunc(kinds, func(k Kind) bool { return k.Prefix == prefix })
	if i < 0 {
		return Kind{}, false
	}
	return kinds[i], true
}

// idDigits is what follows the prefix and the hyphen in an id.
var idDigits = regexp.MustCompile(`^[0-9a-f]+$`)

// NotFound is the refusal of an unknown id.
func (k Kind) NotFound(id string) error {
	if digits, ok := strings.CutPrefix(id, k.Prefix+"-"); k.Bad != "" && (!ok || !idDigits.MatchString(digits)) {
		return awswire.Errorf(k.Bad, 400, "Invalid id: \"%s\" (expecting \"%s-...\")", id, k.Prefix)
	}
	return awswire.Errorf(k.Code, 400, "The %s '%s' does not exist", k.Noun, id)
}

// Find returns the object of that id.
func Find[T any](all map[string]*T, k Kind, id string) (*T, error) {
	if o, ok := all[id]; ok {
		return o, nil
	}
	return nil, k.NotFound(id)
}

// ARN returns the name of an object in policies; of an id that is none, one that no statement will match by accident.
func ARN(region, id string) string {
	k, ok := KindOf(id)
	if !ok {
		k.Resource = "unknown"
	}
	return ARNOf(region, k.Resource, id)
}

// ARNOf returns the name of an object of a kind in policies; id may be *.
func ARNOf(region, resource, id string) string {
	return fmt.Sprintf("arn:aws:ec2:%s:%s:%s/%s", region, state.Account, resource, id)
}

// Sorted returns the objects of a map in the order of their ids.
func Sorted[T any](all map[string]*T) []*T {
	list := make([]*T, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[id])
	}
	return list
}

// Dependency is AWS's refusal to delete what something else still needs.
func Dependency(k Kind, id string) error {
	return awswire.Errorf("DependencyViolation", 400, "The %s '%s' has dependencies and cannot be deleted.", k.Noun, id)
}

// Invalid is the refusal of a parameter's value.
func Invalid(format string, args ...any) error {
	return awswire.Errorf("InvalidParameterValue", 400, format, args...)
}
