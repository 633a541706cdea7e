package ec2

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// kind is one sort of object: how its ids begin, what tags and policies call it, and how AWS says that there is none.
type kind struct {
	prefix   string
	resource string // in TagSpecifications, DescribeTags and ARNs
	code     string // of the refusal of an unknown id
	noun     string // in its message
}

// The kinds.
var ( //nolint:gochecknoglobals // constant tables
	kindVPC         = kind{"vpc", "vpc", "InvalidVpcID.NotFound", "vpc ID"}
	kindSubnet      = kind{"subnet", "subnet", "InvalidSubnetID.NotFound", "subnet ID"}
	kindGateway     = kind{"igw", "internet-gateway", "InvalidInternetGatewayID.NotFound", "internetGateway ID"}
	kindRouteTable  = kind{"rtb", "route-table", "InvalidRouteTableID.NotFound", "routeTable ID"}
	kindAssociation = kind{"rtbassoc", "", "InvalidAssociationID.NotFound", "association ID"}
	kindGroup       = kind{"sg", "security-group", "InvalidGroup.NotFound", "security group"}
	kindRule        = kind{"sgr", "security-group-rule", "InvalidSecurityGroupRuleId.NotFound", "security group rule ID"}
	kindACL         = kind{"acl", "network-acl", "InvalidNetworkAclID.NotFound", "networkAcl ID"}
	kindInterface   = kind{"eni", "network-interface", "InvalidNetworkInterfaceID.NotFound", "networkInterface ID"}
	kindKeyPair     = kind{"key", "key-pair", "InvalidKeyPair.NotFound", "key pair"}
	kindImage       = kind{"ami", "image", "InvalidAMIID.NotFound", "image id"}
	kindInstance    = kind{"i", "instance", "InvalidInstanceID.NotFound", "instance ID"}
	kindVolume      = kind{"vol", "volume", "InvalidVolume.NotFound", "volume"}

	kinds = []kind{
		kindVPC, kindSubnet, kindGateway, kindRouteTable, kindAssociation, kindGroup, kindRule, kindACL, kindInterface,
		kindKeyPair, kindImage, kindInstance, kindVolume,
	}
)

// kindOf returns the kind that an id is of by its prefix.
func kindOf(id string) (kind, bool) {
	prefix, _, _ := strings.Cut(id, "-")
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.prefix == prefix })
	if i < 0 {
		return kind{}, false
	}
	return kinds[i], true
}

// notFound is the refusal of an unknown id.
func (k kind) notFound(id string) error {
	return awswire.Errorf(k.code, 400, "The %s '%s' does not exist", k.noun, id)
}

// find returns the object of that id.
func find[T any](all map[string]*T, k kind, id string) (*T, error) {
	if o, ok := all[id]; ok {
		return o, nil
	}
	return nil, k.notFound(id)
}

// arn returns the name of an object in policies; of an id that is none, one that no statement will match by accident.
func arn(region, id string) string {
	k, ok := kindOf(id)
	if !ok {
		k.resource = "unknown"
	}
	return arnOf(region, k.resource, id)
}

func arnOf(region, resource, id string) string {
	return fmt.Sprintf("arn:aws:ec2:%s:%s:%s/%s", region, state.Account, resource, id)
}

// sorted returns the objects of a map in the order of their ids.
func sorted[T any](all map[string]*T) []*T {
	list := make([]*T, 0, len(all))
	for _, id := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[id])
	}
	return list
}

// dependency is AWS's refusal to delete what something else still needs.
func dependency(k kind, id string) error {
	return awswire.Errorf("DependencyViolation", 400, "The %s '%s' has dependencies and cannot be deleted.", k.noun, id)
}

// invalid is the refusal of a parameter's value.
func invalid(format string, args ...any) error {
	return awswire.Errorf("InvalidParameterValue", 400, format, args...)
}
