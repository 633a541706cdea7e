package image

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// dieWithParent has the kernel interrupt mmdebstrap when this process is killed.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: unix.SIGTERM} }
