package app

import (
	"context"
	"errors"
	"os"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/sandbox/check"
	"github.com/slipway-project/slipway/internal/sandbox/daemon"
	"github.com/slipway-project/slipway/internal/sandbox/image"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/secret"
)

// SandboxStatus is a sandbox that runs, as it tells of itself.
type SandboxStatus = daemon.Status

// Drill is a way to break an instance on purpose.
type Drill = daemon.Drill

// CheckFinding is one feature of the machine that the sandbox needs, and whether it is there.
type CheckFinding = check.Finding

// CheckError is the level of a finding without which the sandbox cannot run.
const CheckError = check.LevelError

// Sandbox is the composition root behind the commands on the sandbox.
type Sandbox struct {
	deps Deps
	cfg  SandboxConfig
}

// NewSandbox returns the sandbox of the configuration, whether it runs or not. It does no I/O.
func NewSandbox(deps Deps, cfg SandboxConfig) *Sandbox { return &Sandbox{deps: deps, cfg: cfg} }

func (s *Sandbox) client() *daemon.Client { return daemon.NewClient(s.cfg.RunDir) }

// Start returns the status of the sandbox and starts it first where it does not run: it checks the machine, makes the
// hosts' image where it is not cached, and starts the daemon in the background.
func (s *Sandbox) Start(ctx context.Context) (*SandboxStatus, error) {
	cfg, err := s.cfg.daemon()
	if err != nil {
		return nil, err
	}
	if status, err := s.client().Status(ctx); err == nil {
		return status, s.relax(ctx, status, cfg.Latency)
	}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	var status *SandboxStatus
	err = step(s.deps.Progress, "sandbox/start", "start the sandbox", func() (string, error) {
		if status, err = daemon.EnsureRunning(ctx, cfg); err != nil {
			return "", err
		}
		return "answers at " + status.Endpoint, nil
	})
	return status, err
}

// relax puts the latency in force in a sandbox that runs already, if one is asked for.
func (s *Sandbox) relax(ctx context.Context, status *SandboxStatus, latency settings.Profile) error {
	if latency == "" || latency == status.Settings.Latency {
		return nil
	}
	status.Settings.Latency = latency
	return s.client().Set(ctx, status.Settings)
}

// prepare makes sure that the machine can run the sandbox and that its image is there.
func (s *Sandbox) prepare(ctx context.Context) error {
	if !s.deps.Root {
		return errs.New(errs.Forbidden, "the sandbox needs root, to make namespaces, mounts and block devices").
			WithRemedy("Run the command as root, or with sudo -E.")
	}
	if err := step(s.deps.Progress, "sandbox/check", "check this machine", func() (string, error) {
		return "", missing(s.Check(ctx))
	}); err != nil {
		return err
	}
	_, err := image.Ensure(ctx, image.Config{
		Dir: s.cfg.ImageDir, Logger: obs.Component(s.deps.Logger, "image"), Progress: s.deps.Progress,
	}, image.Debian12)
	return err
}

// missing returns an error for each feature without which the sandbox cannot run.
func missing(findings []CheckFinding) error {
	var all []error
	for _, f := range findings {
		if !f.OK && f.Level == CheckError {
			all = append(all, errs.New(errs.Unavailable, "this machine lacks what the sandbox needs: "+f.Name+": "+f.Detail).WithRemedy(f.Remedy))
		}
	}
	return errors.Join(all...)
}

// Status says what runs; errs.Unavailable when the sandbox does not.
func (s *Sandbox) Status(ctx context.Context) (*SandboxStatus, error) { return s.client().Status(ctx) }

// Stop ends the sandbox with all that runs in it; its state stays. One that does not run is no error.
func (s *Sandbox) Stop(ctx context.Context) error {
	cfg, err := s.cfg.daemon()
	if err != nil {
		return err
	}
	return daemon.Stop(ctx, cfg, s.deps.Logger)
}

// Reset removes the sandbox from the machine, and with images the cached images too.
func (s *Sandbox) Reset(ctx context.Context, images bool) error {
	cfg, err := s.cfg.daemon()
	if err != nil {
		return err
	}
	if !s.deps.Root {
		return errs.New(errs.Forbidden, "the sandbox is root's").WithRemedy("Run the command as root, or with sudo -E.")
	}
	if err := daemon.Reset(ctx, cfg, s.deps.Logger); err != nil || !images {
		return err
	}
	dir := s.cfg.ImageDir
	if dir == "" {
		dir = image.DefaultDir
	}
	if err := os.RemoveAll(dir); err != nil {
		return errs.Wrap(errs.Internal, err, "remove the cached images")
	}
	return nil
}

// Check looks at every feature of this machine that the sandbox needs, and says which are missing as an error too.
func (s *Sandbox) Check(ctx context.Context) []CheckFinding { return check.Machine(ctx) }

// CheckErrors returns what Check found missing as errors, one for each.
func CheckErrors(findings []CheckFinding) error { return missing(findings) }

// Drill breaks an instance on purpose, or connects it again.
func (s *Sandbox) Drill(ctx context.Context, drill Drill, instance string) error {
	return s.client().Drill(ctx, drill, instance)
}

// SettingsChange says which settings of a running sandbox change; nil leaves one as it is.
type SettingsChange struct {
	Latency   *string  // none, fast or aws
	Scale     *float64 // multiplies every latency
	RateLimit *float64 // calls a second that are let through; 0 for no limit
}

// Set changes settings of the running sandbox and returns all that are in force.
func (s *Sandbox) Set(ctx context.Context, change SettingsChange) (settings.Values, error) {
	status, err := s.client().Status(ctx)
	if err != nil {
		return settings.Values{}, err
	}
	v := status.Settings
	if change.Latency != nil {
		if v.Latency, err = settings.ParseProfile(*change.Latency); err != nil {
			return v, err
		}
	}
	if change.Scale != nil {
		v.Scale = *change.Scale
	}
	if change.RateLimit != nil {
		v.RateLimit = *change.RateLimit
	}
	return v, s.client().Set(ctx, v)
}

// EnvVar is one variable of an environment.
type EnvVar struct {
	Name  string
	Value secret.Secret
}

// Env returns the variables that point AWS's own tools at the sandbox.
func (s *Sandbox) Env(ctx context.Context) ([]EnvVar, error) {
	status, err := s.client().Status(ctx)
	if err != nil {
		return nil, err
	}
	key, err := readKey(status.Credentials)
	if err != nil {
		return nil, err
	}
	return []EnvVar{
		{"AWS_ENDPOINT_URL", secret.New(status.Endpoint)},
		{"AWS_REGION", secret.New(sandboxRegion)},
		{"AWS_DEFAULT_REGION", secret.New(sandboxRegion)}, // what older tools read
		{"AWS_ACCESS_KEY_ID", secret.New(key.AccessKeyID)},
		{"AWS_SECRET_ACCESS_KEY", secret.New(key.SecretAccessKey)},
	}, nil
}
