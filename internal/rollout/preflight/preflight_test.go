package preflight

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
)

// fit returns a host that there is nothing to say of.
func fit(name string, role cluster.Role, address string) Candidate {
	return Candidate{
		Node: cluster.Node{Name: name, Role: role, Type: "m5.large", PrivateIP: address},
		Facts: host.Facts{
			OS: host.OS{ID: "ubuntu", Version: "24.04", Name: "Ubuntu 24.04.1 LTS"}, Arch: "arm64", Init: "systemd", Systemd: true, CPUs: 2, MemoryMiB: 7700,
			Free: map[string]host.Space{"/": {TotalMiB: 40000, FreeMiB: 30000}}, Addresses: []string{"127.0.0.1", address}, IPVS: true,
		},
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		lenient bool
		spoil   func(c *Candidate)
		refuse  bool
		kind    errs.Kind
		want    string // empty: nothing is said
	}{
		{"fit", false, func(*Candidate) {}, false, 0, ""},
		{"another system", false, func(c *Candidate) { c.Facts.OS = host.OS{ID: "rocky", Version: "9", Name: "Rocky Linux 9"} }, true, errs.Invalid, "runs Rocky Linux 9, which is not supported"},
		{"an old system", false, func(c *Candidate) { c.Facts.OS = host.OS{ID: "debian", Version: "11"} }, true, errs.Invalid, "runs debian 11, which is not supported"},
		{"no systemd", false, func(c *Candidate) { c.Facts.Systemd, c.Facts.Init = false, "" }, true, errs.Invalid, "is not run by systemd: process 1 is unknown"},
		{"another processor", false, func(c *Candidate) { c.Facts.Arch = "riscv64" }, true, errs.Invalid, "has a processor of the architecture riscv64, which is not supported"},
		{"clock ahead", false, func(c *Candidate) { c.Facts.ClockSkew = 31 * time.Second }, true, errs.Conflict, "its clock is 31s ahead of the other hosts'; at most 30s is allowed"},
		{"clock behind", false, func(c *Candidate) { c.Facts.ClockSkew = -time.Hour }, true, errs.Conflict, "its clock is 1h0m0s behind the other hosts'; at most 30s is allowed"},
		{"clock nearly right", false, func(c *Candidate) { c.Facts.ClockSkew = 30 * time.Second }, false, 0, ""},
		{"little memory", false, func(c *Candidate) { c.Facts.MemoryMiB = 3583 }, true, errs.Invalid, "has 3583 MiB of memory (m5.large); a worker needs 4096 MiB"},
		{"little memory, allowed", true, func(c *Candidate) { c.Facts.MemoryMiB = 3583 }, false, errs.Invalid, "has 3583 MiB of memory (m5.large); a worker needs 4096 MiB"},
		{"memory less the kernel's", false, func(c *Candidate) { c.Facts.MemoryMiB = 3584 }, false, 0, ""},
		{"a manager with a worker's memory", false, func(c *Candidate) { c.Node.Role, c.Facts.MemoryMiB = cluster.RoleManager, 3900 }, true, errs.Invalid, "has 3900 MiB of memory (m5.large); a manager needs 8192 MiB"},
		{"one processor", false, func(c *Candidate) { c.Facts.CPUs = 1 }, true, errs.Invalid, "has 1 processor (m5.large); a node needs 2"},
		{"disk full", false, func(c *Candidate) { c.Facts.Free["/"] = host.Space{TotalMiB: 40000, FreeMiB: 12} }, true, errs.Exhausted, "its disk is full: 12 MiB are free on /, the engine needs 1024 MiB"},
		{"disk full, engine there", false, func(c *Candidate) {
			c.Facts.Free["/"] = host.Space{TotalMiB: 40000, FreeMiB: 12}
			c.Facts.Engine.Packages = map[string]string{"docker.io": "26"}
		}, false, errs.Invalid, "has only 12 MiB free on /"},
		{"no IPVS", false, func(c *Candidate) { c.Facts.IPVS = false }, false, errs.Invalid, "no IPVS in the kernel: virtual addresses and the routing mesh of swarm services do not work"},
		{"another host's address", false, func(c *Candidate) { c.Facts.Addresses = []string{"10.0.0.9"} }, true, errs.Conflict, "does not have its private address 172.31.0.9 (it has [10.0.0.9])"},
		{"address taken", false, func(c *Candidate) { c.Node.PrivateIP = "172.31.0.1"; c.Facts.Addresses = nil }, true, errs.Conflict, "has the same private address 172.31.0.1 as manager-1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := fit("linux-1", cluster.RoleWorker, "172.31.0.9")
			tt.spoil(&c)
			// Our own clock is the one that is wrong: all hosts are 10 minutes ahead of it.
			hosts := []Candidate{fit("manager-1", cluster.RoleManager, "172.31.0.1"), fit("manager-2", cluster.RoleManager, "172.31.0.2"), c}
			for i := range hosts {
				hosts[i].Facts.ClockSkew += 10 * time.Minute
			}
			findings := Judge(hosts, tt.lenient)
			if tt.want == "" {
				if len(findings) != 0 {
					t.Errorf("got %v", findings)
				}
				return
			}
			if len(findings) != 1 {
				t.Fatalf("got %v", findings)
			}
			f := findings[0]
			if diff := cmp.Diff(tt.want, f.Err.Error()); diff != "" || f.Refuse != tt.refuse || f.Node != "linux-1" || errs.KindOf(f.Err) != tt.kind {
				t.Errorf("got %+v (%s) %s", f, errs.KindOf(f.Err), diff)
			}
		})
	}
}
