// Package balancer forwards TCP connections from a load balancer's listeners to the targets that its health checks find
// healthy, as a network load balancer does: across all zones, without preserving the client's address.
//
// A Set holds every load balancer of a sandbox; it opens sockets through functions that it is given, so that it knows
// nothing of namespaces. It imports the standard library and the sandbox's machine, and is safe for concurrent use.
package balancer
