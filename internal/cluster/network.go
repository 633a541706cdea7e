package cluster

import (
	"encoding/binary"
	"net/netip"
)

// subnetBits is by how many bits a subnet's prefix is longer than the network's: 16 subnets fit.
const subnetBits = 4

// Subnet returns the range of the network's subnet i, which counts from 0 and is less than 16. The network must have
// come from Load.
func (n Network) Subnet(i int) netip.Prefix {
	return split(netip.MustParsePrefix(n.CIDR), subnetBits, i)
}

// Pools returns the two halves of the pods' range: the one that the swarm gives overlay networks from, and the one that
// each engine gives its own bridge networks from. The network must have come from Load.
func (n Network) Pools() (overlay, bridge netip.Prefix) {
	pods := netip.MustParsePrefix(n.Pods)
	return split(pods, 1, 0), split(pods, 1, 1)
}

// split returns part i of the IPv4 range p cut into 2^bits parts.
func split(p netip.Prefix, bits, i int) netip.Prefix {
	long := p.Bits() + bits
	first := p.Masked().Addr().As4()
	at := binary.BigEndian.Uint32(first[:]) + uint32(i)<<(32-long)
	var addr [4]byte
	binary.BigEndian.PutUint32(addr[:], at)
	return netip.PrefixFrom(netip.AddrFrom4(addr), long)
}
