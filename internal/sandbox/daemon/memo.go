package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// memo is what a daemon remembers for the next one.
type memo struct {
	PublicRange netip.Prefix    `json:"publicRange"`
	Settings    settings.Values `json:"settings"`
}

// recall reads the memo; a sandbox without one has the defaults.
func recall(cfg Config) (memo, error) {
	m := memo{Settings: settings.Defaults()}
	content, err := os.ReadFile(cfg.memoFile())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return m, fmt.Errorf("read %s: %w", cfg.memoFile(), err)
	default:
		if err := json.Unmarshal(content, &m); err != nil {
			return m, fmt.Errorf("read %s: %w", cfg.memoFile(), err)
		}
	}
	if cfg.PublicRange.IsValid() {
		m.PublicRange = cfg.PublicRange
	}
	if cfg.Latency != "" {
		m.Settings.Latency, m.Settings.Scale = cfg.Latency, 1
	}
	return m, nil
}

// save writes the memo.
func (m memo) save(cfg Config) error {
	content, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	if err := state.WriteFile(cfg.memoFile(), append(content, '\n')); err != nil {
		return fmt.Errorf("save settings: %w", err)
	}
	return nil
}

// writeCredentials writes the root user's key as the AWS tools read it.
func writeCredentials(cfg Config, key state.Key) error {
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key.ID, key.Secret)
	if err := state.WriteFile(cfg.credentialsFile(), []byte(text)); err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	return nil
}
