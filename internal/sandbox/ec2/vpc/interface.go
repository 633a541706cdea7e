package vpc

import (
	"cmp"
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlInterface struct {
	ID               string                `xml:"networkInterfaceId"`
	Subnet           string                `xml:"subnetId"`
	VPC              string                `xml:"vpcId"`
	Zone             string                `xml:"availabilityZone"`
	Description      string                `xml:"description"`
	Owner            string                `xml:"ownerId"`
	RequesterManaged bool                  `xml:"requesterManaged"`
	Status           string                `xml:"status"`
	MAC              string                `xml:"macAddress"`
	PrivateIP        string                `xml:"privateIpAddress"`
	PrivateDNS       string                `xml:"privateDnsName"`
	SourceDestCheck  bool                  `xml:"sourceDestCheck"`
	Groups           call.Items[GroupName] `xml:"groupSet"`
	Attachment       *InterfaceAttachment  `xml:"attachment"`
	Association      *PublicAddress        `xml:"association"`
	Type             string                `xml:"interfaceType"`
	Addresses        call.Items[Address]   `xml:"privateIpAddressesSet"`
	Tags             call.Items[call.Tag]  `xml:"tagSet"`
}

// GroupName is a security group as interfaces and instances show it.
type GroupName struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

// InterfaceAttachment is what an interface is attached to.
type InterfaceAttachment struct {
	ID                  string       `xml:"attachmentId"`
	Instance            string       `xml:"instanceId,omitempty"`
	InstanceOwner       string       `xml:"instanceOwnerId,omitempty"`
	DeviceIndex         int          `xml:"deviceIndex"`
	Status              string       `xml:"status"`
	Time                awswire.Time `xml:"attachTime"`
	DeleteOnTermination bool         `xml:"deleteOnTermination"`
	NetworkCard         int          `xml:"networkCardIndex"`
}

// PublicAddress is the public address of an interface.
type PublicAddress struct {
	IP    string `xml:"publicIp"`
	DNS   string `xml:"publicDnsName"`
	Owner string `xml:"ipOwnerId"`
}

// Address is one private address of an interface.
type Address struct {
	IP          string         `xml:"privateIpAddress"`
	DNS         string         `xml:"privateDnsName"`
	Primary     bool           `xml:"primary"`
	Association *PublicAddress `xml:"association"`
}

// AttachmentOf returns how an interface is attached; nil if it is to nothing.
func AttachmentOf(i *state.NetworkInterface) *InterfaceAttachment {
	switch {
	case i.Instance != "":
		return &InterfaceAttachment{
			ID: i.Attachment, Instance: i.Instance, InstanceOwner: state.Account, Status: "attached", Time: awswire.At(i.AttachTime),
			DeleteOnTermination: i.DeleteOnTermination,
		}
	case i.LoadBalancer != "" || !i.Release.IsZero():
		return &InterfaceAttachment{ID: i.Attachment, InstanceOwner: "amazon-elb", DeviceIndex: 1, Status: "attached", Time: awswire.At(i.AttachTime)}
	}
	return nil
}

// PublicAddressOf returns an interface's public address; nil if it has none. Nothing resolves names on the machine, so its
// DNS name is the address itself.
func PublicAddressOf(i *state.NetworkInterface) *PublicAddress {
	if i.PublicIP == "" {
		return nil
	}
	return &PublicAddress{IP: i.PublicIP, DNS: i.PublicIP, Owner: "amazon"}
}

// AddressesOf returns the interface's addresses.
func AddressesOf(s *call.Scope, i *state.NetworkInterface) call.Items[Address] {
	return call.List(Address{i.PrivateIP, network.PrivateDNS(s.Region.Name, i.PrivateIP), true, PublicAddressOf(i)})
}

// GroupNames returns the groups with their names.
func GroupNames(s *call.Scope, ids []string) call.Items[GroupName] {
	return call.ItemsOf(ids, func(id string) GroupName {
		if g := s.SecurityGroups[id]; g != nil {
			return GroupName{id, g.Name}
		}
		return GroupName{ID: id}
	})
}

func interfaceID(i *state.NetworkInterface) string { return i.ID }

// managed reports whether the interface belongs to a load balancer.
func managed(i *state.NetworkInterface) bool { return i.Instance == "" }

var interfaceListing = call.Listing[state.NetworkInterface, xmlInterface]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeNetworkInterfaces", Set: "networkInterfaceSet", IDs: "NetworkInterfaceId", Kind: call.KindInterface,
	All: func(s *call.Scope) []*state.NetworkInterface { return call.Sorted(s.NetworkInterfaces) }, Key: interfaceID, Tags: call.TagsOf(interfaceID),
	Fields: call.Fields[state.NetworkInterface]{
		"network-interface-id":         call.Of(func(i *state.NetworkInterface) string { return i.ID }),
		"subnet-id":                    call.Of(func(i *state.NetworkInterface) string { return i.Subnet }),
		"vpc-id":                       call.Of(func(i *state.NetworkInterface) string { return i.VPC }),
		"availability-zone":            call.Of(func(i *state.NetworkInterface) string { return i.Zone }),
		"description":                  call.Of(func(i *state.NetworkInterface) string { return i.Description }),
		"group-id":                     func(r call.Row[state.NetworkInterface]) []string { return r.It.Groups },
		"attachment.instance-id":       call.Of(func(i *state.NetworkInterface) string { return i.Instance }),
		"attachment.attachment-id":     call.Of(func(i *state.NetworkInterface) string { return i.Attachment }),
		"private-ip-address":           call.Of(func(i *state.NetworkInterface) string { return i.PrivateIP }),
		"addresses.private-ip-address": call.Of(func(i *state.NetworkInterface) string { return i.PrivateIP }),
		"association.public-ip":        call.Of(func(i *state.NetworkInterface) string { return i.PublicIP }),
		"mac-address":                  call.Of(func(i *state.NetworkInterface) string { return i.MAC }),
		"requester-managed":            call.Is(func(i *state.NetworkInterface) bool { return managed(i) }),
		"status":                       call.Always[state.NetworkInterface]("in-use"),
	},
	Render: func(r call.Row[state.NetworkInterface]) xmlInterface {
		i := r.It
		x := xmlInterface{
			ID: i.ID, Subnet: i.Subnet, VPC: i.VPC, Zone: i.Zone, Description: i.Description, Owner: state.Account, RequesterManaged: managed(i),
			Status: "in-use", MAC: i.MAC, PrivateIP: i.PrivateIP, PrivateDNS: network.PrivateDNS(r.Region.Name, i.PrivateIP), SourceDestCheck: true,
			Groups: GroupNames(r.Scope, i.Groups), Attachment: AttachmentOf(i), Association: PublicAddressOf(i), Type: "interface",
			Addresses: AddressesOf(r.Scope, i), Tags: r.TagSet(i.ID),
		}
		if managed(i) {
			x.Type = "network_load_balancer"
		}
		return x
	},
}

// networkACL is a VPC's one network ACL: it allows everything.
type networkACL struct{ vpc *state.VPC }

type xmlACL struct {
	ID           string                        `xml:"networkAclId"`
	VPC          string                        `xml:"vpcId"`
	Owner        string                        `xml:"ownerId"`
	Default      bool                          `xml:"default"`
	Entries      call.Items[xmlACLEntry]       `xml:"entrySet"`
	Associations call.Items[xmlACLAssociation] `xml:"associationSet"`
	Tags         call.Items[call.Tag]          `xml:"tagSet"`
}

type xmlACLEntry struct {
	Number   int    `xml:"ruleNumber"`
	Protocol string `xml:"protocol"`
	Action   string `xml:"ruleAction"`
	Egress   bool   `xml:"egress"`
	CIDR     string `xml:"cidrBlock"`
}

type xmlACLAssociation struct {
	ID     string `xml:"networkAclAssociationId"`
	ACL    string `xml:"networkAclId"`
	Subnet string `xml:"subnetId"`
}

// acls returns the network ACLs in the order of their ids.
func acls(s *call.Scope) []*networkACL {
	var all []*networkACL
	for _, v := range s.VPCs {
		all = append(all, &networkACL{v})
	}
	slices.SortFunc(all, func(a, b *networkACL) int { return cmp.Compare(a.vpc.NetworkACL, b.vpc.NetworkACL) })
	return all
}

// HasACL reports whether there is a network ACL of that id.
func HasACL(s *call.Scope, id string) bool {
	return slices.ContainsFunc(acls(s), func(a *networkACL) bool { return a.vpc.NetworkACL == id })
}

func aclID(a *networkACL) string { return a.vpc.NetworkACL }

var aclListing = call.Listing[networkACL, xmlACL]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeNetworkAcls", Set: "networkAclSet", IDs: "NetworkAclId", Kind: call.KindACL,
	All: acls, Key: aclID, Tags: call.TagsOf(aclID),
	Fields: call.Fields[networkACL]{
		"network-acl-id": call.Of(func(a *networkACL) string { return a.vpc.NetworkACL }),
		"vpc-id":         call.Of(func(a *networkACL) string { return a.vpc.ID }),
		"default":        call.Always[networkACL]("true"),
	},
	Render: func(r call.Row[networkACL]) xmlACL {
		v := r.It.vpc
		x := xmlACL{ID: v.NetworkACL, VPC: v.ID, Owner: state.Account, Default: true, Tags: r.TagSet(v.NetworkACL)}
		for _, egress := range []bool{true, false} {
			x.Entries.Item = append(x.Entries.Item,
				xmlACLEntry{100, "-1", "allow", egress, "0.0.0.0/0"}, xmlACLEntry{32767, "-1", "deny", egress, "0.0.0.0/0"})
		}
		for _, n := range call.Sorted(r.Subnets) {
			if n.VPC == v.ID {
				x.Associations.Item = append(x.Associations.Item, xmlACLAssociation{n.ACLAssociation, v.NetworkACL, n.ID})
			}
		}
		return x
	},
}

func interfaceActions(a *call.API) []awswire.Action {
	return []awswire.Action{interfaceListing.On(a), aclListing.On(a)}
}
