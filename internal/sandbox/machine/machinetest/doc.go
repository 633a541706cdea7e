// Package machinetest holds an in-memory double of machine.Machine and the contract suite that it and the real cage pass.
//
// The double keeps state and refuses what the cage would refuse, so that the services above can be tested without root
// and in no time. It is safe for concurrent use. Only tests may import this package.
package machinetest
