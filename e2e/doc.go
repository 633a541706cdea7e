// Package e2e holds the whole-system scenarios: they drive the built binary against a sandbox of their own, with real
// hosts, real engines, real sshd and the stock clients, as an operator would.
//
// The tests have the build tag e2e, need root, and import nothing of the project: what they know of Slipway is what its
// commands print. One sandbox and one cluster serve all scenarios, in the order of TestScenarios.
package e2e
