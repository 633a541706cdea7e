package network

import (
	"encoding/binary"
	"net/netip"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// reservedPublic is how many addresses at the start of the public range belong to the cage.
const reservedPublic = 16

// reservedSubnet is how many addresses at the start of a subnet belong to the VPC: the network's own, the router's, the
// name server's and one more. The last one, for broadcasts, is reserved too.
const reservedSubnet = 4

// Size returns how many addresses a block of IPv4 addresses has.
func Size(block netip.Prefix) int { return 1 << (32 - block.Bits()) }

// Nth returns the block's address number n, which may be negative to count from the end.
func Nth(block netip.Prefix, n int) netip.Addr {
	if n < 0 {
		n += Size(block)
	}
	first := block.Masked().Addr().As4()
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], binary.BigEndian.Uint32(first[:])+uint32(n))
	return netip.AddrFrom4(a)
}

// index is the inverse of Nth.
func index(block netip.Prefix, a netip.Addr) int {
	first, at := block.Masked().Addr().As4(), a.As4()
	return int(binary.BigEndian.Uint32(at[:]) - binary.BigEndian.Uint32(first[:]))
}

// next returns the first free address of the block from number low to number high, beginning behind last and going
// around, so that an address that became free is not given out again at once.
func next(block netip.Prefix, low, high int, last string, taken map[string]bool) (string, bool) {
	count := high - low + 1
	from := 0
	if a, err := netip.ParseAddr(last); err == nil && block.Contains(a) {
		from = index(block, a) - low + 1
	}
	for i := range max(count, 0) {
		a := Nth(block, low+((from+i)%count+count)%count).String()
		if !taken[a] {
			return a, true
		}
	}
	return "", false
}

// FreeAddresses returns how many addresses of the subnet can still be given out.
func FreeAddresses(e *state.EC2, s *state.Subnet) int {
	block, err := netip.ParsePrefix(s.CIDR)
	if err != nil {
		return 0
	}
	return Size(block) - reservedSubnet - 1 - len(privateTaken(e, s.ID))
}

func privateTaken(e *state.EC2, subnet string) map[string]bool {
	taken := map[string]bool{}
	for _, i := range e.NetworkInterfaces {
		if i.Subnet == subnet {
			taken[i.PrivateIP] = true
		}
	}
	return taken
}

// takePrivate returns a free address of the subnet, or the wished one if that is free.
func takePrivate(e *state.EC2, s *state.Subnet, wish string) (string, error) {
	block, err := netip.ParsePrefix(s.CIDR)
	if err != nil {
		return "", err
	}
	taken := privateTaken(e, s.ID)
	low, high := reservedSubnet, Size(block)-2
	if wish == "" {
		a, ok := next(block, low, high, s.LastIP, taken)
		if !ok {
			return "", awswire.Errorf("InsufficientFreeAddressesInSubnet", 400, "There are not enough free addresses in subnet '%s'", s.ID)
		}
		s.LastIP = a
		return a, nil
	}
	a, err := netip.ParseAddr(wish)
	if err != nil || !block.Contains(a) || index(block, a) < low || index(block, a) > high {
		return "", awswire.Errorf("InvalidParameterValue", 400, "Address %s does not fall within the subnet's address range", wish)
	}
	if taken[wish] {
		return "", awswire.Errorf("InvalidIPAddress.InUse", 400, "Address %s is in use", wish)
	}
	return wish, nil
}

// takePublic returns a free address of the sandbox's public range, which all regions share.
func takePublic(d *state.Data, public netip.Prefix) (string, error) {
	taken := map[string]bool{}
	last := ""
	for _, r := range d.Regions {
		for _, i := range r.EC2.NetworkInterfaces {
			if i.PublicIP == "" {
				continue
			}
			taken[i.PublicIP] = true
			if last == "" || index(public, netip.MustParseAddr(i.PublicIP)) > index(public, netip.MustParseAddr(last)) {
				last = i.PublicIP
			}
		}
	}
	a, ok := next(public, reservedPublic, Size(public)-2, last, taken)
	if !ok {
		return "", awswire.Errorf("InsufficientAddressCapacity", 503, "The sandbox's public range %s has no free address", public)
	}
	return a, nil
}
