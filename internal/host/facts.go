package host

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
)

//go:embed facts.sh
var factsScript string

// Facts is what a host says about itself. Nothing in it is what we wish: an unknown is zero.
type Facts struct {
	Hostname   string
	OS         OS
	Kernel     string // release, as uname -r prints it
	Arch       string // as Debian names it: amd64, arm64
	Init       string // name of process 1
	Systemd    bool   // systemd is process 1 and manages the host
	CPUs       int
	MemoryMiB  int
	ClockSkew  time.Duration    // the host's clock against ours; right to about half the round trip
	MTU        int              // of the link of the default route
	Addresses  []string         // IPv4
	IPVS       bool             // the kernel has IPVS, or can load it
	Volumes    []Volume         // the EBS volumes that are attached
	Mounts     []Mount          // the mounts of block devices
	Free       map[string]Space // of the filesystems of / and /var/lib/docker, by directory
	Engine     EngineFacts
	ListsAge   time.Duration // since apt has read what its repositories offer; 0: it never has
	CloudInit  string        // cloud-init's status: running, done, ...; empty where there is none
	MeasuredIn time.Duration // how long gathering took
}

// OS is a Linux distribution as /etc/os-release names it.
type OS struct {
	ID       string // debian, ubuntu
	Version  string // 12, 24.04
	Codename string // bookworm, noble
	Name     string // for people
}

// Volume is an attached EBS volume.
type Volume struct {
	ID              string // vol-0123...
	Link            string // /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123...
	Device          string // what the link points to
	Bytes           int64
	Filesystem      string // empty: none that is known
	FilesystemBytes int64  // of ext4; 0: not known
}

// Mount is a mounted block device.
type Mount struct{ Source, Target, Filesystem string }

// Space is a filesystem's size, in MiB.
type Space struct{ TotalMiB, FreeMiB int }

// EngineFacts is what is installed of Docker Engine.
type EngineFacts struct {
	Packages   map[string]string // installed packages of the engine's family and their versions
	Unfinished []string          // packages of the family whose installation was interrupted
	Held       []string          // packages that apt may not change
	CLI        string            // path of the docker command; may be there without a package
	Active     string            // systemd's ActiveState of docker.service: active, inactive, failed, ...
	Enabled    bool
	DaemonJSON string // SHA-256 of /etc/docker/daemon.json, hexadecimal; empty: no file
	Outdated   bool   // daemon.json was written after the running engine had started, which has not read it
}

// Runner runs commands on a host.
type Runner interface {
	Name() string
	Run(ctx context.Context, c Command) (Output, error)
}

// Gather reads a host's facts in one round trip. It changes nothing there.
func Gather(ctx context.Context, h Runner) (Facts, error) {
	began := time.Now()
	out, err := h.Run(ctx, Script(factsScript))
	ended := time.Now()
	if err != nil {
		return Facts{}, fmt.Errorf("gather facts of %s: %w", h.Name(), err)
	}
	raw, err := parseFacts(out.Stdout)
	if err != nil {
		return Facts{}, errs.Wrap(errs.Internal, err, "the facts of "+h.Name()+" cannot be read").
			WithRemedy("check that the login shell of the host prints nothing of its own (.bashrc, .profile)")
	}
	facts := raw.facts
	facts.MeasuredIn = ended.Sub(began)
	if !raw.clock.IsZero() {
		// The script reads the clock first, so the host's moment is nearer to the beginning than to the end: the error is below the round trip.
		facts.ClockSkew = skew(raw.clock, began, ended)
	}
	return facts, nil
}

// skew returns by how much a clock that was read between two moments is ahead of ours; nothing when it lies between them.
func skew(clock, began, ended time.Time) time.Duration {
	// Wall clocks are compared, so the monotonic readings are dropped.
	began, ended = began.Round(0), ended.Round(0)
	switch {
	case clock.Before(began):
		return clock.Sub(began)
	case clock.After(ended):
		return clock.Sub(ended)
	default:
		return 0
	}
}

// VolumeByID returns the attached EBS volume of the id, vol-0123....
func (f Facts) VolumeByID(id string) (Volume, bool) {
	for _, v := range f.Volumes {
		if v.ID == id {
			return v, true
		}
	}
	return Volume{}, false
}

// MountAt returns what is mounted at a directory: the last one, which covers the others.
func (f Facts) MountAt(target string) (Mount, bool) {
	for i := len(f.Mounts) - 1; i >= 0; i-- {
		if f.Mounts[i].Target == target {
			return f.Mounts[i], true
		}
	}
	return Mount{}, false
}
