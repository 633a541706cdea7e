// Package cli is Slipway's command line: one file per command, the output formats, the rendering of errors, and the table
// of exit codes. Commands read flags, call package app, and print what it returns; they decide nothing themselves.
//
// Data goes to standard output and nothing else does; progress, questions, messages and errors go to standard error.
// The package may import everything below it, but reaches services only through app. One process runs one command;
// the displays of package progress are what goroutines share.
package cli
