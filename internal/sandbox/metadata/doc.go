// Package metadata answers for the cloud inside VPCs: it listens at the metadata service's and the API's link-local
// addresses and forwards each request to the sandbox's daemon, with the name of the endpoint that it came from.
//
// What the answers are is the daemon's affair; only the hop limit is kept here, as the TTL of the answers' packets. A
// Proxy is safe for concurrent use. The package imports no AWS code.
package metadata
