//go:build !linux

package image

import "syscall"

// apart is for Linux only, as mmdebstrap is.
func apart() *syscall.SysProcAttr { return nil }

func unmountBelow(string) error { return nil }

func sandboxLives() (bool, error) { return false, nil }
