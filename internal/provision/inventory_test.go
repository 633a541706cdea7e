package provision

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
)

func TestNodesAreInOrder(t *testing.T) {
	t.Parallel()
	node := func(name, group string) cluster.Node {
		role := cluster.RoleWorker
		if group == "manager" {
			role = cluster.RoleManager
		}
		return cluster.Node{Name: name, Group: group, Role: role}
	}
	nodes := []cluster.Node{
		node("old-1", "old"), node("big-2", "big"), node("small-10", "small"), node("manager-2", "manager"),
		node("small-9", "small"), node("big-1", "big"), node("manager-1", "manager"),
	}
	sortNodes(nodes, &cluster.Document{Workers: []cluster.WorkerGroup{{Name: "small"}, {Name: "big"}}})
	var got []string
	for _, n := range nodes {
		got = append(got, n.Name)
	}
	want := []string{"manager-1", "manager-2", "small-9", "small-10", "big-1", "big-2", "old-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestZonesKeepTheirSubnets(t *testing.T) {
	t.Parallel()
	for zone, want := range map[string]int{"us-east-1a": 0, "us-east-1f": 5, "eu-central-1c": 2} {
		if got, err := publicSubnet(zone); got != want || err != nil {
			t.Errorf("%s: part %d, %v", zone, got, err)
		}
	}
	for _, zone := range []string{"us-east-1-bos-1", "us-east-1z"} {
		if _, err := publicSubnet(zone); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", zone, err)
		}
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	plan := &Plan{Changes: []Change{{Action: ActionCreate}, {Action: ActionCreate}, {Action: ActionUpdate}, {Action: ActionReplace}, {Action: ActionUnknown}, {Action: ActionRefuse}}}
	if got, want := plan.Summary(), "3 to create, 1 to change, 1 to delete, 1 unknown, 1 refused"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := (&Plan{}).Summary(), "0 to create, 0 to change, 0 to delete"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
