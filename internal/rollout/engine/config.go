package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
)

// Config is how a node's engine is configured.
type Config struct {
	LogDriver string
	Metrics   string       // address and port of the Prometheus metrics; empty: none
	Bridge    netip.Prefix // pool of the engine's own bridge networks, docker0 and docker_gwbridge among them
	Major     int          // of the engine's version: what it understands
}

// bridgeBits is the size of each bridge network out of the pool: 254 containers on one network of one host.
const bridgeBits = 24

// majorContainerd is the version from which on an engine has containerd keep the images unless told otherwise.
const majorContainerd = 29

// daemonFile is /etc/docker/daemon.json.
type daemonFile struct {
	AddressPools []addressPool     `json:"default-address-pools"`
	Features     map[string]bool   `json:"features,omitempty"`
	LiveRestore  bool              `json:"live-restore"` // swarm mode does not work with it
	LogDriver    string            `json:"log-driver,omitempty"`
	LogOptions   map[string]string `json:"log-opts,omitempty"`
	Metrics      string            `json:"metrics-addr,omitempty"`
}

type addressPool struct {
	Base string `json:"base"`
	Size int    `json:"size"`
}

// daemonJSON returns the file's content. Equal configurations give equal bytes.
func daemonJSON(c Config) ([]byte, error) {
	f := daemonFile{
		AddressPools: []addressPool{{Base: c.Bridge.String(), Size: max(bridgeBits, c.Bridge.Bits())}},
		LogDriver:    c.LogDriver,
		Metrics:      c.Metrics,
	}
	if c.LogDriver == "json-file" || c.LogDriver == "local" {
		// Without a limit one talkative container fills the data volume.
		f.LogOptions = map[string]string{"max-size": "50m", "max-file": "3"}
	}
	if c.Major >= majorContainerd {
		// containerd keeps its images on the root volume; the data volume is made for them.
		f.Features = map[string]bool{"containerd-snapshotter": false}
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode daemon.json: %w", err)
	}
	return append(text, '\n'), nil
}

// unitDropIn keeps the engine from starting without its data volume: it would write on the root volume, and find its data gone.
const unitDropIn = `# Written by slipway.
[Unit]
RequiresMountsFor=/var/lib/docker
`

// Configured is what Configure found to be needed besides what it changed.
type Configured struct {
	Changes []string
	Reload  bool // systemd must read its units again
	Restart bool // a running engine must restart to take the configuration
}

// Configure writes the engine's configuration where it differs. It restarts nothing.
func Configure(ctx context.Context, h host.Host, c Config) (Configured, error) {
	var done Configured
	content, err := daemonJSON(c)
	if err != nil {
		return done, err
	}
	if done.Reload, err = h.Put(ctx, host.File{Path: "/etc/systemd/system/docker.service.d/slipway.conf", Mode: 0o644, Content: []byte(unitDropIn)}); err != nil {
		return done, err
	}
	if done.Reload {
		done.Changes = append(done.Changes, "wrote docker.service.d/slipway.conf")
	}
	if done.Restart, err = h.Put(ctx, host.File{Path: "/etc/docker/daemon.json", Mode: 0o644, Content: content}); err != nil {
		return done, err
	}
	if done.Restart {
		done.Changes = append(done.Changes, "wrote daemon.json")
	}
	return done, nil
}

// Start has systemd start the engine now and at every boot; with restart, a running engine is restarted.
func Start(ctx context.Context, h host.Host, facts host.EngineFacts, reload, restart bool) (changes []string, err error) {
	steps := []struct {
		needed bool
		args   []string
		change string
	}{
		{reload, []string{"systemctl", "daemon-reload"}, ""},
		{!facts.Enabled, []string{"systemctl", "enable", "-q", "docker.service"}, "enabled docker.service"},
		{restart && facts.Active == "active", []string{"systemctl", "restart", "docker.service"}, "restarted docker.service"},
		{facts.Active != "active", []string{"systemctl", "start", "docker.service"}, "started docker.service"},
	}
	for _, step := range steps {
		if !step.needed {
			continue
		}
		if _, err := h.Run(ctx, host.Sudo(step.args...)); err != nil {
			return changes, explainUnit(ctx, h, step.args[1], err)
		}
		if step.change != "" {
			changes = append(changes, step.change)
		}
	}
	return changes, nil
}

// explainUnit adds what the engine itself complained of to a failure of systemctl.
func explainUnit(ctx context.Context, h host.Host, verb string, err error) error {
	if host.ExitCode(err) <= 0 {
		return fmt.Errorf("%s docker.service on %s: %w", verb, h.Name(), err)
	}
	reason := ""
	if out, logErr := h.Run(ctx, host.Sudo("journalctl", "-q", "--no-pager", "-o", "cat", "-n", "20", "-u", "docker.service")); logErr == nil {
		reason = lastComplaint(out.Text())
	}
	return errs.Wrap(errs.Internal, err, fmt.Sprintf("the engine of %s does not %s%s", h.Name(), verb, reason)).
		WithRemedy("read its log: slipway ssh " + h.Name() + " -- sudo journalctl -u docker.service -n 50")
}

// lastComplaint returns the last line of the log in which the engine, not systemd, says why it ended.
func lastComplaint(log string) string {
	found := ""
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		if strings.Contains(line, "failed to start daemon") || strings.Contains(line, "level=fatal") || strings.Contains(line, "unable to configure") {
			found = ": " + line
		}
	}
	return found
}
