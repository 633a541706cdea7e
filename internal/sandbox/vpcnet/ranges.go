package vpcnet

import (
	"fmt"
	"net/netip"

	"github.com/slipway-project/slipway/internal/errs"
)

// Reserved is how many addresses at the start of the public range belong to the cage.
const Reserved = 16

// MachineAddress returns the machine's own address in the public range, as instances see it.
func MachineAddress(public netip.Prefix) netip.Addr { return public.Masked().Addr().Next() }

// cageAddress returns the cage's address on its link to the machine.
func cageAddress(public netip.Prefix) netip.Addr { return MachineAddress(public).Next() }

// reservedEnd returns the first address of the range that instances may have.
func reservedEnd(public netip.Prefix) netip.Addr {
	addr := public.Masked().Addr()
	for range Reserved {
		addr = addr.Next()
	}
	return addr
}

// publicRanges are tried in this order: RFC 2544's block for benchmarks, which nothing real uses. The last /20 of it
// is left for egressRanges.
func publicRanges() []netip.Prefix {
	all := []netip.Prefix{netip.MustParsePrefix("198.18.0.0/16")}
	for third := 0; third < 240; third += 16 {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 19, byte(third), 0}), 20))
	}
	return all
}

// egressRanges are tried for slirp4netns' own network, inside the cage.
func egressRanges() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("198.19.255.0/24"), netip.MustParsePrefix("198.19.254.0/24"),
		netip.MustParsePrefix("192.168.255.0/24"), netip.MustParsePrefix("10.255.254.0/24"),
	}
}

// FreePublicRange returns the first public range that none of the machine's routes overlaps.
func FreePublicRange(routes []netip.Prefix) (netip.Prefix, error) {
	return free(publicRanges(), routes)
}

func free(candidates, routes []netip.Prefix) (netip.Prefix, error) {
	for _, candidate := range candidates {
		if taken, _ := overlapping(candidate, routes); !taken {
			return candidate, nil
		}
	}
	return netip.Prefix{}, errs.New(errs.Conflict, "every range that the sandbox's public addresses could come from has a route on this machine").
		WithRemedy("Name a free one, /24 or larger, with --public-range.")
}

// CheckPublicRange refuses a range that is too small or that one of the machine's routes overlaps.
func CheckPublicRange(public netip.Prefix, routes []netip.Prefix) error {
	if !public.IsValid() || !public.Addr().Is4() || public.Bits() > 24 || public.Bits() < 8 {
		return errs.New(errs.Invalid, fmt.Sprintf("public range %s is not an IPv4 range of /8 to /24", public))
	}
	if taken, by := overlapping(public, routes); taken {
		return errs.New(errs.Conflict, fmt.Sprintf("public range %s overlaps this machine's route to %s", public, by)).
			WithRemedy("Name another with --public-range.")
	}
	return nil
}

// overlapping reports whether a route overlaps the candidate, and which. A default route does not count, nor do its two
// halves, with which VPNs stand in for it.
func overlapping(candidate netip.Prefix, routes []netip.Prefix) (bool, netip.Prefix) {
	for _, route := range routes {
		if route.Bits() > 1 && route.Overlaps(candidate) {
			return true, route
		}
	}
	return false, netip.Prefix{}
}
