//go:build linux

package cage_test

import (
	"strings"
	"sync"
	"testing"
)

// install brings the distribution's engine to a host, with its data on the data volume, and an image of busybox.
const install = `set -eu
sudo mkfs.ext4 -q /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_voldata%
echo '/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_voldata% /var/lib/docker ext4 defaults,nofail 0 2' | sudo tee -a /etc/fstab >/dev/null
sudo systemctl daemon-reload
sudo mkdir -p /var/lib/docker
sudo mount /var/lib/docker
sudo apt-get -qq update
sudo DEBIAN_FRONTEND=noninteractive apt-get -qq install -y docker.io busybox-static >/dev/null
tar -C / -c bin/busybox | sudo docker import --change 'ENTRYPOINT ["/bin/busybox"]' - busybox >/dev/null
`

func TestStockEnginesFormASwarm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.endpoint(1)
	r.endpoint(2)
	r.apply()
	var both sync.WaitGroup
	for n := 1; n <= 2; n++ {
		both.Go(func() {
			r.boot(n)
			r.run(n, strings.ReplaceAll(install, "%", string(rune('0'+n))))
		})
	}
	both.Wait()

	if got := r.run(1, "sudo docker info -f '{{.Driver}}'"); got != "overlay2" {
		t.Errorf("storage driver = %q, want overlay2", got)
	}
	if got := r.run(1, "sudo docker run --rm busybox echo hello"); got != "hello" {
		t.Errorf("container says %q", got)
	}
	r.run(1, "sudo systemctl restart docker")

	r.run(1, "sudo docker swarm init --advertise-addr eth0 >/dev/null")
	token := r.run(1, "sudo docker swarm join-token -q worker")
	r.run(2, "sudo docker swarm join --token "+token+" 172.31.16.10:2377")
	r.run(1, "sudo docker network create -d overlay --attachable wide")
	// Containers of two hosts meet by name on the overlay network, which is VXLAN over the routed VPC.
	r.run(1, "sudo docker run -d --name web --network wide busybox httpd -f -p 80 -h /bin")
	r.run(2, "sudo docker run --rm --network wide busybox wget -q -O /dev/null http://web/busybox")

	// The engine and what it keeps come back with the host.
	if err := r.RebootHost(t.Context(), "i-1"); err != nil {
		t.Fatal(err)
	}
	if got := r.run(1, "sudo systemctl start docker; systemctl is-active docker; findmnt -no FSTYPE /var/lib/docker; sudo docker image ls -q | wc -l"); got != "active\next4\n1" {
		t.Errorf("after the reboot: %q", got)
	}
	if got := r.run(1, "sudo docker node ls -q | wc -l"); got != "2" {
		t.Errorf("the swarm has %s nodes after the reboot, want 2", got)
	}
}
