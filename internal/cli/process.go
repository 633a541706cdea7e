package cli

import (
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"

	"github.com/slipway-project/slipway/internal/app"
)

// Process is what a command line takes from the process that it runs in.
type Process struct {
	Args    []string // without the program's name
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	Getenv  func(string) string
	Environ []string
	Root    bool // it is root's
	// IsTerminal tells whether a stream is one.
	IsTerminal func(stream any) bool
	// Size is the size of the terminal behind Stderr, in columns and lines.
	Size func() (width, height int)
	// Signals delivers interrupts and requests to end.
	Signals <-chan os.Signal
	// Exec replaces the process by another program.
	Exec func(path string, argv, env []string) error
}

// Main runs the command line of this program and returns its exit code.
func Main() int {
	if len(os.Args) > 2 && os.Args[1] == "sandbox" && os.Args[2] == "host-init" {
		// It becomes another process, and must not have begun anything else: no signals, no goroutines.
		renderError(os.Stderr, app.SandboxHostInit(os.Args[3:]))
		return 1
	}
	return Run(CurrentProcess())
}

// CurrentProcess returns the process that this program is.
func CurrentProcess() Process {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return Process{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv: os.Getenv, Environ: os.Environ(), Root: os.Geteuid() == 0,
		IsTerminal: func(stream any) bool {
			f, ok := stream.(*os.File)
			return ok && term.IsTerminal(int(f.Fd()))
		},
		Size: func() (width, height int) {
			width, height, err := term.GetSize(int(os.Stderr.Fd()))
			if err != nil || width == 0 || height == 0 {
				return 80, 24
			}
			return width, height
		},
		Signals: signals,
		Exec:    syscall.Exec,
	}
}
