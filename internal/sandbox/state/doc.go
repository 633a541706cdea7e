// Package state holds everything that the sandbox's account has, as plain structs in one Store that survives the death
// of its process: the resources of EC2, ELB and SSM per region, of IAM for the whole account.
//
// The services read with View and write with Update; nothing else changes the data. It must not import the services. A
// Store is safe for concurrent use; the Data given to a callback must not be kept after it returns.
package state
