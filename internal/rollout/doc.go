// Package rollout turns the hosts of an inventory into a cluster: phases over hosts by SSH, in parallel with a limit. It also takes a node out
// of the cluster before its instance ends, and checks a cluster for `slipway status`.
//
// Nothing is remembered between runs: each phase looks at the hosts and changes what differs, so a run that was killed is mended by the next
// one, and a second run changes nothing. The phases are packages of their own: preflight, disk, engine and swarm.
//
// It imports the domain and base layers, and no other service. A Rollout is safe for concurrent use.
package rollout
