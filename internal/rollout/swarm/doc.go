// Package swarm keeps a cluster's membership of its swarm: who is in it, in which role, with which labels, and who must leave it.
//
// It is level-triggered. Observe asks every host's engine for its own view and one manager for the swarm's; plan, a pure function, says
// what the next step is; Reconcile takes steps until none is left. So it does not matter where an earlier run stopped.
//
// Join tokens are read from a manager's engine and sent to the joining one in bodies of the engine's API, over SSH; they never are an
// argument, a file or a log line.
//
// It imports the domain and base layers and the engine's client. An Engine is safe for concurrent use.
package swarm
