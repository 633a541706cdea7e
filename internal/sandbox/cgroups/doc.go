// Package cgroups gives each host of a sandbox a control group in every hierarchy of the machine, named
// slipway-<sandbox>/<member>, and removes what a dead sandbox left.
//
// It knows version 1, the hybrid of both, and version 2 alone; the last is written after the kernel's documentation and
// not measured. It imports the standard library and golang.org/x/sys only. A Tree is immutable and safe for concurrent
// use; callers see to it that one member is made and removed by one of them at a time.
package cgroups
