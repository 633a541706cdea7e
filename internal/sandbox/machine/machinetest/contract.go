package machinetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// Options say what the suite may ask of a machine.
type Options struct {
	Image    string // of the hosts
	PublicIP string // a free address of the public range, for the host
	// PowerOff makes the host switch itself off from inside; nil leaves that part out.
	PowerOff func(t *testing.T, host string)
	// Kill makes the host die as by failed hardware; nil leaves that part out.
	Kill func(t *testing.T, host string)
	// Patience is how long the machine may take to notice what happened inside it.
	Patience time.Duration
}

// Run proves that a machine keeps the promises of machine.Machine. It boots one host three times at the most, so that a
// real machine passes in seconds. The machine must be empty and is left empty.
func Run(t *testing.T, m machine.Machine, o Options) {
	t.Helper()
	s := &suite{m: m, o: o}
	t.Run("volumes", s.volumes)
	t.Run("network", s.networks)
	t.Run("refusals", s.refusals)
	if t.Run("host starts", s.start) {
		t.Run("host starts once", s.startAgain)
		t.Run("volumes come and go", s.attach)
		t.Run("targets are probed", s.targets)
		t.Run("host reboots", s.reboot)
		t.Run("host switches itself off", s.powerOff)
		t.Run("host dies", s.kill)
	}
	t.Run("host stops", s.stop)
	t.Run("nothing is left", s.empty)
}

const (
	hostID   = "i-0c0ffee0000000001"
	rootID   = "vol-0c0ffee000000001"
	dataID   = "vol-0c0ffee000000002"
	vpcID    = "vpc-0c0ffee000000001"
	eniHost  = "eni-0c0ffee000000001"
	eniLB    = "eni-0c0ffee000000002"
	groupARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/contract/0c0ffee"
)

type suite struct {
	m machine.Machine
	o Options
}

// network is a VPC with the host's endpoint and a load balancer in front of the host's SSH port.
func (s *suite) network() machine.Network {
	open := []machine.Rule{{Protocol: "-1", From: -1, To: -1, Peers: []string{"0.0.0.0/0"}}}
	endpoint := machine.Endpoint{
		ID: eniHost, MAC: "0a:00:00:00:00:01", PrivateIP: "10.77.0.10", SubnetCIDR: "10.77.0.0/24", PublicIP: s.o.PublicIP,
		Internet: s.o.PublicIP != "", Ingress: open, Egress: open, HopLimit: 2,
	}
	balancer := machine.Endpoint{
		ID: eniLB, MAC: "0a:00:00:00:00:02", PrivateIP: "10.77.0.11", SubnetCIDR: "10.77.0.0/24", Ingress: open, Egress: open,
	}
	return machine.Network{VPCs: []machine.VPC{{
		ID: vpcID, CIDR: "10.77.0.0/16", Endpoints: []machine.Endpoint{endpoint, balancer},
		Balancers: []machine.Balancer{{
			ID: "contract", Endpoint: eniLB,
			Listeners: []machine.Listener{{
				Port: 443, TargetGroup: groupARN,
				Health:  machine.HealthCheck{Protocol: "tcp", Interval: 1, Timeout: 1, Healthy: 1, Unhealthy: 1},
				Targets: []machine.Target{{ID: hostID, IP: "10.77.0.10", Port: 22}},
			}},
		}},
	}}}
}

func (s *suite) host() machine.Host {
	return machine.Host{
		ID: hostID, Hostname: "ip-10-77-0-10", Image: s.o.Image, VPC: vpcID, Endpoint: eniHost,
		Type: "m5.large", VCPUs: 2, MemoryMiB: 8192,
		Attachments: []machine.Attachment{{VolumeID: rootID, Device: "/dev/xvda", Root: true}},
	}
}

func (s *suite) volumes(t *testing.T) {
	for range 2 { // asked twice, made once
		ok(t, "create volume", s.m.CreateVolume(t.Context(), machine.Volume{ID: rootID, SizeGiB: 8}))
	}
	ok(t, "grow volume", s.m.CreateVolume(t.Context(), machine.Volume{ID: rootID, SizeGiB: 10}))
	ok(t, "create volume", s.m.CreateVolume(t.Context(), machine.Volume{ID: dataID, SizeGiB: 1}))
	ok(t, "delete an unknown volume", s.m.DeleteVolume(t.Context(), "vol-0c0ffee0000000ff"))
}

func (s *suite) networks(t *testing.T) {
	for range 2 {
		ok(t, "set network", s.m.SetNetwork(t.Context(), s.network()))
	}
}

func (s *suite) refusals(t *testing.T) {
	h := s.host()
	h.Endpoint = "eni-0c0ffee0000000ff"
	refused(t, "start a host without endpoint", s.m.StartHost(t.Context(), h), errs.NotFound)
	h = s.host()
	h.Attachments = []machine.Attachment{{VolumeID: "vol-0c0ffee0000000ff", Device: "/dev/xvda", Root: true}}
	refused(t, "start a host without its volume", s.m.StartHost(t.Context(), h), errs.NotFound)
	refused(t, "reboot an unknown host", s.m.RebootHost(t.Context(), hostID), errs.NotFound)
	refused(t, "attach to an unknown host", s.m.AttachVolume(t.Context(), hostID, machine.Attachment{VolumeID: dataID, Device: "/dev/sdf"}), errs.NotFound)
	ok(t, "stop an unknown host", s.m.StopHost(t.Context(), hostID, true))
	ok(t, "detach from an unknown host", s.m.DetachVolume(t.Context(), hostID, dataID))
	if hosts := s.status(t).Hosts; len(hosts) != 0 {
		t.Errorf("hosts after refused starts: %v", hosts)
	}
}

func (s *suite) start(t *testing.T) {
	ok(t, "start host", s.m.StartHost(t.Context(), s.host()))
	s.wantHost(t, machine.HostStatus{ID: hostID, Running: true})
	refused(t, "delete the volume of a host", s.m.DeleteVolume(t.Context(), rootID), errs.Conflict)
}

func (s *suite) startAgain(t *testing.T) {
	ok(t, "start host again", s.m.StartHost(t.Context(), s.host()))
	ok(t, "set network again", s.m.SetNetwork(t.Context(), s.network()))
	s.wantHost(t, machine.HostStatus{ID: hostID, Running: true})
}

func (s *suite) attach(t *testing.T) {
	a := machine.Attachment{VolumeID: dataID, Device: "/dev/sdf"}
	for range 2 {
		ok(t, "attach volume", s.m.AttachVolume(t.Context(), hostID, a))
	}
	refused(t, "delete an attached volume", s.m.DeleteVolume(t.Context(), dataID), errs.Conflict)
	for range 2 {
		ok(t, "detach volume", s.m.DetachVolume(t.Context(), hostID, dataID))
	}
	refused(t, "attach an unknown volume", s.m.AttachVolume(t.Context(), hostID, machine.Attachment{VolumeID: "vol-0c0ffee0000000ff", Device: "/dev/sdg"}), errs.NotFound)
	ok(t, "attach volume for what follows", s.m.AttachVolume(t.Context(), hostID, a))
}

func (s *suite) targets(t *testing.T) {
	s.eventually(t, "target is healthy", func(st machine.Status) bool {
		return slices.ContainsFunc(st.Targets, func(ts machine.TargetStatus) bool {
			return ts.TargetGroup == groupARN && ts.ID == hostID && ts.Port == 22 && ts.State == "healthy"
		})
	})
}

func (s *suite) reboot(t *testing.T) {
	ok(t, "reboot host", s.m.RebootHost(t.Context(), hostID))
	s.eventually(t, "host runs", running)
}

func (s *suite) powerOff(t *testing.T) {
	if s.o.PowerOff == nil {
		t.Skip("this machine's hosts cannot be asked to switch themselves off")
	}
	s.o.PowerOff(t, hostID)
	s.eventually(t, "host is off", func(st machine.Status) bool {
		return slices.Contains(st.Hosts, machine.HostStatus{ID: hostID, Reason: machine.ReasonPoweredOff})
	})
	refused(t, "reboot a host that is off", s.m.RebootHost(t.Context(), hostID), errs.Conflict)
	ok(t, "start the host that is off", s.m.StartHost(t.Context(), s.host()))
	s.wantHost(t, machine.HostStatus{ID: hostID, Running: true})
}

func (s *suite) kill(t *testing.T) {
	if s.o.Kill == nil {
		t.Skip("this machine's hosts cannot be killed")
	}
	s.o.Kill(t, hostID)
	s.eventually(t, "host is dead, and why", func(st machine.Status) bool {
		return len(st.Hosts) == 1 && !st.Hosts[0].Running && st.Hosts[0].Reason != "" && st.Hosts[0].Reason != machine.ReasonPoweredOff
	})
}

func (s *suite) stop(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range 2 {
		ok(t, "stop host", s.m.StopHost(ctx, hostID, false))
	}
	if hosts := s.status(t).Hosts; len(hosts) != 0 {
		t.Errorf("hosts after the stop: %v", hosts)
	}
}

func (s *suite) empty(t *testing.T) {
	for _, id := range []string{rootID, dataID, dataID} {
		ok(t, "delete volume", s.m.DeleteVolume(t.Context(), id))
	}
	ok(t, "set the empty network", s.m.SetNetwork(t.Context(), machine.Network{}))
	if st := s.status(t); len(st.Hosts)+len(st.Targets) != 0 {
		t.Errorf("what is left: %+v", st)
	}
}

func (s *suite) status(t *testing.T) machine.Status {
	t.Helper()
	st, err := s.m.Status(t.Context())
	ok(t, "ask for the status", err)
	return st
}

func (s *suite) wantHost(t *testing.T, want machine.HostStatus) {
	t.Helper()
	if got := s.status(t).Hosts; !slices.Equal(got, []machine.HostStatus{want}) {
		t.Errorf("hosts: got %v, want only %v", got, want)
	}
}

func running(st machine.Status) bool {
	return slices.Contains(st.Hosts, machine.HostStatus{ID: hostID, Running: true})
}

// eventually asks for the status until it is as wanted or the machine's patience is over.
func (s *suite) eventually(t *testing.T, what string, wanted func(machine.Status) bool) {
	t.Helper()
	deadline := time.After(s.o.Patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		st := s.status(t)
		if wanted(st) {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s: not within %v; the status is %+v", what, s.o.Patience, st)
		case <-tick.C:
		}
	}
}

func ok(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func refused(t *testing.T, what string, err error, kind errs.Kind) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: not refused", what)
	} else if !errs.Is(err, kind) {
		t.Errorf("%s: got a refusal of kind %v (%v), want %v", what, errs.KindOf(err), err, kind)
	}
}
