package provision_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// TestLifecycle: apply, apply again changes nothing, destroy leaves the account as it was, the leases included.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	c := cloud.Start(t, cloud.Options{})
	before := c.Resources()
	r := &runs{}
	doc := load(t, whole)

	newOperator(c, r, "ann").up(t.Context(), t, doc)
	built := c.Resources()
	wantNoChange(t.Context(), t, c, newOperator(c, r, "ann"), doc)
	if diff := cloud.Diff(built, c.Resources()); diff != "" {
		t.Errorf("the second run changed the account:\n%s", diff)
	}

	inventory, err := newOperator(c, r, "ann").Inventory(t.Context(), doc)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"manager-1", "manager-2", "manager-3", "linux-1", "linux-2"}, names(inventory)); diff != "" {
		t.Errorf("inventory (-want +got):\n%s", diff)
	}

	newOperator(c, r, "ann").destroy(t.Context(), t, doc.Name)
	if diff := cloud.Diff(before, c.Resources()); diff != "" {
		t.Errorf("destroy left or took something:\n%s", diff)
	}
}
