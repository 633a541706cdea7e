package cli

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/app"
)

// sandboxDaemonCommand is the process that serves the API.
func (s *session) sandboxDaemonCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "daemon", Short: "Serve the sandbox's API", Hidden: true, Args: noArgs, Annotations: map[string]string{quietestLevel: "info"}}
	cmd.Flags().StringVar(&s.sandboxConfig.Latency, "latency", s.sandboxConfig.Latency, "none, fast or aws")
	cmd.Flags().BoolVar(&s.sandboxConfig.Foreground, "foreground", false, "end when standard input closes")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.sandbox().RunDaemon(cmd.Context(), s.lifeline())
	}
	return cmd
}

// sandboxHolderCommand is process 1 of the cage. Its arguments are the cage's own.
func (s *session) sandboxHolderCommand() *cobra.Command {
	return &cobra.Command{
		Use: "holder", Short: "Hold the sandbox's namespaces", Hidden: true, DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error { return app.SandboxHolder(cmd.Context(), args) },
	}
}

// sandboxHostInitCommand is the first code in an instance; Run calls it before anything else, so this is for the help.
func (s *session) sandboxHostInitCommand() *cobra.Command {
	return &cobra.Command{
		Use: "host-init", Short: "Become an instance's init process", Hidden: true, DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error { return app.SandboxHostInit(args) },
	}
}

// lifeline returns standard input where its end means that whoever started this process is gone: a pipe or a socket. A
// terminal is none, since reading it would stop a process in the background, and neither is a file or /dev/null.
func (s *session) lifeline() io.Reader {
	f, ok := s.process.Stdin.(*os.File)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return nil
	}
	return f
}
