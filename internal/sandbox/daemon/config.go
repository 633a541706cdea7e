package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"path/filepath"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
)

// The places of the sandbox that a machine has unless somebody asks for another one.
const (
	DefaultStateDir = "/var/lib/slipway/sandbox"
	DefaultRunDir   = "/run/slipway/sandbox"
	DefaultListen   = "127.0.0.1:4570"
)

// Config says which sandbox is meant and how it runs. Sandboxes that differ in StateDir, RunDir, Listen and PublicRange run
// side by side.
type Config struct {
	StateDir string // what survives: the account, volumes, the log; empty for DefaultStateDir
	RunDir   string // sockets and locks; empty for DefaultRunDir
	ImageDir string // cache of images; empty for the one that all sandboxes share
	Listen   string // host:port of the API, port 0 for any free one; empty for DefaultListen
	// PublicRange is where public addresses come from; the zero value is what it was before, or the first free range.
	PublicRange netip.Prefix
	Latency     settings.Profile // empty for what it was before, or fast
	// Foreground ties everything to the daemon: when it ends, for whatever reason, nothing of the sandbox is left running.
	Foreground bool
}

// withDefaults returns the configuration with nothing left empty that has a default.
func (c Config) withDefaults() Config {
	or := func(v *string, def string) {
		if *v == "" {
			*v = def
		}
	}
	or(&c.StateDir, DefaultStateDir)
	or(&c.RunDir, DefaultRunDir)
	or(&c.Listen, DefaultListen)
	return c
}

// arguments is the command line, behind "slipway sandbox", that runs a daemon with the configuration.
func (c Config) arguments() []string {
	args := []string{"daemon", "--state-dir", c.StateDir, "--run-dir", c.RunDir, "--listen", c.Listen}
	if c.ImageDir != "" {
		args = append(args, "--image-dir", c.ImageDir)
	}
	if c.PublicRange.IsValid() {
		args = append(args, "--public-range", c.PublicRange.String())
	}
	if c.Latency != "" {
		args = append(args, "--latency", string(c.Latency))
	}
	if c.Foreground {
		args = append(args, "--foreground")
	}
	return args
}

// id names the sandbox in what the machine shares: cgroups and links.
func (c Config) id() string {
	if c.StateDir == DefaultStateDir {
		return "main"
	}
	sum := sha256.Sum256([]byte(c.StateDir))
	return "s" + hex.EncodeToString(sum[:4])
}

func (c Config) accountFile() string     { return filepath.Join(c.StateDir, "account.json") }
func (c Config) credentialsFile() string { return filepath.Join(c.StateDir, "credentials") }
func (c Config) memoFile() string        { return filepath.Join(c.StateDir, "sandbox.json") }
func (c Config) logFile() string         { return filepath.Join(c.StateDir, "daemon.log") }
func (c Config) controlSocket() string   { return filepath.Join(c.RunDir, "control.sock") }
func (c Config) metadataSocket() string  { return filepath.Join(c.RunDir, "metadata.sock") }
func (c Config) cageSocket() string      { return filepath.Join(c.RunDir, "cage.sock") }
func (c Config) daemonLock() string      { return filepath.Join(c.RunDir, "daemon.lock") }
func (c Config) startLock() string       { return filepath.Join(c.RunDir, "start.lock") }
