package cli

import (
	"bufio"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/app"
	"github.com/slipway-project/slipway/internal/cli/progress"
	"github.com/slipway-project/slipway/internal/obs"
)

// longWork marks the commands whose progress is shown; the others are over before anybody wonders.
const longWork = "slipway.long"

// quietestLevel is the log level of a command that has another one than the rest: a daemon's log is read by somebody.
const quietestLevel = "slipway.level"

const (
	formatText = "text"
	formatJSON = "json"

	defaultFile = "cluster.yaml"
)

// session is one run of one command: the process, the global flags, and the display and logger made from them.
type session struct {
	process  Process
	stderr   io.Writer // safe for concurrent use: the display, questions and signals write there
	stdin    *bufio.Reader
	file     string
	quiet    bool
	parallel int

	sandboxConfig app.SandboxConfig
	format        *choice
	level         *choice

	display *switchable
	started bool // the command line was understood and the command runs

	mu     sync.Mutex // guards what follows: a signal may want to write before the command line is understood
	logger *slog.Logger
	json   bool // messages are lines of the JSON log
}

func newSession(p Process) *session {
	stderr := &locked{out: p.Stderr}
	s := &session{process: p, stderr: stderr, stdin: bufio.NewReader(p.Stdin), display: &switchable{now: progress.Silent(stderr)}}
	s.sandboxConfig = app.SandboxFromEnv(p.Getenv)
	s.logger = slog.New(slog.NewTextHandler(s.display, nil))
	return s
}

// deps returns what the composition roots stand on. It is for commands that run: before, there is no logger.
func (s *session) deps() app.Deps {
	return app.Deps{Logger: s.logger, Progress: s.display, Getenv: s.process.Getenv, Root: s.process.Root}
}

// operator returns the composition root of the commands on a cluster.
func (s *session) operator() *app.Operator {
	return app.NewOperator(s.deps(), app.OperatorConfig{Sandbox: s.sandboxConfig, Parallel: s.parallel})
}

// sandbox returns the composition root of the commands on the sandbox.
func (s *session) sandbox() *app.Sandbox { return app.NewSandbox(s.deps(), s.sandboxConfig) }

// logsJSON reports whether --log-format asks for JSON.
func (s *session) logsJSON() bool { return s.format != nil && s.format.value == formatJSON }

// addGlobalFlags adds the flags that every command has.
func (s *session) addGlobalFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVarP(&s.file, "file", "f", defaultFile, "the cluster document")
	flags.BoolVarP(&s.quiet, "quiet", "q", false, "show no progress")
	_ = root.MarkPersistentFlagFilename("file", "yaml", "yml")
	s.level = choiceFlag(root, true, "log-level", "", "least level of log lines on standard error", "warn", "debug", "info", "error")
	s.format = choiceFlag(root, true, "log-format", "", "form of progress, messages and logs on standard error", formatText, formatJSON)
}

// start makes the display and the logger, once the flags are known.
func (s *session) start(cmd *cobra.Command, _ []string) error {
	if level, ok := cmd.Annotations[quietestLevel]; ok && !cmd.Flags().Changed("log-level") {
		s.level.value = level
	}
	logger, err := obs.NewLogger(s.display, obs.LogConfig{Format: obs.LogFormat(s.format.value), Level: s.level.value})
	if err != nil {
		return err
	}
	_, long := cmd.Annotations[longWork]
	s.display.use(s.newDisplay(long && !s.quiet, s.logsJSON()))
	s.started = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logger, s.json = logger, s.logsJSON()
	return nil
}

func (s *session) newDisplay(shown, json bool) progress.Display {
	switch {
	case !shown:
		return progress.Silent(s.stderr)
	case json:
		return progress.NewJSON(s.stderr)
	case s.process.IsTerminal(s.process.Stderr) && s.process.Getenv("TERM") != "dumb":
		return progress.NewLive(s.stderr, s.process.Size, s.style())
	default:
		return progress.NewPlain(s.stderr)
	}
}

// style asks the environment what the terminal can show.
func (s *session) style() progress.Style {
	locale := s.process.Getenv("LC_ALL") + s.process.Getenv("LC_CTYPE") + s.process.Getenv("LANG")
	return progress.Style{
		Color:   s.process.Getenv("NO_COLOR") == "",
		Unicode: strings.Contains(strings.ToUpper(strings.ReplaceAll(locale, "-", "")), "UTF8"),
	}
}

// interactive reports whether somebody is there to be asked.
func (s *session) interactive() bool {
	return s.process.IsTerminal(s.process.Stdin) && s.process.IsTerminal(s.process.Stderr)
}
