package cage

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/image"
)

// Config says where a cage keeps its things. Two cages on one machine differ in all of ID, StateDir, RunDir and
// PublicRange.
type Config struct {
	// ID names the sandbox in cgroups and links: 1 to 32 of a-z, 0-9 and dash.
	ID string `json:"id"`
	// StateDir holds what survives the holder: volumes/ with the block images, logs/ with the holder's log and the
	// hosts' consoles.
	StateDir string `json:"stateDir"`
	// RunDir holds sockets: cage.sock, and metadata.sock, to which the requests of the metadata service and of the API
	// inside VPCs are forwarded.
	RunDir string `json:"runDir"`
	// ImageDir holds the bootstrapped images (package image); empty for image.DefaultDir.
	ImageDir string `json:"imageDir"`
	// PublicRange is where public addresses of instances and load balancers come from. Its first 16 addresses belong
	// to the cage: the second of them, .1, is the machine's own, as instances see it. The zero value takes the first
	// free range; Cage.PublicRange tells which.
	PublicRange netip.Prefix `json:"publicRange"`
	// Lifeline ties the holder's life to this process: it ends, with all that runs inside, when this process does.
	Lifeline bool `json:"lifeline"`
	// Self is the command line that the hidden commands "holder" and "host-init" are appended to; empty for this
	// executable with the word sandbox. Tests give their own binary.
	Self []string `json:"self"`
	// Logger of the client side; the holder writes to StateDir/logs/holder.log. Nil for the default.
	Logger *slog.Logger `json:"-"`
}

var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// complete checks what the caller chose and fills in the rest, except for the public range.
func (c Config) complete() (Config, error) {
	if !validID.MatchString(c.ID) {
		return c, errs.New(errs.Invalid, fmt.Sprintf("sandbox id %q is not 1 to 32 of a-z, 0-9 and dashes", c.ID))
	}
	if !filepath.IsAbs(c.StateDir) || !filepath.IsAbs(c.RunDir) {
		return c, errs.New(errs.Invalid, "state and run directory of the sandbox must be absolute paths")
	}
	c.ImageDir = cmp.Or(c.ImageDir, image.DefaultDir)
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if len(c.Self) == 0 {
		executable, err := os.Executable()
		if err != nil {
			return c, fmt.Errorf("find own executable: %w", err)
		}
		c.Self = []string{executable, "sandbox"}
	}
	return c, nil
}

func (c Config) socket() string         { return filepath.Join(c.RunDir, "cage.sock") }
func (c Config) metadataSocket() string { return filepath.Join(c.RunDir, "metadata.sock") }
func (c Config) logDir() string         { return filepath.Join(c.StateDir, "logs") }
func (c Config) volumeDir() string      { return filepath.Join(c.StateDir, "volumes") }
func (c Config) privateDir() string     { return filepath.Join(c.RunDir, "cage") } // a tmpfs in the holder's mount namespace

// command returns the command line of a hidden command.
func (c Config) command(words ...string) []string {
	return append(append([]string{}, c.Self...), words...)
}

// encode writes the configuration for the holder.
func (c Config) encode() ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode configuration of the cage: %w", err)
	}
	return text, nil
}
