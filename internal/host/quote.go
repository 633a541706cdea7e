package host

import (
	"maps"
	"slices"
	"strings"
)

// plain are the characters that a shell leaves alone.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"

// quote makes a POSIX shell take s as one word.
func quote(s string) string {
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// quoteAll makes a POSIX shell take each argument as one word.
func quoteAll(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = quote(arg)
	}
	return strings.Join(words, " ")
}

// commandLine returns what the login shell of the host is asked to run. The user is the login; root needs no sudo.
func commandLine(c Command, user string) string {
	var args []string
	if c.Root && user != "root" {
		args = append(args, "sudo", "-n", "--")
	}
	if len(c.Env) > 0 {
		args = append(args, "env")
		for _, name := range slices.Sorted(maps.Keys(c.Env)) {
			args = append(args, name+"="+c.Env[name])
		}
	}
	return quoteAll(append(args, c.Args...))
}
