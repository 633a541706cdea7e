package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/errs"
)

// errInterrupted is why the context ends when the process is asked to stop.
var errInterrupted = errors.New("interrupted")

// Run runs the command line of the process and returns its exit code. The first signal cancels the command's context:
// no new work begins, and what is under way ends as soon as it can. The second ends the run at once, and the caller
// must exit the process then.
func Run(p Process) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	s := newSession(p)
	ended := make(chan int, 1)
	go func() { ended <- s.run(ctx) }()
	var told chan struct{} // nil before the first signal; closed when the user knows that it was understood
	for {
		select {
		case code := <-ended:
			if told != nil {
				<-told
			}
			return code
		case <-p.Signals:
			if told != nil {
				return codeInterrupted
			}
			told = make(chan struct{})
			cancel(errInterrupted)
			go func() { // a stream that takes nothing must not keep the second signal from being heard
				defer close(told)
				s.stopping()
			}()
		}
	}
}

// run executes the command, renders its error, and returns the exit code.
func (s *session) run(ctx context.Context) int {
	root := newRoot(s)
	root.SetArgs(s.process.Args)
	err := root.ExecuteContext(ctx)
	s.display.Close()
	if err == nil {
		return codeOK
	}
	if !s.started && !hasKind(err) {
		err = errs.Wrap(errs.Invalid, err, "").WithRemedy("`slipway help` lists the commands, `slipway COMMAND --help` explains one.")
	}
	code := codeOf(err)
	switch {
	case errors.As(err, new(result)): // no failure: its output says all
	case errors.Is(context.Cause(ctx), errInterrupted):
		code = codeInterrupted
		s.reportInterrupted(err)
	default:
		s.report(err, code)
	}
	return code
}

// report writes an error in the form of the log.
func (s *session) report(err error, code int) {
	if s.logsJSON() {
		logError(s.display, err, code)
		return
	}
	renderError(s.display, err)
}

// reportInterrupted says how to go on, and what failed besides the interruption.
func (s *session) reportInterrupted(err error) {
	if !errors.Is(err, context.Canceled) && !errors.Is(err, errInterrupted) {
		s.report(err, codeInterrupted)
	}
	s.report(errs.New(errs.Unavailable, "interrupted").WithRemedy("Nothing is lost: run the same command again and it goes on from here."),
		codeInterrupted)
}

// stopping tells the user that the first signal was understood.
func (s *session) stopping() {
	s.message("stopping: what is under way ends first; press Ctrl-C again to stop at once")
}

// message writes a line for people; with a JSON log, a line of it.
func (s *session) message(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	logger, json := s.logger, s.json
	s.mu.Unlock()
	if json {
		logger.Info(text) //nolint:sloglint // messages for people are the one log line whose text varies
		return
	}
	_, _ = fmt.Fprintf(s.display, "%s\n", text)
}

// hasKind reports whether somebody classed the error.
func hasKind(err error) bool {
	var e *errs.Error
	return errors.As(err, &e)
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage(cmd, fmt.Sprintf("%s takes no arguments, got %q", cmd.CommandPath(), args[0]))
}

// oneArg wants exactly one argument, named for the message.
func oneArg(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return usage(cmd, fmt.Sprintf("%s takes one argument, %s, got %d", cmd.CommandPath(), name, len(args)))
	}
}

// usage is the error of a command line that makes no sense.
func usage(cmd *cobra.Command, message string) error {
	return errs.New(errs.Invalid, message).WithRemedy(fmt.Sprintf("`%s --help` explains the command.", cmd.CommandPath()))
}
