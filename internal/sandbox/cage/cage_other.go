//go:build !linux

package cage

import (
	"context"
	"net/netip"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// Cage cannot be on this system: Start makes none. The package compiles so that all else of the program runs here.
type Cage struct{ machine.Machine }

func unsupported() error {
	return errs.New(errs.Unavailable, "the sandbox runs on Linux only").WithRemedy("Run Slipway in a Linux virtual machine, as root.")
}

// Start returns an error.
func Start(context.Context, Config) (*Cage, error) { return nil, unsupported() }

// Adopt returns an error.
func Adopt(context.Context, Config) (*Cage, error) { return nil, unsupported() }

// PublicRange is never called, since there is no Cage.
func (c *Cage) PublicRange() netip.Prefix { return netip.Prefix{} }

// MachineAddress is never called, since there is no Cage.
func (c *Cage) MachineAddress() netip.Addr { return netip.Addr{} }

// Done is never called, since there is no Cage.
func (c *Cage) Done() <-chan struct{} { return nil }

// Destroy is never called, since there is no Cage.
func (c *Cage) Destroy(context.Context) error { return unsupported() }

// Sweep has nothing to do.
func Sweep(context.Context, Config) error { return nil }

// RunHolder returns an error.
func RunHolder(context.Context, []string) error { return unsupported() }

// RunHostInit returns an error.
func RunHostInit([]string) error { return unsupported() }
