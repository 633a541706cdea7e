// Package elbv2 is the sandbox's Elastic Load Balancing v2: network load balancers with TCP listeners and target groups.
//
// An action reads its parameters, checks them as AWS does and changes the account in the store, nothing else: what must
// happen on the machine for it, and the transitions that take time, are the reconciler's (package reconcile). It must not
// import other services. Everything is safe for concurrent use; a scope belongs to one call.
package elbv2
