package errs

import (
	"context"
	"errors"
	"strings"
)

// Kind says what sort of failure an error is. The set is closed: renderers map each kind to an exit code or to an
// HTTP status, and a test proves that they map all of them.
type Kind uint8

// The kinds. Internal is the zero value, so that an error nobody classed is never taken for the user's fault.
const (
	Internal        Kind = iota // a bug, or a failure that nothing more is known of
	Invalid                     // the input is wrong; the same call will never work
	Unauthenticated             // no credentials, or ones that are expired or not accepted
	Forbidden                   // known, but not allowed
	NotFound                    // the named thing does not exist
	Conflict                    // the state of the world, or another operator, stands against it
	Unavailable                 // something does not answer now; later it may
	Exhausted                   // a limit, a quota or a disk is full
)

//nolint:gochecknoglobals // a table that nothing writes
var kindNames = [...]string{
	Internal: "internal", Invalid: "invalid", Unauthenticated: "unauthenticated", Forbidden: "forbidden",
	NotFound: "not found", Conflict: "conflict", Unavailable: "unavailable", Exhausted: "exhausted",
}

// Kinds returns every kind, in order, for tables that must cover them all.
func Kinds() []Kind {
	kinds := make([]Kind, len(kindNames))
	for i := range kinds {
		kinds[i] = Kind(i)
	}
	return kinds
}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return "internal"
	}
	return kindNames[k]
}

// Error is a failure as a person meets it. Message says what was wrong and where; Remedy says what to do next, and may
// be empty; Cause is for the log and for errors.Is, and is printed after the message.
type Error struct {
	Kind      Kind
	Message   string
	Remedy    string
	Cause     error
	Retryable bool // the same call may succeed later without anybody doing anything
}

// New returns an error of the kind with a message and no cause.
func New(kind Kind, message string) *Error { return &Error{Kind: kind, Message: message} }

// Wrap returns an error of the kind with a message in front of its cause.
func Wrap(kind Kind, cause error, message string) *Error {
	return &Error{Kind: kind, Message: message, Cause: cause}
}

// WithRemedy returns a copy of e that tells the user what to do next.
func (e *Error) WithRemedy(remedy string) *Error {
	c := *e
	c.Remedy = remedy
	return &c
}

// WithRetry returns a copy of e that says that the same call may succeed later.
func (e *Error) WithRetry() *Error {
	c := *e
	c.Retryable = true
	return &c
}

// Error returns message and cause on one line, without the remedy.
func (e *Error) Error() string {
	switch {
	case e.Cause == nil:
		return e.Message
	case e.Message == "":
		return e.Cause.Error()
	default:
		return e.Message + ": " + e.Cause.Error()
	}
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// KindOf returns the kind of the outermost *Error in err's chain; of joined errors, the first that has one.
// A cancelled or expired context is Unavailable; everything else is Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Unavailable
	}
	return Internal
}

// Is reports whether err is of the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Retryable reports whether the outermost *Error in err's chain says that the same call may succeed later.
func Retryable(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Retryable
}

// Remedies returns what the chain of err, joined errors included, advises to do, outermost first and each once.
func Remedies(err error) []string {
	var all []string
	seen := map[string]bool{}
	walk(err, func(e *Error) {
		r := strings.TrimSpace(e.Remedy)
		if r != "" && !seen[r] {
			seen[r] = true
			all = append(all, r)
		}
	})
	return all
}

func walk(err error, visit func(*Error)) {
	if err == nil {
		return
	}
	if e, ok := err.(*Error); ok { //nolint:errorlint // each layer of the chain is visited by itself
		visit(e)
	}
	switch u := err.(type) { //nolint:errorlint // the same
	case interface{ Unwrap() error }:
		walk(u.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, inner := range u.Unwrap() {
			walk(inner, visit)
		}
	}
}
