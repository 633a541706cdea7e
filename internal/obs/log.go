package obs

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/slipway-project/slipway/internal/errs"
)

// LogFormat is how log lines are written.
type LogFormat string

// The formats of log lines.
const (
	LogText LogFormat = "text" // key=value pairs, for people
	LogJSON LogFormat = "json" // one JSON object a line, for machines
)

// LogConfig says what is logged and how. Both fields come from flags.
type LogConfig struct {
	Format LogFormat // text or json; empty means text
	Level  string    // debug, info, warn or error; empty means info
}

// NewLogger returns a logger that writes to w. A format or level that does not exist is errs.Invalid.
func NewLogger(w io.Writer, cfg LogConfig) (*slog.Logger, error) {
	var level slog.Level
	if cfg.Level != "" {
		if err := level.UnmarshalText([]byte(cfg.Level)); err != nil || strings.ContainsAny(cfg.Level, "+-") {
			return nil, errs.New(errs.Invalid, fmt.Sprintf("unknown log level %q: use debug, info, warn or error", cfg.Level))
		}
	}
	options := &slog.HandlerOptions{Level: level}
	switch cfg.Format {
	case LogText, "":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case LogJSON:
		return slog.New(slog.NewJSONHandler(w, options)), nil
	default:
		return nil, errs.New(errs.Invalid, fmt.Sprintf("unknown log format %q: use text or json", cfg.Format))
	}
}

// Component returns a logger whose lines name the part of the program that writes them. Composition roots call it once
// for each part.
func Component(logger *slog.Logger, name string) *slog.Logger { return logger.With("component", name) }
