// Package preflight judges whether hosts are fit to be nodes, from facts that were gathered before. It does no I/O.
//
// It imports the domain and base layers; its functions are pure.
package preflight

import (
	"fmt"
	"slices"
	"time"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
)

// maxSkew is how far a host's clock may be from the others' median: TLS certificates of a swarm are valid from the moment they are made.
const maxSkew = 30 * time.Second

// minFree is the free space in MiB below which the engine's packages, or a second kernel, do not fit on /.
const minFree = 1024

// Sizes that nodes need (SIZE-1, SIZE-2): UCP's own minimum. The kernel and the firmware keep some of the memory for themselves,
// so a host passes with 7/8 of it.
const (
	managerMemory = 8 * 1024 // MiB
	workerMemory  = 4 * 1024 // MiB
	minCPUs       = 2
)

// Candidate is a host that shall become, or is, a node.
type Candidate struct {
	Node  cluster.Node
	Facts host.Facts
}

// Finding is something that preflight has to say of a host.
type Finding struct {
	Node   string
	Refuse bool // the host cannot be a node as it is
	Err    error
}

// supported reports whether the engine is installed on the distribution.
func supported(os host.OS) bool {
	switch os.ID {
	case "debian":
		return os.Version == "12" || os.Version == "13"
	case "ubuntu":
		return os.Version == "22.04" || os.Version == "24.04"
	default:
		return false
	}
}

// Judge returns what is to be said of the hosts, in their order. With uncertified sizes allowed, hosts that are too small are remarked on only.
func Judge(hosts []Candidate, allowUncertified bool) []Finding {
	median := medianSkew(hosts)
	var all []Finding
	for _, c := range hosts {
		j := judgement{node: c.Node, lenient: allowUncertified}
		j.system(c.Facts)
		j.clock(c.Facts, median)
		j.size(c.Facts)
		j.space(c.Facts)
		j.network(c.Facts)
		all = append(all, j.findings...)
	}
	return append(all, sameNames(hosts)...)
}

// judgement collects the findings of one host.
type judgement struct {
	node     cluster.Node
	lenient  bool
	findings []Finding
}

func (j *judgement) refuse(kind errs.Kind, remedy, format string, args ...any) {
	j.findings = append(j.findings, Finding{Node: j.node.Name, Refuse: true, Err: errs.New(kind, fmt.Sprintf(format, args...)).WithRemedy(remedy)})
}

func (j *judgement) remark(remedy, format string, args ...any) {
	j.findings = append(j.findings, Finding{Node: j.node.Name, Err: errs.New(errs.Invalid, fmt.Sprintf(format, args...)).WithRemedy(remedy)})
}

// system checks the distribution and that systemd runs the host.
func (j *judgement) system(f host.Facts) {
	if !supported(f.OS) {
		j.refuse(errs.Invalid, "use an image of Debian 12 or 13, or of Ubuntu 22.04 or 24.04 (cloud.image)", "runs %s, which is not supported", orUnknown(f.OS.Name, f.OS.ID+" "+f.OS.Version))
	}
	if !f.Systemd {
		j.refuse(errs.Invalid, "use an image that boots with systemd", "is not run by systemd: process 1 is %s", orUnknown(f.Init))
	}
	if f.Arch != "amd64" && f.Arch != "arm64" {
		j.refuse(errs.Invalid, "use an instance type with an amd64 or arm64 processor", "has a processor of the architecture %s, which is not supported", orUnknown(f.Arch))
	}
}

// clock checks that the host's clock agrees with the others.
func (j *judgement) clock(f host.Facts, median time.Duration) {
	if off := f.ClockSkew - median; off.Abs() > maxSkew {
		j.refuse(errs.Conflict, "set the clock of "+j.node.Name+" by NTP (timedatectl set-ntp true) and run again",
			"its clock is %s %s the other hosts'; at most %s is allowed", off.Abs().Round(time.Second), aheadOrBehind(off), maxSkew)
	}
}

// size checks processors and memory.
func (j *judgement) size(f host.Facts) {
	memory := workerMemory
	if j.node.Role == cluster.RoleManager {
		memory = managerMemory
	}
	say := func(remedy, format string, args ...any) { j.refuse(errs.Invalid, remedy, format, args...) }
	if j.lenient {
		say = j.remark
	}
	const remedy = "choose a bigger instance type, or set allowUncertified: true"
	if f.MemoryMiB > 0 && f.MemoryMiB < memory*7/8 {
		say(remedy, "has %d MiB of memory (%s); a %s needs %d MiB", f.MemoryMiB, j.node.Type, j.node.Role, memory)
	}
	if f.CPUs > 0 && f.CPUs < minCPUs {
		say(remedy, "has %d processor (%s); a node needs %d", f.CPUs, j.node.Type, minCPUs)
	}
}

// space checks that there is room on the disk of the system. A node that has its engine already runs on with less.
func (j *judgement) space(f host.Facts) {
	space, known := f.Free["/"]
	if !known || space.FreeMiB >= minFree {
		return
	}
	remedy := "free space on / of " + j.node.Name + " (slipway ssh " + j.node.Name + " -- sudo du -xh --max-depth=2 /), or give it a bigger root volume"
	if len(f.Engine.Packages) > 0 {
		j.remark(remedy, "has only %d MiB free on /", space.FreeMiB)
		return
	}
	j.refuse(errs.Exhausted, remedy, "its disk is full: %d MiB are free on /, the engine needs %d MiB", space.FreeMiB, minFree)
}

// network checks what swarm's networks need.
func (j *judgement) network(f host.Facts) {
	if !f.IPVS {
		j.remark("use a kernel with IPVS, or publish services with --endpoint-mode dnsrr and mode=host ports",
			"no IPVS in the kernel: virtual addresses and the routing mesh of swarm services do not work")
	}
	if len(f.Addresses) > 0 && j.node.PrivateIP != "" && !slices.Contains(f.Addresses, j.node.PrivateIP) {
		j.refuse(errs.Conflict, "check the instance's network interface", "does not have its private address %s (it has %v)", j.node.PrivateIP, f.Addresses)
	}
}

// sameNames finds hosts that share an instance, which only a wrong inventory can cause.
func sameNames(hosts []Candidate) []Finding {
	var all []Finding
	first := map[string]string{}
	for _, c := range hosts {
		if other, twice := first[c.Node.PrivateIP]; twice && c.Node.PrivateIP != "" {
			all = append(all, Finding{Node: c.Node.Name, Refuse: true, Err: errs.New(errs.Conflict, fmt.Sprintf("has the same private address %s as %s", c.Node.PrivateIP, other))})
			continue
		}
		first[c.Node.PrivateIP] = c.Node.Name
	}
	return all
}

// medianSkew returns the middle of the hosts' clocks against ours: ours may be the one that is wrong.
func medianSkew(hosts []Candidate) time.Duration {
	if len(hosts) == 0 {
		return 0
	}
	skews := make([]time.Duration, len(hosts))
	for i, c := range hosts {
		skews[i] = c.Facts.ClockSkew
	}
	slices.Sort(skews)
	return skews[(len(skews)-1)/2]
}

func aheadOrBehind(d time.Duration) string {
	if d > 0 {
		return "ahead of"
	}
	return "behind"
}

func orUnknown(names ...string) string {
	for _, n := range names {
		if n != "" && n != " " {
			return n
		}
	}
	return "unknown"
}
