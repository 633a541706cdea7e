// Package resource holds the words of provisioning: a key, what a document wants (Task), what exists (Object), how a
// kind is found and removed (Kind, Finder), and the pure comparison of the two that makes a plan.
//
// It imports the base layer only, knows no cloud, and does no I/O. Values are not changed after they are made, so they
// may be read concurrently; World is safe for concurrent use.
package resource
