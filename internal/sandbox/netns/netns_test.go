//go:build linux

package netns

import (
	"errors"
	"net"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
}

func newNamespace(t *testing.T) *Namespace {
	t.Helper()
	n, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

// TestProcessStaysWhereItIs catches a thread that goes into another namespace and is used for something else then, the
// main thread above all.
func TestProcessStaysWhereItIs(t *testing.T) {
	t.Parallel()
	needRoot(t)
	before, err := Current()
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	n := newNamespace(t)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			err := n.Do(func() error {
				if unix.Gettid() == unix.Getpid() {
					return errors.New("runs on the main thread")
				}
				interfaces, err := net.Interfaces()
				if err == nil && len(interfaces) != 1 {
					return errors.New("sees other links than a fresh namespace has")
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	after, err := Current()
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	if same, err := before.Same(after); err != nil || !same {
		t.Errorf("the process is in another namespace now: %v", err)
	}
	if same, err := before.Same(n); err != nil || same {
		t.Errorf("a new namespace is the same as the process's: %v", err)
	}
}

func TestSysctlIsTheNamespacesOwn(t *testing.T) {
	t.Parallel()
	needRoot(t)
	one, two := newNamespace(t), newNamespace(t)
	if err := one.SetSysctl(map[string]int{"ipv4/ip_forward": 1, "ipv6/no_such_key": 1}); err != nil {
		t.Fatal(err)
	}
	if err := two.SetSysctl(map[string]int{"ipv4/ip_forward": 0}); err != nil {
		t.Fatal(err)
	}
	if err := one.Do(func() error {
		text, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
		if err == nil && string(text) != "1\n" {
			return errors.New("ip_forward = " + string(text))
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	if err := one.SetSysctl(map[string]int{"ipv4/no_such_key": 1}); err == nil {
		t.Error("a key that does not exist was set")
	}
}
