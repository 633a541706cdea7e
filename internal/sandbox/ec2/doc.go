// Package ec2 is the sandbox's EC2: networks, security groups, instances and volumes as AWS's API describes, creates,
// changes and refuses them.
//
// An action reads its parameters, checks them as AWS does and changes the account in the store, nothing else: what must
// happen on the machine for it, and the transitions that take time, are the reconciler's (package reconcile). Package
// call is the frame of the actions, vpc and compute hold most of them; here are those that need no kind of their own:
// tags, and what the cloud has to offer. None of them may import other services. Everything is safe for concurrent use.
package ec2
