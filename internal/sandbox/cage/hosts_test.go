//go:build linux

package cage_test

import (
	"testing"
)

func TestHostBootsLikeAnInstance(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.endpoint(1)
	r.apply()
	r.boot(1)
	for line, want := range map[string]string{
		"hostname":                         "host-1",
		"whoami":                           "admin",
		"sudo -n whoami":                   "root",
		"grep -c ^processor /proc/cpuinfo": "2",
		"awk '/MemTotal/ {print int($2/1024/1000)}' /proc/meminfo": "7",
		"ls /dev/disk/by-id": "nvme-Amazon_Elastic_Block_Store_voldata1\nnvme-Amazon_Elastic_Block_Store_volroot1",
		"readlink -f /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_voldata1": "/dev/nvme1n1",
		"sudo blockdev --getsize64 /dev/nvme1n1":                               "42949672960",
		"ip -4 -o addr show eth0 | awk '{print $4}'":                           "172.31.16.10/20",
		"cat /sys/class/net/eth0/address":                                      "0a:00:00:00:00:01",
		"systemctl is-system-running --wait":                                   "running",
	} {
		if got := r.run(1, line); got != want {
			t.Errorf("%s = %q, want %q", line, got, want)
		}
	}
}
