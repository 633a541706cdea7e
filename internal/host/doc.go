// Package host reaches a machine by SSH: it runs commands, puts files where they differ, gathers facts in one round trip
// and opens the engine's API. It owns keys and the pinning of host keys.
//
// It imports the cluster's types and the base layer; it knows nothing of phases, of what a node is for or of the cloud.
// A Conn is safe for concurrent use: its commands share one multiplexed connection. A Dialer is safe for concurrent use.
//
// Nothing secret may be put into a Command: a command line shows in the process list of the host and in the log. Secrets
// travel on standard input or in a body of the engine's API.
package host
