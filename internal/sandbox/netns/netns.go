//go:build linux

// Package netns holds network namespaces as values: made, entered by one thread at a time, and gone when the last handle
// and the last process in them are.
//
// It needs CAP_SYS_ADMIN. A Namespace is safe for concurrent use.
package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Namespace is an open network namespace.
type Namespace struct {
	file  *os.File
	links *netlink.Handle
}

// New makes a namespace that nothing else is in.
func New() (*Namespace, error) {
	var file *os.File
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make network namespace: %w", err)
		}
		var err error
		file, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		return err
	})
	if err != nil {
		return nil, err
	}
	return FromFile(file)
}

// Current opens the namespace that this process started in.
func Current() (*Namespace, error) {
	file, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	return FromFile(file)
}

// FromFile takes over an open /proc/.../ns/net.
func FromFile(file *os.File) (*Namespace, error) {
	links, err := netlink.NewHandleAt(vnetns.NsHandle(file.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("open netlink in network namespace: %w", err)
	}
	return &Namespace{file: file, links: links}, nil
}

// Links returns the handle to the namespace's links, addresses and routes.
func (n *Namespace) Links() *netlink.Handle { return n.links }

// Fd returns the descriptor of the namespace, valid until Close.
func (n *Namespace) Fd() int { return int(n.file.Fd()) }

// Close lets go of the namespace; it lives on while a process is in it.
func (n *Namespace) Close() {
	n.links.Close()
	n.file.Close()
}

// Do runs fn on a thread of its own inside the namespace. Sockets made and processes started by fn stay in it, as long
// as fn makes them on its own goroutine.
func (n *Namespace) Do(fn func() error) error {
	return onThread(func() error {
		if err := n.enter(); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return fn()
	})
}

// Same reports whether both are the same namespace.
func (n *Namespace) Same(other *Namespace) (bool, error) {
	mine, err := n.file.Stat()
	if err != nil {
		return false, fmt.Errorf("identify network namespace: %w", err)
	}
	theirs, err := other.file.Stat()
	if err != nil {
		return false, fmt.Errorf("identify network namespace: %w", err)
	}
	return os.SameFile(mine, theirs), nil
}

// enter moves the calling thread. While it does, Close cannot give the descriptor's number to another file.
func (n *Namespace) enter() error {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return err
	}
	var setErr error
	err = raw.Control(func(fd uintptr) { setErr = unix.Setns(int(fd), unix.CLONE_NEWNET) })
	return errors.Join(err, setErr)
}

// SetSysctl writes values below /proc/sys/net of the namespace; keys are paths such as ipv4/ip_forward.
func (n *Namespace) SetSysctl(values map[string]int) error {
	return n.Do(func() error {
		for key, value := range values {
			path := filepath.Join("/proc/sys/net", key)
			err := os.WriteFile(path, []byte(strconv.Itoa(value)), 0o644)
			if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(key, "ipv6/") {
				continue // a kernel without IPv6 has nothing to set
			}
			if err != nil {
				return fmt.Errorf("set sysctl %s: %w", key, err)
			}
		}
		return nil
	})
}

// onThread runs fn on a thread that is thrown away afterwards: it may be in any namespace by then. It is never the main
// thread, whose namespaces are the process's, as others see it in /proc, and which Go does not throw away.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			err := onThread(fn) // cannot come here again: this goroutine holds the main thread
			runtime.UnlockOSThread()
			done <- err
			return
		}
		done <- fn() // never unlocked: the thread ends with the goroutine
	}()
	return <-done
}
