// Package rollouttest is a stateful double of a fleet of hosts: Debian machines with disks, packages, files and systemd, and engines that form
// swarms with a raft group that knows quorum. The engines speak the real HTTP API, so that the product's own client is tested against them.
//
// It is for tests only. A Fleet is safe for concurrent use; the fields of a Host are set before it is used, or under Fleet.Do.
package rollouttest
