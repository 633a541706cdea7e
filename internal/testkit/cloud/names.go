package cloud

import (
	"testing"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// The latencies, for tests of packages that must not know the sandbox's own.
const (
	None = settings.None // every transition is over at once
	Fast = settings.Fast // a thirtieth of AWS's time
	AWS  = settings.AWS  // AWS's time
)

// Data is the account, as Cloud.Store shows it.
type Data = state.Data

// Kill cuts the power of an instance, as the drill of that name does: its status checks fail from then on, until it is
// stopped and started.
func (c *Cloud) Kill(t testing.TB, instance string) {
	t.Helper()
	err := c.Store.Update(func(d *Data) error {
		for _, name := range state.RegionNames() {
			if i := d.Region(name).EC2.Instances[instance]; i != nil {
				i.Drill = state.DrillDead
				return nil
			}
		}
		t.Errorf("the cloud has no instance %s", instance)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
