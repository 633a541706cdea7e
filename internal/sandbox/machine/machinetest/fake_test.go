package machinetest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/machine/machinetest"
)

func TestFakeKeepsTheContract(t *testing.T) {
	t.Parallel()
	f := machinetest.NewFake()
	machinetest.Run(t, f, machinetest.Options{
		Image: "debian-12", PublicIP: "198.18.0.16", Patience: time.Second,
		PowerOff: func(_ *testing.T, host string) { f.PowerOff(host) },
		Kill:     func(_ *testing.T, host string) { f.Kill(host) },
	})
	if v := f.Volumes(); len(v) != 0 {
		t.Errorf("volumes left: %v", v)
	}
}

func TestFakeFailsWhereItIsTold(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	f := machinetest.NewFake()
	f.Fault = func(method, id string) error {
		if method == "CreateVolume" && id == "vol-1" {
			return broken
		}
		return nil
	}
	if err := f.CreateVolume(t.Context(), machine.Volume{ID: "vol-1", SizeGiB: 1}); !errors.Is(err, broken) {
		t.Errorf("got %v, want the fault", err)
	}
	if err := f.CreateVolume(t.Context(), machine.Volume{ID: "vol-2", SizeGiB: 1}); err != nil {
		t.Errorf("another volume: %v", err)
	}
	if _, made := f.Volumes()["vol-1"]; made {
		t.Error("the failed call made its volume")
	}
}
