//go:build linux

package hosts

import (
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

func TestMemInfoShowsTheInstanceType(t *testing.T) {
	t.Parallel()
	text := memInfo(8192)
	if want := "MemTotal:        8053064 kB\n"; !strings.HasPrefix(text, want) { // 96 % of 8 GiB
		t.Errorf("meminfo begins with %q, want %q", strings.SplitAfter(text, "\n")[0], want)
	}
	for _, name := range []string{"MemAvailable:", "SwapTotal:", "Cached:"} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("meminfo lacks %s", name)
		}
	}
}

func TestCPUInfoCountsProcessors(t *testing.T) {
	t.Parallel()
	own := "processor\t: 0\nmodel name\t: X\nsiblings\t: 8\ncore id\t\t: 5\ncpu cores\t: 8\nflags\t\t: a b\n\nprocessor\t: 1\nmodel name\t: X\n\n"
	want := "processor\t: 0\nmodel name\t: X\nsiblings\t: 2\ncore id\t\t: 0\ncpu cores\t: 2\nflags\t\t: a b\n\n" +
		"processor\t: 1\nmodel name\t: X\nsiblings\t: 2\ncore id\t\t: 1\ncpu cores\t: 2\nflags\t\t: a b\n\n"
	if diff := cmp.Diff(want, cpuInfo(own, 2)); diff != "" {
		t.Error(diff)
	}
}

func TestCauseTellsRebootFromTheRest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status syscall.WaitStatus
		reboot bool
		reason string
	}{
		{syscall.WaitStatus(syscall.SIGHUP), true, "rebooting"},
		{syscall.WaitStatus(syscall.SIGINT), false, machine.ReasonPoweredOff},
		{syscall.WaitStatus(syscall.SIGKILL), false, "killed by signal 9"},
		{syscall.WaitStatus(3 << 8), false, "init ended with status 3"},
	} {
		if reboot, reason := cause(tt.status); reboot != tt.reboot || reason != tt.reason {
			t.Errorf("%#x: %v, %q; want %v, %q", int(tt.status), reboot, reason, tt.reboot, tt.reason)
		}
	}
}

func TestDisksAreNamedAsOnNitro(t *testing.T) {
	t.Parallel()
	attachments := ordered([]machine.Attachment{
		{VolumeID: "vol-0b", Device: "/dev/sdg"}, {VolumeID: "vol-0a", Device: "/dev/sdf"}, {VolumeID: "vol-0r", Device: "/dev/xvda", Root: true},
	})
	var got []string
	for i, a := range attachments {
		d := disk{Index: i, Volume: a.VolumeID}
		got = append(got, d.link()+" -> "+d.node())
	}
	want := []string{
		"disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0r -> nvme0n1",
		"disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0a -> nvme1n1",
		"disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0b -> nvme2n1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := freeIndex([]attached{{disk: disk{Index: 0}}, {disk: disk{Index: 2}}}); got != 1 {
		t.Errorf("free index %d, want the lowest, 1", got)
	}
}

func TestValidateRefusesWhatCannotBoot(t *testing.T) {
	t.Parallel()
	good := machine.Host{
		ID: "i-1", Hostname: "ip-10-0-0-4", VCPUs: 2, MemoryMiB: 4096, Attachments: []machine.Attachment{{VolumeID: "vol-1", Root: true}},
	}
	if err := validate(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*machine.Host){
		"id that leaves its directory": func(h *machine.Host) { h.ID = "../i" },
		"host name":                    func(h *machine.Host) { h.Hostname = "a b" },
		"no root volume":               func(h *machine.Host) { h.Attachments[0].Root = false },
		"two root volumes":             func(h *machine.Host) { h.Attachments = append(h.Attachments, h.Attachments[0]) },
		"no processor":                 func(h *machine.Host) { h.VCPUs = 0 },
		"no memory":                    func(h *machine.Host) { h.MemoryMiB = 0 },
	} {
		h := good
		h.Attachments = append([]machine.Attachment{}, good.Attachments...)
		change(&h)
		if err := validate(h); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v, want Invalid", name, err)
		}
	}
}
