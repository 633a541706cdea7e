// Package cage keeps the hosts and networks of one sandbox apart from the machine: one holder process is PID 1 of an
// outer mount, PID and network namespace, everything else lives inside, and nothing outlives it but cgroup directories
// and a backstop route, which Sweep removes.
//
// Start starts the holder, or adopts the one that runs, and returns a Cage, the machine.Machine that calls it over a unix
// socket. RunHolder and RunHostInit are the bodies of the hidden commands that the holder and the hosts' first process
// run. Everything needs root. A Cage is safe for concurrent use. The package may import the other packages under
// sandbox that do one part each (hosts, vpcnet, balancer, blockdev, cgroups), and nothing of AWS.
package cage
