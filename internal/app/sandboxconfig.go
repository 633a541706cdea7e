package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/daemon"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
)

// sandboxRegion is the region of documents that name none.
const sandboxRegion = "us-east-1"

// SandboxConfig says which sandbox is meant and how it is started, as flags and variables give it. Sandboxes that differ
// in StateDir, RunDir, Listen and PublicRange run side by side.
type SandboxConfig struct {
	StateDir    string // what survives: account, volumes, logs, credentials
	RunDir      string // sockets
	ImageDir    string // cache of images; empty for the one that all sandboxes of the machine share
	Listen      string // host:port of the API
	PublicRange string // CIDR block of public addresses; empty for what it was before, or the first free one
	Latency     string // none, fast or aws; empty for what it was before, or fast
	Foreground  bool   // it ends with the process that starts it
}

// SandboxFromEnv returns the configuration that the SLIPWAY_SANDBOX_ variables give, with defaults for what they leave
// out.
func SandboxFromEnv(getenv func(string) string) SandboxConfig {
	or := func(name, def string) string {
		if v := getenv("SLIPWAY_SANDBOX_" + name); v != "" {
			return v
		}
		return def
	}
	return SandboxConfig{
		StateDir: or("STATE_DIR", daemon.DefaultStateDir), RunDir: or("RUN_DIR", daemon.DefaultRunDir), ImageDir: or("IMAGE_DIR", ""),
		Listen: or("LISTEN", daemon.DefaultListen), PublicRange: or("PUBLIC_RANGE", ""), Latency: or("LATENCY", ""),
	}
}

// daemon returns the configuration as the daemon takes it.
func (c SandboxConfig) daemon() (daemon.Config, error) {
	cfg := daemon.Config{StateDir: c.StateDir, RunDir: c.RunDir, ImageDir: c.ImageDir, Listen: c.Listen, Foreground: c.Foreground}
	if c.PublicRange != "" {
		prefix, err := netip.ParsePrefix(c.PublicRange)
		if err != nil {
			return cfg, errs.Wrap(errs.Invalid, err, "read --public-range").WithRemedy("It must be a CIDR block such as 198.18.0.0/16.")
		}
		cfg.PublicRange = prefix
	}
	if c.Latency != "" {
		profile, err := settings.ParseProfile(c.Latency)
		if err != nil {
			return cfg, err
		}
		cfg.Latency = profile
	}
	return cfg, nil
}

// readKey reads the key that the sandbox wrote when it made its account.
func readKey(path string) (aws.Credentials, error) {
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return aws.Credentials{}, errs.Wrap(errs.Forbidden, err, "read the sandbox's credentials").WithRemedy("The sandbox is root's: use sudo -E.")
	case err != nil:
		return aws.Credentials{}, errs.Wrap(errs.Internal, err, "read the sandbox's credentials")
	}
	values := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if name, value, ok := strings.Cut(line, "="); ok {
			values[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	key := aws.Credentials{AccessKeyID: values["aws_access_key_id"], SecretAccessKey: values["aws_secret_access_key"], Source: path}
	if !key.HasKeys() {
		return key, errs.New(errs.Internal, fmt.Sprintf("%s holds no key", path)).WithRemedy("`slipway sandbox reset` makes a new account.")
	}
	return key, nil
}
