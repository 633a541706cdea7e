// Package provision makes the infrastructure of a cluster be what its document says: document -> wanted resources ->
// what exists, found by identity -> plan -> apply, or destroy. It keeps no state of its own.
//
// The words are in resource, the ready-queue in graph, the lease between operators in lease, the kinds of AWS resources
// in awstask. It must import neither rollout nor the sandbox: taking a node out of service is behind Retirer. A
// Provisioner is safe for concurrent use, but applies one plan at a time: the lease sees to that.
package provision
