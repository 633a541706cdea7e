// Package app holds the composition roots: what each process of Slipway is made of and in which order its parts work.
// Operator is the one behind the commands on a cluster, Sandbox the one behind the commands on the sandbox, and
// SandboxDaemon, SandboxHolder and SandboxHostInit are the sandbox's own processes.
//
// Services never import one another: what one needs of another is adapted here. The package holds no presentation and is
// the only one that imports several services. Its types are used by one goroutine at a time.
package app
