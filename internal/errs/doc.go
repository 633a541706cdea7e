// Package errs holds the one error vocabulary of Slipway: a closed set of kinds, an error type whose text for people is
// apart from its cause, and the questions that callers ask of any error.
//
// It imports only the standard library and is safe for concurrent use, since its values are immutable.
package errs
