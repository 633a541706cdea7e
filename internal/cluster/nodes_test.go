package cluster_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
)

func TestNodeSpecs(t *testing.T) {
	t.Parallel()
	doc := &cluster.Document{
		Managers: cluster.Managers{Count: 3, Type: "m5.xlarge", Root: cluster.Disk{Size: 40}},
		Workers:  []cluster.WorkerGroup{{Name: "linux", Count: 4, Type: "m5.large"}, {Name: "none"}, {Name: "big", Count: 1}},
	}
	var got []string
	for _, s := range doc.NodeSpecs([]string{"a", "b", "c"}) {
		got = append(got, s.Name+" "+string(s.Role)+" "+s.Group+" "+s.Zone)
	}
	want := []string{
		"manager-1 manager manager a", "manager-2 manager manager b", "manager-3 manager manager c",
		"linux-1 worker linux a", "linux-2 worker linux b", "linux-3 worker linux c", "linux-4 worker linux a",
		"big-1 worker big a",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	first := doc.NodeSpecs(nil)[0]
	if diff := cmp.Diff(cluster.NodeSpec{Name: "manager-1", Role: "manager", Group: "manager", Type: "m5.xlarge", Root: cluster.Disk{Size: 40}}, first); diff != "" {
		t.Errorf("first node without zones (-want +got):\n%s", diff)
	}
}

func TestZonesPick(t *testing.T) {
	t.Parallel()
	region := []string{"r-1c", "r-1a", "r-1b"}
	for name, tt := range map[string]struct {
		zones cluster.Zones
		want  []string
	}{
		"count":    {cluster.Zones{Count: 2}, []string{"r-1a", "r-1b"}},
		"too many": {cluster.Zones{Count: 6}, []string{"r-1a", "r-1b", "r-1c"}},
		"names":    {cluster.Zones{Names: []string{"r-1c", "r-1a"}}, []string{"r-1c", "r-1a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, tt.zones.Pick(region)); diff != "" {
				t.Errorf("zones (-want +got):\n%s", diff)
			}
		})
	}
	if region[0] != "r-1c" {
		t.Error("Pick sorted the list it was given")
	}
}

func TestNetworkRanges(t *testing.T) {
	t.Parallel()
	n := cluster.Network{CIDR: "172.31.0.0/16", Pods: "10.64.0.0/12"}
	for i, want := range map[int]string{0: "172.31.0.0/20", 1: "172.31.16.0/20", 15: "172.31.240.0/20"} {
		if got := n.Subnet(i).String(); got != want {
			t.Errorf("Subnet(%d) = %s, want %s", i, got, want)
		}
	}
	overlay, bridge := n.Pools()
	if overlay.String() != "10.64.0.0/13" || bridge.String() != "10.72.0.0/13" {
		t.Errorf("Pools = %s, %s", overlay, bridge)
	}
}
