//go:build linux

package hosts

import (
	"context"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/blockdev"
	"github.com/slipway-project/slipway/internal/sandbox/cgroups"
	"github.com/slipway-project/slipway/internal/sandbox/netns"
)

// Network gives hosts their namespaces.
type Network interface {
	// Renew returns a fresh namespace connected as the endpoint of the VPC; what was in the one before is cut off.
	Renew(ctx context.Context, vpc, endpoint string) (*netns.Namespace, error)
}

// Deps is what a Supervisor works with.
type Deps struct {
	Network Network
	Volumes blockdev.Files
	Loops   *blockdev.Loops
	Groups  cgroups.Tree
	// Image returns the directory of an image by the name that hosts ask for.
	Image  func(name string) (string, error)
	Logger *slog.Logger
}

// Config says where a Supervisor keeps its things.
type Config struct {
	MountDir string   // private to the cage; each host's root is put together in a directory of it
	LogDir   string   // gets <host>.console, what the host's init says on its console
	Init     []string // the command line of Init: the executable and its arguments
	Sandbox  string   // the sandbox's id
}

// initConfig is what Init is told, as JSON on descriptor 3.
type initConfig struct {
	Sandbox     string              `json:"sandbox"`
	Host        string              `json:"host"`
	Hostname    string              `json:"hostname"`
	Hierarchies []cgroups.Hierarchy `json:"hierarchies"`
	Image       string              `json:"image"` // directory below the overlay
	Dir         string              `json:"dir"`   // empty directory for mounts
	Console     string              `json:"console"`
	Root        string              `json:"root"` // node of the root volume's device
	Disks       []disk              `json:"disks"`
	VCPUs       int                 `json:"vcpus"`
	MemoryMiB   int                 `json:"memoryMiB"`
}

// disk is a volume as the host sees it.
type disk struct {
	Index  int    `json:"index"` // N of /dev/nvme<N>n1; the root volume is 0
	Volume string `json:"volume"`
	Rdev   uint64 `json:"rdev"`
}

// node returns the name of the disk's device below /dev, as on a Nitro instance.
func (d disk) node() string { return "nvme" + strconv.Itoa(d.Index) + "n1" }

// link returns the name of the disk's link below /dev, which tells its volume.
func (d disk) link() string { return filepath.Join("disk/by-id", ByID(d.Volume)) }

// ByID returns the name that a volume has in /dev/disk/by-id of its host.
func ByID(volume string) string {
	return "nvme-Amazon_Elastic_Block_Store_" + strings.ReplaceAll(volume, "-", "")
}
