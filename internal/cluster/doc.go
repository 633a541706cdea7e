// Package cluster owns the cluster document: its types, defaults, strict decoding with positions, validation and
// certification rules, and the inventory type that provisioning hands to rollout.
//
// It imports the base layer and the YAML library only, does no I/O beyond the bytes it is given, and its values are
// immutable after Load.
package cluster
