// Package hosts boots, stops and reboots the sandbox's hosts: systemd as PID 1 in namespaces of its own, on a root of an
// image overlaid with the host's own root volume.
//
// A Supervisor runs inside the cage's holder and is safe for concurrent use; operations on one host follow one another,
// those on different hosts run side by side. Init is the body of the first process of a host, before it becomes systemd.
// The package needs root and knows nothing of how networks are made: the cage hands it a network namespace per boot.
package hosts
