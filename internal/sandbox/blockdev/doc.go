// Package blockdev keeps volumes as sparse files and shows them as block devices through the kernel's loop driver.
//
// Devices detach themselves when their last user is gone, so that nothing of them outlives a killed cage. The package
// needs root, knows nothing of hosts, and is safe for concurrent use.
package blockdev
