//go:build linux

package cage_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/vpcnet"
)

// tcp is a rule for one port.
func tcp(port int, peers ...string) machine.Rule {
	return machine.Rule{Protocol: "tcp", From: port, To: port, Peers: peers}
}

// knock is a command line that tells whether a TCP port answers: open, refused or nothing within a second.
func knock(addr string, port int) string {
	return fmt.Sprintf(`timeout 1 bash -c 'exec 3<>/dev/tcp/%s/%d' 2>/dev/null; case $? in 0) echo open;; 124) echo nothing;; *) echo refused;; esac`, addr, port)
}

func TestSecurityGroupsDecideWhoReachesWhom(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.endpoint(1)
	r.endpoint(2)
	fromMachine := vpcnet.MachineAddress(r.PublicRange()).String() + "/32"
	ends := r.network.VPCs[0].Endpoints
	ends[0].Ingress = []machine.Rule{tcp(22, fromMachine)}
	ends[1].Ingress = []machine.Rule{tcp(22, fromMachine, "172.31.16.10/32"), {Protocol: "icmp", From: -1, To: -1, Peers: []string{"172.31.0.0/16"}}}
	r.apply()
	r.boot(1)
	r.boot(2)
	check := func(when string, n int, line, want string) {
		t.Helper()
		if got := r.run(n, line); got != want {
			t.Errorf("%s, host %d: %s: %q, want %q", when, n, line, got, want)
		}
	}
	first, second := ends[0].PrivateIP, ends[1].PrivateIP
	check("as allowed", 1, knock(second, 22), "open")
	check("as allowed", 1, knock(second, 23), "nothing")
	check("as allowed", 1, "ping -c1 -W1 "+second+" >/dev/null && echo yes", "yes")
	check("not allowed", 2, knock(first, 22), "nothing")
	check("not allowed", 2, "ping -c1 -W1 "+first+" >/dev/null || echo no", "no")
	check("by the public address, which is another peer", 1, knock(ends[1].PublicIP, 22), "nothing")
	check("nobody's address", 1, knock("172.31.16.99", 22), "nothing")
	check("nobody's address in another subnet", 1, knock("172.31.99.99", 22), "nothing")

	// An open connection goes on when what allows it stays, although all rules are loaded anew.
	shell, err := r.dial(2)
	if err != nil {
		t.Fatal(err)
	}
	defer shell.Close()
	over := time.AfterFunc(patience, func() { shell.Close() }) // what is lost without a word ends nothing by itself
	defer over.Stop()
	ends[1].Ingress = []machine.Rule{tcp(22, fromMachine), tcp(22, ends[0].PublicIP+"/32")}
	ends[0].Egress = nil
	r.apply()
	check("ingress taken away", 1, knock(second, 22), "nothing")
	ends[0].Egress = everywhere
	r.apply()
	check("the public address allowed", 1, knock(ends[1].PublicIP, 22), "open")
	if _, err := output(shell, "true"); err != nil {
		t.Errorf("an allowed connection was cut: %v", err)
	}

	// A cut endpoint is silent at once, for open connections too, and back when it is healed.
	ends[1].Cut = true
	r.apply()
	check("cut", 1, knock(ends[1].PublicIP, 22), "nothing")
	answered := make(chan error, 1)
	go func() { _, err := output(shell, "true"); answered <- err }()
	select {
	case err := <-answered:
		t.Errorf("a connection got through the cut: %v", err)
	case <-time.After(time.Second):
	}
	ends[1].Cut = false
	r.apply()
	if err := <-answered; err != nil {
		t.Errorf("the connection did not survive the cut: %v", err)
	}
}

func output(client *ssh.Client, line string) (string, error) {
	session, err := client.NewSession()
	if err != nil {
		return "", err
	}
	defer session.Close()
	text, err := session.Output(line)
	return strings.TrimSpace(string(text)), err
}

func TestVPCsOfOneRangeAreApart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.endpoint(1)
	r.endpoint(2)
	// The second host gets the first one's subnet in another VPC of the same range.
	v := &r.network.VPCs[0]
	other := v.Endpoints[1]
	other.PrivateIP, other.SubnetCIDR = "172.31.16.11", "172.31.16.0/20"
	v.Endpoints = v.Endpoints[:1]
	r.network.VPCs = append(r.network.VPCs, machine.VPC{ID: "vpc-2", CIDR: "172.31.0.0/16", Endpoints: []machine.Endpoint{other}})
	r.apply()
	r.boot(1)
	h := r.host(2)
	h.VPC = "vpc-2"
	if err := r.StartHost(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	r.run(2, "true")
	if got := r.run(1, knock("172.31.16.11", 22)); got == "open" {
		t.Error("a host reaches another VPC's by private address")
	}
	if got := r.run(1, knock(other.PublicIP, 22)); got != "open" {
		t.Errorf("another VPC's public address: %s, want open", got)
	}
	// Nor does a host reach the machine, or what is link-local beyond it.
	if got := r.run(1, knock(vpcnet.MachineAddress(r.PublicRange()).String(), 22)); got == "open" {
		t.Error("a host reaches the machine")
	}

	// A VPC that is taken away takes its addresses along.
	if err := r.StopHost(t.Context(), "i-2", true); err != nil {
		t.Fatal(err)
	}
	r.network.VPCs = r.network.VPCs[:1]
	r.apply()
	if conn, err := net.DialTimeout("tcp", netip.MustParseAddrPort(other.PublicIP+":22").String(), time.Second); err == nil {
		conn.Close()
		t.Error("the address of a VPC that is gone answers")
	}
	r.run(1, "true")
}

func TestMetadataKnowsItsCallerAndItsHops(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.endpoint(1).HopLimit = 1
	r.apply()
	r.boot(1)
	const who = "curl -s --max-time 2 http://169.254.169.254/whoami -H 'X-Slipway-Endpoint: eni-9' -H 'Host: other'"
	if got := r.run(1, who); got != "169.254.169.254 eni-1" {
		t.Errorf("metadata service is asked by %q", got)
	}
	if got := r.run(1, "curl -s --max-time 2 http://169.254.169.250/whoami"); got != "169.254.169.250 eni-1" {
		t.Errorf("API is asked by %q", got)
	}

	// A namespace behind a bridge stands for a container: one hop further.
	r.run(1, `sudo sh -ec 'ip netns add box; ip link add b0 type veth peer name eth0 netns box; ip addr add 10.9.0.1/24 dev b0; ip link set b0 up
		ip -n box addr add 10.9.0.2/24 dev eth0; ip -n box link set eth0 up; ip -n box route add default via 10.9.0.1
		echo 1 >/proc/sys/net/ipv4/ip_forward; iptables -t nat -A POSTROUTING -s 10.9.0.0/24 -o eth0 -j MASQUERADE'`)
	const boxed = "sudo ip netns exec box " + who + " || echo no answer"
	if got := r.run(1, boxed); got != "no answer" {
		t.Errorf("with hop limit 1 a container gets %q", got)
	}
	r.network.VPCs[0].Endpoints[0].HopLimit = 2
	r.apply()
	if got := r.run(1, boxed); got != "169.254.169.254 eni-1" {
		t.Errorf("with hop limit 2 a container gets %q", got)
	}
	r.network.VPCs[0].Endpoints[0].HopLimit = 0
	r.apply()
	if got := r.run(1, "curl -s -o /dev/null -w '%{http_code}' http://169.254.169.254/whoami"); got != "403" {
		t.Errorf("turned off, the service answers %s", got)
	}
}

func TestOnlyPublicEndpointsReachTheOutside(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.endpoint(1)
	r.endpoint(2)
	r.apply()
	r.boot(1)
	const outside = "getent ahostsv4 deb.debian.org >/dev/null && echo resolves; curl -s -o /dev/null --max-time 10 http://deb.debian.org/debian/dists/bookworm/Release && echo reaches; true"
	if got := r.run(1, outside); got != "resolves\nreaches" {
		t.Errorf("with a public address: %q", got)
	}
	// The host stays reachable for this test through its neighbour only, so the neighbour asks for it.
	r.network.VPCs[0].Endpoints[0].Internet = false
	r.apply()
	if got := r.run(1, strings.ReplaceAll(outside, "--max-time 10", "--max-time 2")); got != "resolves" {
		t.Errorf("without a route to the internet: %q", got)
	}
}

func TestBalancerForwardsToHealthyTargets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.endpoint(1)
	r.endpoint(2)
	r.endpoint(3)
	v := &r.network.VPCs[0]
	v.Balancers = []machine.Balancer{{ID: "arn:lb", Endpoint: "eni-3", Listeners: []machine.Listener{{
		Port: 443, TargetGroup: "arn:tg", Health: machine.HealthCheck{Protocol: "tcp", Interval: 1, Timeout: 1, Healthy: 1, Unhealthy: 1},
		Targets: []machine.Target{{ID: "i-1", IP: v.Endpoints[0].PrivateIP, Port: 22}, {ID: "i-2", IP: v.Endpoints[1].PrivateIP, Port: 22}},
	}}}}
	// Nodes admit only the load balancer, and it only the machine.
	for i := range 2 {
		v.Endpoints[i].Ingress = []machine.Rule{tcp(22, v.Endpoints[2].PrivateIP+"/32")}
	}
	v.Endpoints[2].Ingress = []machine.Rule{tcp(443, vpcnet.MachineAddress(r.PublicRange()).String()+"/32")}
	r.apply()
	if err := r.StartHost(t.Context(), r.host(1)); err != nil {
		t.Fatal(err)
	}
	health := func(want ...string) func() bool {
		return func() bool {
			status, err := r.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, target := range status.Targets {
				got = append(got, target.ID+" "+target.State)
			}
			return slices.Equal(got, want)
		}
	}
	until(t, "not healthy and unhealthy as expected", health("i-1 healthy", "i-2 unhealthy"))
	greet := func() error {
		conn, err := net.DialTimeout("tcp", r.public(3)+":443", 3*time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil && !strings.HasPrefix(line, "SSH-2.0-") {
			err = errors.New(line)
		}
		if err != nil {
			return err
		}
		// Half of the connection ends, the answer to it still arrives.
		if half, ok := conn.(*net.TCPConn); ok {
			if err := half.CloseWrite(); err != nil {
				return err
			}
		}
		_, err = io.Copy(io.Discard, conn)
		return err
	}
	if err := greet(); err != nil {
		t.Error(err)
	}
	if err := r.StartHost(t.Context(), r.host(2)); err != nil {
		t.Fatal(err)
	}
	until(t, "not both healthy", health("i-1 healthy", "i-2 healthy"))
	if err := r.StopHost(t.Context(), "i-1", true); err != nil {
		t.Fatal(err)
	}
	until(t, "the dead target stays healthy", health("i-1 unhealthy", "i-2 healthy"))
	if err := greet(); err != nil {
		t.Error(err)
	}
	v.Endpoints[2].Cut = true
	r.apply()
	if err := greet(); err == nil {
		t.Error("a load balancer that is cut off answers")
	}
}
