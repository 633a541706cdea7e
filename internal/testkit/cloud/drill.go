package cloud

import (
	"testing"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/server"
)

// Call is one call as Interfere and Calls show it.
type Call = server.Call

// Refusal returns the error that AWS answers with the code and the HTTP status, for a Fault.
func Refusal(code string, status int, message string) error {
	return awswire.Errorf(code, status, "%s", message)
}

// LagBehind keeps what is made in networks from now on out of lists for so long, as AWS's lists may be behind what was done.
func (c *Cloud) LagBehind(t testing.TB, lag time.Duration) {
	t.Helper()
	values := c.Settings.Get()
	values.Lag = lag.Seconds()
	if err := c.Settings.Set(values); err != nil {
		t.Fatal(err)
	}
}
