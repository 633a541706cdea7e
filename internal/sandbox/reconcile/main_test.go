package reconcile_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/slipway-project/slipway/internal/errs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// errMounted is how a machine refuses to detach what a host has mounted.
var errMounted = errs.New(errs.Conflict, "the device is mounted")
