package network

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// InterfaceSpec says what interface to make.
type InterfaceSpec struct {
	Subnet      string
	Groups      []string // security groups
	Description string
	PrivateIP   string // empty for any
	Public      bool   // with a public address
}

// NewInterface makes an interface with its addresses in an existing subnet. The caller says whose it is.
func NewInterface(d *state.Data, region string, public netip.Prefix, spec InterfaceSpec) (*state.NetworkInterface, error) {
	e := &d.Region(region).EC2
	subnet := e.Subnets[spec.Subnet]
	private, err := takePrivate(e, subnet, spec.PrivateIP)
	if err != nil {
		return nil, err
	}
	i := &state.NetworkInterface{
		ID: awswire.NewID("eni"), VPC: subnet.VPC, Subnet: subnet.ID, Zone: subnet.Zone, MAC: newMAC(), PrivateIP: private,
		AssignPublic: spec.Public, Groups: slices.Clone(spec.Groups), Description: spec.Description, Attachment: awswire.NewID("eni-attach"),
	}
	e.NetworkInterfaces[i.ID] = i
	if err := GivePublic(d, public, i); err != nil {
		return nil, err
	}
	return i, nil
}

// GivePublic gives the interface a public address if it is to have one and has none.
func GivePublic(d *state.Data, public netip.Prefix, i *state.NetworkInterface) error {
	if !i.AssignPublic || i.PublicIP != "" {
		return nil
	}
	a, err := takePublic(d, public)
	i.PublicIP = a
	return err
}

// DeleteInterface removes an interface and its tags.
func DeleteInterface(e *state.EC2, id string) {
	delete(e.NetworkInterfaces, id)
	delete(e.Tags, id)
}

// ReleaseInterface lets the interface of a deleted load balancer go at a time.
func ReleaseInterface(e *state.EC2, id string, at time.Time) {
	if i := e.NetworkInterfaces[id]; i != nil {
		i.LoadBalancer, i.Release = "", at
	}
}

// newMAC returns a random locally administered address.
func newMAC() string {
	b := make([]byte, 5)
	_, _ = rand.Read(b) // never fails: it ends the program rather
	return fmt.Sprintf("0a:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4])
}

// Hostname returns the name that a host with the address has: ip-172-31-0-10.
func Hostname(private string) string { return "ip-" + strings.ReplaceAll(private, ".", "-") }

// PrivateDNS returns the address's private DNS name.
func PrivateDNS(region, private string) string {
	if private == "" {
		return ""
	}
	if region == "us-east-1" {
		return Hostname(private) + ".ec2.internal"
	}
	return Hostname(private) + "." + region + ".compute.internal"
}
