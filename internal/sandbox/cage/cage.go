package cage

import (
	"context"
	"log/slog"
	"net/netip"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// Config says where a cage keeps its things. Two cages on one machine differ in all of ID, StateDir, RunDir and
// PublicRange.
type Config struct {
	// ID names the sandbox in cgroups and links: 1 to 32 of a-z, 0-9 and dash.
	ID string
	// StateDir holds what survives the holder: volumes/ with the block images, logs/ with the holder's log.
	StateDir string
	// RunDir holds sockets: cage.sock, and metadata.sock, to which the metadata service's requests are forwarded.
	RunDir string
	// ImageDir holds the bootstrapped images (package image); empty for image.DefaultDir.
	ImageDir string
	// PublicRange is where public addresses of instances and load balancers come from. Its first 16 addresses belong
	// to the cage: the first is the machine's own, as instances see it. The zero value takes the first free range;
	// Cage.PublicRange tells which.
	PublicRange netip.Prefix
	// Lifeline ties the holder's life to this process: it ends, with all that runs inside, when this process does.
	Lifeline bool
	// Self is the command line that the hidden commands "holder" and "host-init" are appended to; empty for this
	// executable with the word sandbox. Tests give their own binary.
	Self []string
	// Logger of the client side; the holder writes to StateDir/logs/holder.log.
	Logger *slog.Logger
}

// Cage is a running holder as its client sees it.
type Cage struct{ cfg Config }

var _ machine.Machine = (*Cage)(nil)

// Start returns the cage of the configuration: it adopts the holder that runs already, or sweeps what a dead one left
// and starts a new one, in which no host runs yet.
func Start(_ context.Context, cfg Config) (*Cage, error) {
	return nil, errs.New(errs.Internal, "the cage is not there yet")
}

// PublicRange returns the range that public addresses must come from, its first 16 addresses excepted.
func (c *Cage) PublicRange() netip.Prefix { return c.cfg.PublicRange }

// MachineAddress returns the address of the machine itself, as instances see its connections come in.
func (c *Cage) MachineAddress() netip.Addr { return c.cfg.PublicRange.Addr() }

// Done is closed when the holder has ended, for whatever reason.
func (c *Cage) Done() <-chan struct{} { return nil }

// Destroy ends the holder with all that runs inside and waits until nothing of it is left on the machine but the state
// directory.
func (c *Cage) Destroy(_ context.Context) error { return nil }

// SetNetwork implements machine.Machine.
func (c *Cage) SetNetwork(_ context.Context, n machine.Network) error { return nil }

// CreateVolume implements machine.Machine.
func (c *Cage) CreateVolume(_ context.Context, v machine.Volume) error { return nil }

// DeleteVolume implements machine.Machine.
func (c *Cage) DeleteVolume(_ context.Context, id string) error { return nil }

// StartHost implements machine.Machine.
func (c *Cage) StartHost(_ context.Context, h machine.Host) error { return nil }

// StopHost implements machine.Machine.
func (c *Cage) StopHost(_ context.Context, id string, force bool) error { return nil }

// RebootHost implements machine.Machine.
func (c *Cage) RebootHost(_ context.Context, id string) error { return nil }

// AttachVolume implements machine.Machine.
func (c *Cage) AttachVolume(_ context.Context, hostID string, a machine.Attachment) error { return nil }

// DetachVolume implements machine.Machine.
func (c *Cage) DetachVolume(_ context.Context, hostID, volumeID string) error { return nil }

// Status implements machine.Machine.
func (c *Cage) Status(_ context.Context) (machine.Status, error) { return machine.Status{}, nil }

// Sweep removes what dead sandboxes left on the machine: cgroup directories, backstop routes, loop device nodes. It
// looks at every sandbox, not only at cfg's, and touches none that lives.
func Sweep(_ context.Context, cfg Config) error { return nil }

// RunHolder is the body of the hidden command "holder"; args is what followed that word. It returns when the cage ends.
func RunHolder(_ context.Context, args []string) error { return nil }

// RunHostInit is the body of the hidden command "host-init"; args is what followed that word. It returns only an error:
// otherwise the process has become the host's init. Call it from main's goroutine, before anything starts others.
func RunHostInit(args []string) error { return nil }
