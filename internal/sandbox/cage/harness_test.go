//go:build linux

package cage_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-project/slipway/internal/sandbox/cage"
	"github.com/slipway-project/slipway/internal/sandbox/image"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// everywhere is a rule for all traffic.
var everywhere = []machine.Rule{{Protocol: "-1", From: -1, To: -1, Peers: []string{"0.0.0.0/0"}}}

// rig is a cage of one test, with the network that the test wants and a stand-in for the daemon's metadata service.
type rig struct {
	*cage.Cage
	t       *testing.T
	cfg     cage.Config
	network machine.Network
	signer  ssh.Signer
}

var serial atomic.Int64

// needCage skips a test where no cage can be: it says why.
func needCage(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a cage needs root")
	}
	for _, tool := range []string{"mmdebstrap", "slirp4netns", "nft", "mkfs.ext4"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
}

// newConfig returns the configuration of a cage that no other test has.
func newConfig(t *testing.T) cage.Config {
	t.Helper()
	// Not t.TempDir: the path of a unix socket may have 107 characters only.
	dir, err := os.MkdirTemp("", "cage")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			dumpLogs(t, filepath.Join(dir, "state/logs"))
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return cage.Config{
		ID: fmt.Sprintf("t%d-%d", os.Getpid(), serial.Add(1)), StateDir: filepath.Join(dir, "state"), RunDir: filepath.Join(dir, "run"),
		Lifeline: true, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// ownRange gives a cage a public range that no other cage on this machine takes, so that its routes can be told from theirs.
func ownRange(cfg *cage.Config) {
	pid := os.Getpid()
	cfg.PublicRange = netip.PrefixFrom(netip.AddrFrom4([4]byte{240, byte(pid >> 8), byte(pid), 0}), 24)
}

// newRig starts a cage, configured as newConfig has it and then by configure.
func newRig(t *testing.T, configure ...func(*cage.Config)) *rig {
	t.Helper()
	needCage(t)
	if _, err := image.Ensure(t.Context(), image.Config{}, image.Debian12); err != nil {
		t.Fatal(err)
	}
	cfg := newConfig(t)
	for _, f := range configure {
		f(&cfg)
	}
	c, err := cage.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Destroy(context.Background()); err != nil {
			t.Error(err)
		}
	})
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Cage: c, t: t, cfg: cfg, signer: signer, network: machine.Network{VPCs: []machine.VPC{{ID: "vpc-1", CIDR: "172.31.0.0/16"}}}}
	r.serveMetadata()
	return r
}

func dumpLogs(t *testing.T, dir string) {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, path := range paths {
		if text, err := os.ReadFile(path); err == nil {
			t.Logf("%s:\n%s", filepath.Base(path), text)
		}
	}
}

// serveMetadata answers as the daemon would, as much as the first boot of a host needs.
func (r *rig) serveMetadata() {
	r.t.Helper()
	listener, err := net.Listen("unix", filepath.Join(r.cfg.RunDir, "metadata.sock"))
	if err != nil {
		r.t.Fatal(err)
	}
	mux := http.NewServeMux()
	answer := func(path, text string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
	}
	answer("PUT /latest/api/token", "token")
	answer("GET /latest/meta-data/public-keys/0/openssh-key", string(ssh.MarshalAuthorizedKey(r.signer.PublicKey())))
	mux.HandleFunc("GET /latest/meta-data/local-hostname", func(w http.ResponseWriter, q *http.Request) {
		fmt.Fprint(w, "host-"+strings.TrimPrefix(q.Header.Get("X-Slipway-Endpoint"), "eni-")+".internal")
	})
	mux.HandleFunc("GET /whoami", func(w http.ResponseWriter, q *http.Request) {
		fmt.Fprintf(w, "%s %s", q.Host, q.Header.Get("X-Slipway-Endpoint"))
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Close
	r.t.Cleanup(func() { server.Close() })
}

// public returns the nth public address that hosts may have.
func (r *rig) public(n int) string {
	addr := r.PublicRange().Addr()
	for range 16 + n {
		addr = addr.Next()
	}
	return addr.String()
}

// endpoint adds an endpoint, number n, that lets everything through.
func (r *rig) endpoint(n int) *machine.Endpoint {
	v := &r.network.VPCs[0]
	v.Endpoints = append(v.Endpoints, machine.Endpoint{
		ID: fmt.Sprintf("eni-%d", n), MAC: fmt.Sprintf("0a:00:00:00:00:%02x", n), PrivateIP: fmt.Sprintf("172.31.%d.10", 16*n),
		SubnetCIDR: fmt.Sprintf("172.31.%d.0/20", 16*n), PublicIP: r.public(n), Internet: true, Ingress: everywhere, Egress: everywhere, HopLimit: 2,
	})
	return &v.Endpoints[len(v.Endpoints)-1]
}

func (r *rig) apply() {
	r.t.Helper()
	if err := r.SetNetwork(r.t.Context(), r.network); err != nil {
		r.t.Fatal(err)
	}
}

// host returns host number n of endpoint number n, with a root and a data volume, which it makes.
func (r *rig) host(n int) machine.Host {
	r.t.Helper()
	h := machine.Host{
		ID: fmt.Sprintf("i-%d", n), Hostname: fmt.Sprintf("host-%d", n), Image: image.Debian12, VPC: "vpc-1", Endpoint: fmt.Sprintf("eni-%d", n),
		Type: "m5.large", VCPUs: 2, MemoryMiB: 8192,
		Attachments: []machine.Attachment{
			{VolumeID: fmt.Sprintf("vol-data%d", n), Device: "/dev/sdf"}, {VolumeID: fmt.Sprintf("vol-root%d", n), Device: "/dev/xvda", Root: true},
		},
	}
	for _, a := range h.Attachments {
		if err := r.CreateVolume(r.t.Context(), machine.Volume{ID: a.VolumeID, SizeGiB: 40}); err != nil {
			r.t.Fatal(err)
		}
	}
	return h
}

// boot starts host number n and waits until its sshd answers.
func (r *rig) boot(n int) {
	r.t.Helper()
	if err := r.StartHost(r.t.Context(), r.host(n)); err != nil {
		r.t.Fatal(err)
	}
	r.run(n, "true")
}

// run runs a command line on host n as admin, and fails the test when it fails.
func (r *rig) run(n int, line string) string {
	r.t.Helper()
	output, err := r.try(n, line)
	if err != nil {
		r.t.Fatalf("host %d: %s: %v\n%s", n, line, err, output)
	}
	return strings.TrimSpace(output)
}

// try runs a command line on host n as admin. It waits for sshd and the key to be there.
func (r *rig) try(n int, line string) (string, error) {
	r.t.Helper()
	return r.tryFor(n, line, patience)
}

// tryFor is try for a command that must end within the limit.
func (r *rig) tryFor(n int, line string, limit time.Duration) (string, error) {
	r.t.Helper()
	client := eventually(r.t, func() (*ssh.Client, error) { return r.dial(n) })
	defer client.Close()
	// A host that goes down may do so without a word, and then nothing else would end the session.
	over := time.AfterFunc(limit, func() { client.Close() })
	defer over.Stop()
	session, err := client.NewSession()
	if err != nil {
		return "", err
	}
	defer session.Close()
	output, err := session.CombinedOutput(line)
	return string(output), err
}

// turnOff has host n do what ends it: the session may end before the answer, or without one.
func (r *rig) turnOff(n int, line string) {
	r.t.Helper()
	_, _ = r.tryFor(n, line, 10*time.Second)
}

// dial logs in to host n, or fails within a few seconds: a host that goes down meanwhile answers nothing more.
func (r *rig) dial(n int) (*ssh.Client, error) {
	addr := netip.AddrPortFrom(netip.MustParseAddr(r.public(n)), 22).String()
	conn, err := net.DialTimeout("tcp", addr, 3*time.Second)
	if err != nil {
		return nil, err
	}
	over := time.AfterFunc(10*time.Second, func() { conn.Close() })
	defer over.Stop()
	transport, channels, requests, err := ssh.NewClientConn(conn, addr, &ssh.ClientConfig{
		User: "admin", Auth: []ssh.AuthMethod{ssh.PublicKeys(r.signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return ssh.NewClient(transport, channels, requests), nil
}

// patience is more than anything here takes on two busy processors.
const patience = 3 * time.Minute

// eventually calls get until it succeeds, for as long as a slow machine may need.
func eventually[T any](t *testing.T, get func() (T, error)) T {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		value, err := get()
		if err == nil {
			return value
		}
		select {
		case <-deadline.C:
			t.Fatalf("still failing after %v: %v", patience, err)
		case <-tick.C:
		}
	}
}

// until waits for a condition.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	eventually(t, func() (struct{}, error) {
		if !condition() {
			return struct{}{}, errors.New(what)
		}
		return struct{}{}, nil
	})
}
