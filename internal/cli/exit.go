package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/slipway-project/slipway/internal/errs"
)

// The exit codes that stand for a result rather than for a kind of error.
const (
	codeOK          = 0
	codeChanges     = 2
	codeUnhealthy   = 10
	codeInterrupted = 130
)

// ExitCode is one row of the table of exit codes.
type ExitCode struct {
	Code    int
	Kinds   []errs.Kind // the kinds of error that end with this code; empty for a result
	Meaning string
}

// ExitCodes is the one table of exit codes: every command ends with one of these.
func ExitCodes() []ExitCode {
	return []ExitCode{
		{Code: codeOK, Meaning: "The command did what was asked. `plan`: nothing would change. `status`, `up`: the cluster is healthy."},
		{Code: 1, Kinds: []errs.Kind{errs.Internal}, Meaning: "An internal failure, or one that nothing more is known of."},
		{Code: codeChanges, Meaning: "`plan`: something would change."},
		{Code: 3, Kinds: []errs.Kind{errs.Invalid}, Meaning: "The input is wrong: the document, a flag or an argument. Nothing was changed."},
		{Code: 4, Kinds: []errs.Kind{errs.NotFound}, Meaning: "The named thing does not exist: the document, a node, the cluster."},
		{Code: 5, Kinds: []errs.Kind{errs.Conflict}, Meaning: "Something stands against it: another operator holds the lease, `protect` is on, a port is taken, a question was answered with no."},
		{Code: 6, Kinds: []errs.Kind{errs.Unauthenticated}, Meaning: "Credentials are missing, expired or not accepted."},
		{Code: 7, Kinds: []errs.Kind{errs.Forbidden}, Meaning: "A permission is missing; the message names it. Also: the sandbox needs root."},
		{Code: 8, Kinds: []errs.Kind{errs.Unavailable}, Meaning: "Something does not answer now: the sandbox is not running, a host refuses SSH, the cloud is unreachable. Also: this machine lacks what the sandbox needs."},
		{Code: 9, Kinds: []errs.Kind{errs.Exhausted}, Meaning: "A limit is reached: a disk is full, a quota of the account is used up."},
		{Code: codeUnhealthy, Meaning: "`status`, `up`: the cluster is not healthy; the output names the nodes."},
		{Code: codeInterrupted, Meaning: "Interrupted by Ctrl-C or SIGTERM. Running the same command again goes on."},
	}
}

// ExitCodesPage returns the reference page of the exit codes, in Markdown.
func ExitCodesPage() string {
	var b strings.Builder
	b.WriteString(generatedMark)
	b.WriteString("# Exit codes\n\nEvery `slipway` command ends with one of these codes, so that scripts can tell failures apart.\n\n")
	b.WriteString("| code | kind of error | meaning |\n|---|---|---|\n")
	for _, c := range ExitCodes() {
		names := make([]string, len(c.Kinds))
		for i, k := range c.Kinds {
			names[i] = k.String()
		}
		fmt.Fprintf(&b, "| %d | %s | %s |\n", c.Code, strings.Join(names, ", "), c.Meaning)
	}
	return b.String()
}

// result is an exit code that is no failure: nothing is printed for it.
type result int

func (r result) Error() string { return fmt.Sprintf("exit code %d", int(r)) }

// codeOf returns the exit code of what a command returned.
func codeOf(err error) int {
	var r result
	switch {
	case err == nil:
		return codeOK
	case errors.As(err, &r):
		return int(r)
	}
	kind := errs.KindOf(err)
	for _, c := range ExitCodes() {
		for _, k := range c.Kinds {
			if k == kind {
				return c.Code
			}
		}
	}
	return 1
}
