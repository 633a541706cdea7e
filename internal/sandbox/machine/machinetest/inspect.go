package machinetest

import (
	"cmp"
	"maps"
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// PowerOff makes a running host switch itself off, as `poweroff` inside would.
func (f *Fake) PowerOff(id string) { f.die(id, machine.ReasonPoweredOff) }

// Kill makes a running host die, as failed hardware would.
func (f *Fake) Kill(id string) { f.die(id, "killed by signal 9") }

func (f *Fake) die(id, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.hosts[id]; h != nil {
		h.reason = reason
	}
}

// Crash ends every host and forgets the network, as the death of the whole cage would; volumes stay.
func (f *Fake) Crash() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hosts, f.network = map[string]*fakeHost{}, machine.Network{}
}

// Network returns what SetNetwork was last given.
func (f *Fake) Network() machine.Network {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.network
}

// Volumes returns the sizes of all volumes, in GiB, by id.
func (f *Fake) Volumes() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.volumes)
}

// Hosts returns the hosts that were started and not stopped, sorted by id, with their attachments of now.
func (f *Fake) Hosts() []machine.Host {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []machine.Host
	for _, h := range f.hosts {
		c := h.Host
		c.Attachments = slices.Clone(c.Attachments)
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b machine.Host) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Boots returns how often a host's init has started since StartHost; 0 for an unknown host.
func (f *Fake) Boots(id string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if h := f.hosts[id]; h != nil {
		return h.boots
	}
	return 0
}

// Calls returns every call so far, as "StartHost i-0abc".
func (f *Fake) Calls() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}
