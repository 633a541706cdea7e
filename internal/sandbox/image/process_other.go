//go:build !linux

package image

import "syscall"

// dieWithParent is for Linux only, as mmdebstrap is.
func dieWithParent() *syscall.SysProcAttr { return nil }
