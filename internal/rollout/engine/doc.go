// Package engine installs and configures Docker Engine on a host: which package and version, daemon.json, and the unit that starts it.
// The engine is stock: a distribution's package or docker-ce, its version held.
//
// It imports the domain and base layers. Its functions are safe for concurrent use on different hosts; a restart of an engine is left to
// the caller, who knows what else must not restart meanwhile.
package engine
