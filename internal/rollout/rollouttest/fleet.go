package rollouttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
)

// Fleet is a number of hosts. It is a rollout.Dialer.
type Fleet struct {
	mu    sync.Mutex
	hosts map[string]*Host // by instance id
	ids   int
}

// New returns a fleet without hosts.
func New() *Fleet { return &Fleet{hosts: map[string]*Host{}} }

// Add adds the host of a node: a Debian 12 that was just booted for the first time, with an empty data volume.
func (f *Fleet) Add(node cluster.Node) *Host {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := &Host{
		fleet: f, Node: node,
		OS: "debian", Version: "12", Systemd: true, CPUs: 4, MemoryKiB: 16 << 20, FreeKiB: 30 << 20, IPVS: true, Hostname: "ip-" + strings.ReplaceAll(node.PrivateIP, ".", "-"),
		Files:     map[string]string{"/etc/hosts": "127.0.0.1 localhost\n", "/etc/fstab": "LABEL=root / ext4 defaults 0 1\n"},
		Offered:   map[string][]string{"docker.io": {"20.10.24+dfsg1-1+deb12u1"}},
		Installed: map[string]string{},
		Volume:    Volume{Bytes: 100 << 30},
	}
	f.hosts[node.InstanceID] = h
	return h
}

// Host returns the host of an instance.
func (f *Fleet) Host(instance string) *Host {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hosts[instance]
}

// Do changes the fleet while nobody else does.
func (f *Fleet) Do(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// Terminate ends an instance: its host is gone for ever.
func (f *Fleet) Terminate(instance string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hosts[instance].Down = true
	delete(f.hosts, instance)
}

// Writes returns everything that was changed on any host, for tests that want nothing to have been.
func (f *Fleet) Writes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, h := range f.hosts {
		for _, w := range h.writes {
			all = append(all, h.Node.Name+": "+w)
		}
	}
	slices.Sort(all)
	return all
}

// Forget forgets what was written and run.
func (f *Fleet) Forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.hosts {
		h.writes, h.commands = nil, nil
	}
}

// Commands returns every command line that was run on any host.
func (f *Fleet) Commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for _, h := range f.hosts {
		all = append(all, h.commands...)
	}
	return all
}

// Dial connects to a node's host.
func (f *Fleet) Dial(ctx context.Context, node cluster.Node) (host.Host, error) {
	return f.DialOnce(ctx, node)
}

// DialOnce connects to a node's host.
func (f *Fleet) DialOnce(ctx context.Context, node cluster.Node) (host.Host, error) {
	f.mu.Lock()
	h := f.hosts[node.InstanceID]
	if h != nil && h.Hangs {
		f.mu.Unlock()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	defer f.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case h == nil || h.Down:
		return nil, errs.New(errs.Unavailable, fmt.Sprintf("%s (%s) does not answer on SSH", node.Name, node.Zone)).WithRemedy("start it")
	case h.Refuses != nil:
		return nil, h.Refuses
	}
	return &connection{Host: h}, nil
}
