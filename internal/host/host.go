package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/slipway-project/slipway/internal/errs"
)

// Host is a machine that commands can be run on. *Conn is the one by SSH; tests have stateful doubles.
type Host interface {
	// Name of the node, for messages.
	Name() string
	// Run runs a command and waits for it. A command that ends with another code than 0 is an *ExitError; its output is returned as well.
	Run(ctx context.Context, c Command) (Output, error)
	// Put makes a file's content and mode as wanted, atomically, and reports whether anything differed before.
	Put(ctx context.Context, f File) (changed bool, err error)
	// DialEngine opens a connection to the API of the host's Docker Engine.
	DialEngine(ctx context.Context) (net.Conn, error)
	// Close ends the connection to the host and everything that runs over it.
	Close() error
}

// Command is one command to run on a host, given as arguments so that nothing depends on a shell's quoting.
type Command struct {
	Args  []string          // program and arguments; never a secret
	Env   map[string]string // set for the command only
	Stdin io.Reader         // nil = nothing
	Root  bool              // run as root, by sudo where the login is not root's
}

// Sudo returns a command that root runs.
func Sudo(args ...string) Command { return Command{Args: args, Root: true} }

// Script returns a POSIX shell script that root runs, fed over standard input so that it has no length limit and shows in no process list.
func Script(body string, args ...string) Command {
	return Command{Args: append([]string{"sh", "-s", "--"}, args...), Stdin: strings.NewReader(body), Root: true}
}

// String returns the command as a shell would take it, for messages.
func (c Command) String() string { return quoteAll(c.Args) }

// Output is what a command wrote, each stream up to a limit.
type Output struct {
	Stdout []byte
	Stderr []byte
}

// Text returns standard output without the white space around it.
func (o Output) Text() string { return strings.TrimSpace(string(o.Stdout)) }

// File is a file as it is wanted on a host, owned by root.
type File struct {
	Path    string // absolute; missing directories above it are made with mode 0755
	Mode    fs.FileMode
	Content []byte
}

// ExitError says that a command on a host ended with another code than 0.
type ExitError struct {
	Host    string
	Command string
	Code    int // -1: the command was ended by a signal
	Stderr  string
}

// Error returns command, code and the last thing that the command complained of.
func (e *ExitError) Error() string {
	return fmt.Sprintf("run %s on %s: exit code %d%s", shorten(e.Command), e.Host, e.Code, complaint(e.Stderr))
}

// ExitCode returns the exit code of the command that err tells of; 0 for no error, and -1 for an error of another sort.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	var exit *ExitError
	if errors.As(err, &exit) {
		return exit.Code
	}
	return -1
}

// classify makes an exit into an error of a kind where the cause is one that every command may meet.
func classify(exit *ExitError) error {
	switch stderr := exit.Stderr; {
	case strings.Contains(stderr, "No space left on device"):
		return errs.Wrap(errs.Exhausted, exit, "the disk of "+exit.Host+" is full").
			WithRemedy("free space on " + exit.Host + " (`slipway ssh " + exit.Host + " -- df -h`), or give it a bigger volume, and run the command again")
	case strings.Contains(stderr, "sudo: a password is required"), strings.Contains(stderr, "is not in the sudoers file"),
		strings.Contains(stderr, "sudo: a terminal is required"):
		return errs.Wrap(errs.Forbidden, exit, "the login on "+exit.Host+" may not use sudo without a password").
			WithRemedy("let the login of " + exit.Host + " use sudo without a password, or log in as another one (ssh.user)")
	default:
		return exit
	}
}

// complaint returns the last lines that say what is wrong in what a command wrote to standard error.
func complaint(stderr string) string {
	var lines []string
	for line := range strings.Lines(stderr) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	var chosen []string
	for _, line := range lines {
		if strings.HasPrefix(line, "E: ") || strings.HasPrefix(line, "Error") || strings.HasPrefix(line, "error") {
			chosen = append(chosen, line)
		}
	}
	if len(chosen) == 0 {
		chosen = lines
	}
	if len(chosen) > 2 {
		chosen = chosen[len(chosen)-2:]
	}
	if len(chosen) == 0 {
		return ""
	}
	return ": " + strings.Join(chosen, "; ")
}

// shorten cuts a command for a message.
func shorten(command string) string {
	const limit = 120
	if len(command) <= limit {
		return command
	}
	return command[:limit] + "..."
}
