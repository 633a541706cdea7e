//go:build linux

package vpcnet

import (
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/netns"
)

// testMachine returns two fresh namespaces: one stands for the machine, with a way out, the other is a cage's.
func testMachine(t *testing.T) (outside, cage *netns.Namespace) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("namespaces need root")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft is not installed")
	}
	for _, space := range []**netns.Namespace{&outside, &cage} {
		made, err := netns.New()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(made.Close)
		*space = made
	}
	if _, err := up(outside.Links(), "lo"); err != nil {
		t.Fatal(err)
	}
	return outside, cage
}

func TestConnectLeadsThePublicRangeIntoTheCage(t *testing.T) {
	t.Parallel()
	outside, cage := testMachine(t)
	public := netip.MustParsePrefix("198.18.0.0/16")
	if err := Connect(t.Context(), cage, outside, "t1", public); err != nil {
		t.Fatal(err)
	}
	// When the link goes, the backstop refuses what went over it.
	if err := removeLink(outside.Links(), MachineLink("t1")); err != nil {
		t.Fatal(err)
	}
	if routes, err := outside.Links().RouteGet(reservedEnd(public).AsSlice()); err == nil {
		t.Errorf("without its link, the range still has a route: %v", routes)
	}
	if err := SweepRoutes(outside); err != nil {
		t.Fatal(err)
	}
	routes, err := MachineRoutes(outside)
	if err != nil || slices.Contains(routes, public) {
		t.Errorf("routes = %v, %v; want that the backstop is gone", routes, err)
	}
}

func TestConnectRefusesARangeThatAPolicyLeadsElsewhere(t *testing.T) {
	t.Parallel()
	outside, cage := testMachine(t)
	lo, err := up(outside.Links(), "lo")
	if err != nil {
		t.Fatal(err)
	}
	const table = 100
	everything := network(netip.MustParsePrefix("0.0.0.0/0"))
	if err := outside.Links().RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: everything, Table: table, Scope: netlink.SCOPE_LINK}); err != nil {
		t.Fatal(err)
	}
	rule := netlink.NewRule()
	rule.Family, rule.Table, rule.Priority = netlink.FAMILY_V4, table, 1000
	if err := outside.Links().RuleAdd(rule); err != nil {
		t.Skipf("no policy routing here: %v", err)
	}
	if err := Connect(t.Context(), cage, outside, "t2", netip.MustParsePrefix("198.18.0.0/16")); !errs.Is(err, errs.Conflict) {
		t.Errorf("err = %v, want Conflict", err)
	}
}

func TestMachineRoutesAreOfAllTables(t *testing.T) {
	t.Parallel()
	outside, _ := testMachine(t)
	lo, err := up(outside.Links(), "lo")
	if err != nil {
		t.Fatal(err)
	}
	taken := netip.MustParsePrefix("198.18.4.0/24")
	if err := outside.Links().RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: network(taken), Table: 100, Scope: netlink.SCOPE_LINK}); err != nil {
		t.Skipf("no policy routing here: %v", err)
	}
	routes, err := MachineRoutes(outside)
	if err != nil || !slices.Contains(routes, taken) {
		t.Errorf("routes = %v, %v; want %s among them", routes, err, taken)
	}
}
