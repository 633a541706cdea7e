// Package ec2 is the sandbox's EC2: networks, security groups, instances and volumes as AWS's API describes, creates,
// changes and refuses them.
//
// An action reads its parameters, checks them as AWS does and changes the account in the store, nothing else: what must
// happen on the machine for it, and the transitions that take time, are the reconciler's (package reconcile). One file
// per kind of resource; service.go lists the actions. It must not import other services. Everything is safe for
// concurrent use; a scope belongs to one call.
package ec2
