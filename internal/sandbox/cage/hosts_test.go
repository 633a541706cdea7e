//go:build linux

package cage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

func TestHostLooksLikeAnInstance(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.endpoint(1)
	r.apply()
	r.boot(1)
	for line, want := range map[string]string{
		"hostname":       "host-1",
		"whoami":         "admin",
		"sudo -n whoami": "root",
		"sudo grep -az container= /proc/1/environ | tr -d '\\0'":               "container=slipway",
		"grep -c ^processor /proc/cpuinfo":                                     "2",
		"awk '/MemTotal/ {print $2}' /proc/meminfo":                            "8053064",
		"ls /dev/disk/by-id":                                                   "nvme-Amazon_Elastic_Block_Store_voldata1\nnvme-Amazon_Elastic_Block_Store_volroot1",
		"readlink -f /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_voldata1": "/dev/nvme1n1",
		"sudo blockdev --getsize64 /dev/nvme1n1":                               "42949672960",
		"ip -4 -o addr show eth0 | awk '{print $4}'":                           "172.31.16.10/20",
		"cat /sys/class/net/eth0/address":                                      "0a:00:00:00:00:01",
		"systemctl is-system-running --wait":                                   "running",
		"ls /sys/fs/cgroup/*/ -d | grep -c slipway":                            "0",
		// What would reach through to the machine is closed.
		"sudo sh -c 'echo 1 >/proc/sys/kernel/panic' 2>/dev/null || echo closed": "closed",
		"sudo date -s 2020-01-01 >/dev/null 2>&1 || echo closed":                 "closed",
		"ls /dev/vda /dev/loop0 2>/dev/null | wc -l":                             "0",
	} {
		if got, err := r.try(1, line); strings.TrimSpace(got) != want {
			t.Errorf("%s = %q, %v; want %q", line, got, err, want)
		}
	}
}

func TestHostKeepsItsDisksOverRebootStopAndStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.endpoint(1)
	r.apply()
	r.boot(1)
	r.run(1, "echo kept > note; echo 'sudo ip link add left type bridge' | sh; echo renamed | sudo tee /etc/hostname; sudo hostname renamed")
	identity := "cat note; hostname; cat /etc/machine-id; cat /etc/ssh/ssh_host_ed25519_key.pub" // anybody may read a public key
	before, boot := r.run(1, identity), r.run(1, "cat /proc/sys/kernel/random/boot_id")

	if err := r.RebootHost(t.Context(), "i-1"); err != nil {
		t.Fatal(err)
	}
	if got := r.run(1, identity); got != before {
		t.Errorf("after the reboot: %q, want %q", got, before)
	}
	if again := r.run(1, "cat /proc/sys/kernel/random/boot_id"); again == boot {
		t.Errorf("boot id %s is the same after the reboot", boot)
	}
	if got := r.run(1, "ip link show left 2>/dev/null || echo gone"); got != "gone" {
		t.Errorf("a link outlived the reboot: %q", got)
	}

	// A host that reboots itself stays one that runs.
	boot = r.run(1, "cat /proc/sys/kernel/random/boot_id")
	r.turnOff(1, "sudo reboot")
	until(t, "the host did not reboot itself", func() bool {
		now, err := r.try(1, "cat /proc/sys/kernel/random/boot_id")
		return err == nil && strings.TrimSpace(now) != boot
	})

	// One that powers itself off does not, and says why.
	r.turnOff(1, "sudo poweroff")
	until(t, "the host did not power itself off", func() bool {
		status, err := r.Status(t.Context())
		return err == nil && len(status.Hosts) == 1 && status.Hosts[0] == machine.HostStatus{ID: "i-1", Reason: machine.ReasonPoweredOff}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.StopHost(ctx, "i-1", false); err != nil {
		t.Fatal(err)
	}
	if err := r.StartHost(ctx, r.host(1)); err != nil {
		t.Fatal(err)
	}
	if got := r.run(1, identity); got != before {
		t.Errorf("after stop and start: %q, want %q", got, before)
	}
}

func TestHostThatDoesNotPowerOffIsKilledInTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.endpoint(1)
	r.apply()
	r.boot(1)
	r.run(1, `printf '[Service]\nExecStart=/bin/sleep 1000\nExecStop=/bin/sleep 1000\nTimeoutStopSec=1000\n' | sudo tee /etc/systemd/system/stubborn.service >/dev/null; sudo systemctl start stubborn`)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := r.StopHost(ctx, "i-1", false); err != nil {
		t.Fatal(err)
	}
	if left := processesOf(r.cfg.ID, "i-1"); len(left) > 0 {
		t.Errorf("left of the host: %v", left)
	}
}

func TestVolumesComeAndGoUnderARunningHost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.endpoint(1)
	r.apply()
	r.boot(1)
	const link = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_volmore"
	if err := r.CreateVolume(t.Context(), machine.Volume{ID: "vol-more", SizeGiB: 1}); err != nil {
		t.Fatal(err)
	}
	if err := r.AttachVolume(t.Context(), "i-1", machine.Attachment{VolumeID: "vol-more", Device: "/dev/sdg"}); err != nil {
		t.Fatal(err)
	}
	r.run(1, "sudo mkfs.ext4 -q "+link+" && sudo mount "+link+" /mnt && echo kept | sudo tee /mnt/note")
	if err := r.DetachVolume(t.Context(), "i-1", "vol-more"); !errs.Is(err, errs.Conflict) {
		t.Errorf("detach of a mounted volume: %v, want Conflict", err)
	}

	// Online growth, as of an EBS volume: the device is larger at once.
	if err := r.CreateVolume(t.Context(), machine.Volume{ID: "vol-more", SizeGiB: 2}); err != nil {
		t.Fatal(err)
	}
	if got := r.run(1, "sudo blockdev --getsize64 "+link); got != "2147483648" {
		t.Errorf("the grown volume has %s bytes, want 2147483648", got)
	}

	r.run(1, "sudo umount /mnt; sudo sh -c 'exec 3<"+link+"; exec >/dev/null 2>&1 </dev/null; sleep 1000 &'")
	if err := r.DetachVolume(t.Context(), "i-1", "vol-more"); !errs.Is(err, errs.Conflict) {
		t.Errorf("detach of an open volume: %v, want Conflict", err)
	}
	r.run(1, "sudo pkill sleep")
	if err := r.DetachVolume(t.Context(), "i-1", "vol-more"); err != nil {
		t.Error(err)
	}
	if got := r.run(1, "ls "+link+" 2>/dev/null || echo gone"); got != "gone" {
		t.Errorf("after the detachment: %s", got)
	}

	// The root volume grows with the next boot.
	if err := r.CreateVolume(t.Context(), machine.Volume{ID: "vol-root1", SizeGiB: 60}); err != nil {
		t.Fatal(err)
	}
	if err := r.RebootHost(t.Context(), "i-1"); err != nil {
		t.Fatal(err)
	}
	if got := r.run(1, "df --output=size -BG / | tail -1 | tr -d ' '"); got != "59G" {
		t.Errorf("the root has %s after the reboot, want 59G of 60", got)
	}
}
