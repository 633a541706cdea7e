package vpcnet

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
)

// The names of links inside the cage. Each namespace has its own, so that they need to be unique in it only.
const (
	uplink      = "igw"  // in a VPC's namespace: towards the internet
	hostLink    = "eth0" // in an endpoint's namespace
	machineLink = "mach" // in the cage's namespace: towards the machine
	egressLink  = "tap0" // in the cage's namespace: towards the outside, by slirp4netns
)

// Addresses that a VPC answers itself, to all its endpoints, and the cage's own on every VPC's uplink; uplinkAddress tells
// the other end's.
var (
	MetadataAddress = netip.MustParseAddr("169.254.169.254") //nolint:gochecknoglobals // a constant: instance metadata, port 80
	APIAddress      = netip.MustParseAddr("169.254.169.250") //nolint:gochecknoglobals // a constant: the cloud's API, port 80
	ResolverAddress = netip.MustParseAddr("169.254.169.253") //nolint:gochecknoglobals // a constant: DNS
	gateway         = netip.MustParseAddr("169.254.1.1")     //nolint:gochecknoglobals // a constant
)

// uplinkAddress returns the address of VPC number index on its uplink: 169.254.128.0 and up, one each.
func uplinkAddress(index int) netip.Addr {
	return netip.AddrFrom4([4]byte{169, 254, byte(128 + index/256), byte(index % 256)})
}

// maxVPCs is how many VPCs uplinkAddress has addresses for.
const maxVPCs = 8192

// linkName returns the name of the link that belongs to an id, in the namespace on its router's side: a letter for the
// kind and a hash, since ids are longer than the kernel's 15 characters.
func linkName(kind byte, id string) string {
	sum := sha256.Sum256([]byte(id))
	return string(kind) + hex.EncodeToString(sum[:6])
}

func endpointLink(id string) string { return linkName('e', id) }
func vpcLink(id string) string      { return linkName('v', id) }

// Router returns the address of a subnet's router: its first, as on AWS.
func Router(subnet netip.Prefix) netip.Addr { return subnet.Masked().Addr().Next() }
