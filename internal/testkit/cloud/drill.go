package cloud

import (
	"testing"
	"time"
)

// LagBehind keeps what is made in networks from now on out of lists for so long, as AWS's lists may be behind what was done.
func (c *Cloud) LagBehind(t testing.TB, lag time.Duration) {
	t.Helper()
	values := c.Settings.Get()
	values.Lag = lag.Seconds()
	if err := c.Settings.Set(values); err != nil {
		t.Fatal(err)
	}
}
