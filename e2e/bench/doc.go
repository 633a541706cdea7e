// Package bench measures what the infrastructure part of the commands up and destroy costs: wall time against the least
// that the cloud's own latencies allow, AWS calls against the fewest that would do, and peak memory. `make bench` runs it;
// docs/benchmarks.md explains the figures.
//
// The measurement has the build tag bench. It drives the built binary as a process, against the sandbox's API in this
// process over the in-memory machine, so that nothing is measured but Slipway: no host boots. What the run was compared
// with is computed here, from the steps that the command logs and the sandbox's settings, and not by the code under
// measurement. Nothing may import this package.
package bench
