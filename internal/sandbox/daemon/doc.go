// Package daemon is the life of the sandbox's process: it starts, readies and stops everything in order, serves the AWS
// API on a TCP port and its own control API on a unix socket, and makes sure that one account has one daemon.
//
// Run is the process itself; Client talks to a running one; EnsureRunning, Stop and Reset start, end and remove one from
// outside. The hosts are not its children: when it dies they live on, and the next daemon adopts them. Needs root, but for
// tests with another machine.
package daemon
