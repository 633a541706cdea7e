//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// busybox returns a root filesystem with busybox and its applets, for `docker import`: no registry is reached here.
func busybox(t *testing.T) string {
	t.Helper()
	program, err := os.ReadFile("/bin/busybox")
	if err != nil {
		t.Fatalf("%v (apt-get install busybox-static)", err)
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(h tar.Header, body []byte) {
		h.Size = int64(len(body))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin/", "www/", "tmp/", "etc/"} {
		add(tar.Header{Name: dir, Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	}
	add(tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, program)
	for _, applet := range []string{"sh", "httpd", "hostname", "nc"} {
		add(tar.Header{Name: "bin/" + applet, Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.String()
}

// servesAcrossZones runs a web server on every node and asks each from a task in another zone, by the overlay network.
// The kernel may lack IPVS, so the service is found by DNS round robin rather than by a virtual IP.
func (w *world) servesAcrossZones(t *testing.T) {
	s := w.healthy(t)
	image := busybox(t)
	for _, n := range s.Inventory.Nodes {
		w.on(t, n.Name, image, "docker import - e2e/busybox >/dev/null")
	}
	w.on(t, "manager-1", "", "docker network create -d overlay --attachable e2e")
	w.on(t, "manager-1", "", `docker service create -d --no-resolve-image --name web --mode global --network e2e --endpoint-mode dnsrr e2e/busybox `+
		`sh -c "hostname >/www/index.html; exec httpd -f -p 80 -h /www"`)
	address := map[string]string{}
	within(t, time.Minute, "a task of the service on every node", func() bool {
		for _, n := range s.Inventory.Nodes {
			address[n.Name] = w.on(t, n.Name, "", `id=$(docker ps -q -f name=web.); [ -z "$id" ] || docker inspect -f "{{.NetworkSettings.Networks.e2e.IPAddress}}" $id`)
			if address[n.Name] == "" {
				return false
			}
		}
		return true
	})
	crossed := 0
	for _, from := range s.Inventory.Nodes {
		for _, to := range s.Inventory.Nodes {
			if from.Zone == to.Zone {
				continue
			}
			crossed++
			w.answers(t, from.Name, address[to.Name])
		}
	}
	if crossed == 0 {
		t.Error("no two nodes are in different zones")
	}
	w.answers(t, "linux-1", "web")
}

// answers asks a web server from the node's task of the service. The first packets may be lost while the engines tell
// each other of the task. (Debian's static busybox has a wget that crashes where there is no C library beside it.)
func (w *world) answers(t *testing.T, from, address string) {
	t.Helper()
	ask := `docker exec -i $(docker ps -q -f name=web.) nc -w 5 ` + address + ` 80`
	within(t, 30*time.Second, address+" answering "+from, func() bool {
		r := w.command(t, "GET / HTTP/1.0\r\n\r\n", binary, "ssh", from, "--", "sudo sh -c '"+ask+"'")
		return strings.Contains(r.stdout, "200 OK")
	})
}

// rebootsHost restarts a host by the cloud's API: its engine and its task must come back by systemd alone.
func (w *world) rebootsHost(t *testing.T) {
	id := w.healthy(t).node(t, "linux-1").InstanceID
	boot := "cat /run/e2e-boot 2>/dev/null || echo new"
	w.on(t, "linux-1", "", "echo old >/run/e2e-boot")
	if r := w.aws(t, nil, "ec2", "reboot-instances", "--instance-ids", id); r.code != 0 {
		t.Fatalf("%s", r.failure(0))
	}
	within(t, 2*time.Minute, "linux-1 back with a task of the service", func() bool {
		r := w.command(t, "", binary, "ssh", "linux-1", "--", boot)
		if r.code != 0 || strings.TrimSpace(r.stdout) != "new" {
			return false
		}
		r = w.command(t, "", binary, "ssh", "linux-1", "--", "sudo docker ps -q -f name=web.")
		return r.code == 0 && strings.TrimSpace(r.stdout) != ""
	})
	if name := w.on(t, "linux-1", "", "hostname"); name != "linux-1" {
		t.Errorf("after the reboot linux-1 is called %q", name)
	}
	within(t, time.Minute, "a healthy cluster after the reboot", func() bool { return w.status(t).Healthy })
}
