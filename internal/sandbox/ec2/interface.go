package ec2

import (
	"cmp"
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlInterface struct {
	ID               string                  `xml:"networkInterfaceId"`
	Subnet           string                  `xml:"subnetId"`
	VPC              string                  `xml:"vpcId"`
	Zone             string                  `xml:"availabilityZone"`
	Description      string                  `xml:"description"`
	Owner            string                  `xml:"ownerId"`
	RequesterManaged bool                    `xml:"requesterManaged"`
	Status           string                  `xml:"status"`
	MAC              string                  `xml:"macAddress"`
	PrivateIP        string                  `xml:"privateIpAddress"`
	PrivateDNS       string                  `xml:"privateDnsName"`
	SourceDestCheck  bool                    `xml:"sourceDestCheck"`
	Groups           items[xmlGroupName]     `xml:"groupSet"`
	Attachment       *xmlInterfaceAttachment `xml:"attachment"`
	Association      *xmlPublicAddress       `xml:"association"`
	Type             string                  `xml:"interfaceType"`
	Addresses        items[xmlAddress]       `xml:"privateIpAddressesSet"`
	Tags             items[tag]              `xml:"tagSet"`
}

type xmlGroupName struct {
	ID   string `xml:"groupId"`
	Name string `xml:"groupName"`
}

type xmlInterfaceAttachment struct {
	ID                  string       `xml:"attachmentId"`
	Instance            string       `xml:"instanceId,omitempty"`
	InstanceOwner       string       `xml:"instanceOwnerId,omitempty"`
	DeviceIndex         int          `xml:"deviceIndex"`
	Status              string       `xml:"status"`
	Time                awswire.Time `xml:"attachTime"`
	DeleteOnTermination bool         `xml:"deleteOnTermination"`
	NetworkCard         int          `xml:"networkCardIndex"`
}

type xmlPublicAddress struct {
	IP    string `xml:"publicIp"`
	DNS   string `xml:"publicDnsName"`
	Owner string `xml:"ipOwnerId"`
}

type xmlAddress struct {
	IP          string            `xml:"privateIpAddress"`
	DNS         string            `xml:"privateDnsName"`
	Primary     bool              `xml:"primary"`
	Association *xmlPublicAddress `xml:"association"`
}

// attachment returns how an interface is attached; nil if it is to nothing.
func interfaceAttachment(i *state.NetworkInterface) *xmlInterfaceAttachment {
	switch {
	case i.Instance != "":
		return &xmlInterfaceAttachment{
			ID: i.Attachment, Instance: i.Instance, InstanceOwner: state.Account, Status: "attached", Time: awswire.At(i.AttachTime),
			DeleteOnTermination: i.DeleteOnTermination,
		}
	case i.LoadBalancer != "" || !i.Release.IsZero():
		return &xmlInterfaceAttachment{ID: i.Attachment, InstanceOwner: "amazon-elb", DeviceIndex: 1, Status: "attached", Time: awswire.At(i.AttachTime)}
	}
	return nil
}

// publicAddress returns an interface's public address; nil if it has none. Nothing resolves names on the machine, so its
// DNS name is the address itself.
func publicAddress(i *state.NetworkInterface) *xmlPublicAddress {
	if i.PublicIP == "" {
		return nil
	}
	return &xmlPublicAddress{IP: i.PublicIP, DNS: i.PublicIP, Owner: "amazon"}
}

func (s *scope) addressesOf(i *state.NetworkInterface) items[xmlAddress] {
	return items[xmlAddress]{[]xmlAddress{{i.PrivateIP, network.PrivateDNS(s.region.Name, i.PrivateIP), true, publicAddress(i)}}}
}

func (s *scope) groupNames(ids []string) items[xmlGroupName] {
	return itemsOf(ids, func(id string) xmlGroupName {
		if g := s.SecurityGroups[id]; g != nil {
			return xmlGroupName{id, g.Name}
		}
		return xmlGroupName{ID: id}
	})
}

func interfaceID(i *state.NetworkInterface) string { return i.ID }

// managed reports whether the interface belongs to a load balancer.
func managed(i *state.NetworkInterface) bool { return i.Instance == "" }

var interfaceListing = listing[state.NetworkInterface, xmlInterface]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeNetworkInterfaces", set: "networkInterfaceSet", ids: "NetworkInterfaceId", kind: kindInterface,
	all: func(s *scope) []*state.NetworkInterface { return sorted(s.NetworkInterfaces) }, key: interfaceID, tags: tagsOf(interfaceID),
	fields: map[string]func(row[state.NetworkInterface]) []string{
		"network-interface-id":         text(func(r row[state.NetworkInterface]) string { return r.it.ID }),
		"subnet-id":                    text(func(r row[state.NetworkInterface]) string { return r.it.Subnet }),
		"vpc-id":                       text(func(r row[state.NetworkInterface]) string { return r.it.VPC }),
		"availability-zone":            text(func(r row[state.NetworkInterface]) string { return r.it.Zone }),
		"description":                  text(func(r row[state.NetworkInterface]) string { return r.it.Description }),
		"group-id":                     func(r row[state.NetworkInterface]) []string { return r.it.Groups },
		"attachment.instance-id":       text(func(r row[state.NetworkInterface]) string { return r.it.Instance }),
		"attachment.attachment-id":     text(func(r row[state.NetworkInterface]) string { return r.it.Attachment }),
		"private-ip-address":           text(func(r row[state.NetworkInterface]) string { return r.it.PrivateIP }),
		"addresses.private-ip-address": text(func(r row[state.NetworkInterface]) string { return r.it.PrivateIP }),
		"association.public-ip":        text(func(r row[state.NetworkInterface]) string { return r.it.PublicIP }),
		"mac-address":                  text(func(r row[state.NetworkInterface]) string { return r.it.MAC }),
		"requester-managed":            truth(func(r row[state.NetworkInterface]) bool { return managed(r.it) }),
		"status":                       text(func(row[state.NetworkInterface]) string { return "in-use" }),
	},
	render: func(r row[state.NetworkInterface]) xmlInterface {
		i := r.it
		x := xmlInterface{
			ID: i.ID, Subnet: i.Subnet, VPC: i.VPC, Zone: i.Zone, Description: i.Description, Owner: state.Account, RequesterManaged: managed(i),
			Status: "in-use", MAC: i.MAC, PrivateIP: i.PrivateIP, PrivateDNS: network.PrivateDNS(r.region.Name, i.PrivateIP), SourceDestCheck: true,
			Groups: r.groupNames(i.Groups), Attachment: interfaceAttachment(i), Association: publicAddress(i), Type: "interface",
			Addresses: r.addressesOf(i), Tags: r.tagSet(i.ID),
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
	ID           string                   `xml:"networkAclId"`
	VPC          string                   `xml:"vpcId"`
	Owner        string                   `xml:"ownerId"`
	Default      bool                     `xml:"default"`
	Entries      items[xmlACLEntry]       `xml:"entrySet"`
	Associations items[xmlACLAssociation] `xml:"associationSet"`
	Tags         items[tag]               `xml:"tagSet"`
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
func (s *scope) acls() []*networkACL {
	var all []*networkACL
	for _, v := range s.VPCs {
		all = append(all, &networkACL{v})
	}
	slices.SortFunc(all, func(a, b *networkACL) int { return cmp.Compare(a.vpc.NetworkACL, b.vpc.NetworkACL) })
	return all
}

func aclID(a *networkACL) string { return a.vpc.NetworkACL }

var aclListing = listing[networkACL, xmlACL]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeNetworkAcls", set: "networkAclSet", ids: "NetworkAclId", kind: kindACL,
	all: (*scope).acls, key: aclID, tags: tagsOf(aclID),
	fields: map[string]func(row[networkACL]) []string{
		"network-acl-id": text(func(r row[networkACL]) string { return r.it.vpc.NetworkACL }),
		"vpc-id":         text(func(r row[networkACL]) string { return r.it.vpc.ID }),
		"default":        truth(func(row[networkACL]) bool { return true }),
	},
	render: func(r row[networkACL]) xmlACL {
		v := r.it.vpc
		x := xmlACL{ID: v.NetworkACL, VPC: v.ID, Owner: state.Account, Default: true, Tags: r.tagSet(v.NetworkACL)}
		for _, egress := range []bool{true, false} {
			x.Entries.Item = append(x.Entries.Item,
				xmlACLEntry{100, "-1", "allow", egress, "0.0.0.0/0"}, xmlACLEntry{32767, "-1", "deny", egress, "0.0.0.0/0"})
		}
		for _, n := range sorted(r.Subnets) {
			if n.VPC == v.ID {
				x.Associations.Item = append(x.Associations.Item, xmlACLAssociation{n.ACLAssociation, v.NetworkACL, n.ID})
			}
		}
		return x
	},
}

func (a *api) interfaceActions() []awswire.Action {
	return []awswire.Action{interfaceListing.on(a), aclListing.on(a)}
}
