package network_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

const region = "us-east-1"

// public is a range with three addresses to give out: 16 belong to the cage, and the last is for broadcasts.
var public = netip.MustParsePrefix("198.18.0.0/27")

// account has one VPC with two small subnets in different zones.
func account() (*state.Data, *state.Region) {
	d := &state.Data{}
	d.Normalize()
	r := d.Region(region)
	r.EC2.VPCs["vpc-1"] = &state.VPC{ID: "vpc-1", CIDR: "10.0.0.0/16"}
	r.EC2.Subnets["subnet-a"] = &state.Subnet{ID: "subnet-a", VPC: "vpc-1", CIDR: "10.0.0.0/28", Zone: region + "a"}
	r.EC2.Subnets["subnet-b"] = &state.Subnet{ID: "subnet-b", VPC: "vpc-1", CIDR: "10.0.1.0/28", Zone: region + "b"}
	return d, r
}

func TestAddressesAreGivenOutInTurn(t *testing.T) {
	t.Parallel()
	d, r := account()
	var got []string
	take := func(wish string, isPublic bool) (*state.NetworkInterface, error) {
		return network.NewInterface(d, region, public, network.InterfaceSpec{Subnet: "subnet-a", PrivateIP: wish, Public: isPublic})
	}
	for range 11 { // 16 but the first four and the last
		i, err := take("", false)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, i.PrivateIP)
	}
	if got[0] != "10.0.0.4" || got[10] != "10.0.0.14" {
		t.Errorf("addresses: %v", got)
	}
	_, err := take("", false)
	if code := awswire.CodeOf(err); code != "InsufficientFreeAddressesInSubnet" {
		t.Errorf("a full subnet: %v", err)
	}
	if free := network.FreeAddresses(&r.EC2, r.EC2.Subnets["subnet-a"]); free != 0 {
		t.Errorf("%d addresses free, want 0", free)
	}
	for id, i := range r.EC2.NetworkInterfaces {
		if i.PrivateIP == "10.0.0.5" || i.PrivateIP == "10.0.0.9" {
			network.DeleteInterface(&r.EC2, id)
		}
	}
	if i, err := take("", false); err != nil || i.PrivateIP != "10.0.0.5" {
		t.Errorf("after the last address the search goes around: %+v, %v", i, err)
	}
	for wish, code := range map[string]string{
		"10.0.0.6": "InvalidIPAddress.InUse", "10.0.0.3": "InvalidParameterValue", "10.0.0.15": "InvalidParameterValue",
		"10.0.1.6": "InvalidParameterValue", "sofa": "InvalidParameterValue",
	} {
		if _, err := take(wish, false); awswire.CodeOf(err) != code {
			t.Errorf("wish %s: got %v, want %s", wish, err, code)
		}
	}
	if i, err := take("10.0.0.9", false); err != nil || i.PrivateIP != "10.0.0.9" {
		t.Errorf("wish: %+v, %v", i, err)
	}
}

func TestPublicAddressesAreSharedByRegions(t *testing.T) {
	t.Parallel()
	d, _ := account()
	other := &d.Region("eu-west-1").EC2
	other.VPCs["vpc-2"] = &state.VPC{ID: "vpc-2", CIDR: "10.0.0.0/16"}
	other.Subnets["subnet-c"] = &state.Subnet{ID: "subnet-c", VPC: "vpc-2", CIDR: "10.0.0.0/24", Zone: "eu-west-1a"}
	seen := map[string]bool{}
	for n := range 15 {
		where, subnet := region, "subnet-b"
		if n%2 == 0 {
			where, subnet = "eu-west-1", "subnet-c"
		}
		i, err := network.NewInterface(d, where, public, network.InterfaceSpec{Subnet: subnet, Public: true})
		if err != nil {
			t.Fatal(err)
		}
		if seen[i.PublicIP] || !public.Contains(netip.MustParseAddr(i.PublicIP)) || i.PublicIP < "198.18.0.16" {
			t.Errorf("address %s is taken, reserved or outside", i.PublicIP)
		}
		seen[i.PublicIP] = true
	}
	_, err := network.NewInterface(d, "eu-west-1", public, network.InterfaceSpec{Subnet: "subnet-c", Public: true})
	if code := awswire.CodeOf(err); code != "InsufficientAddressCapacity" {
		t.Errorf("a full range: %v", err)
	}
}

// populate adds an instance in each subnet, an internet gateway, and a group that admits its own members and the world's SSH.
func populate(t *testing.T, d *state.Data, r *state.Region) {
	t.Helper()
	r.EC2.SecurityGroups["sg-1"] = &state.SecurityGroup{ID: "sg-1", VPC: "vpc-1", Rules: []state.SecurityGroupRule{
		{Protocol: "-1", From: -1, To: -1, Group: "sg-1"},
		{Protocol: "-1", From: -1, To: -1, Group: "sg-empty"},
		{Protocol: "tcp", From: 22, To: 22, CIDR: "0.0.0.0/0"},
		{Protocol: "-1", From: -1, To: -1, CIDR: "0.0.0.0/0", Egress: true},
	}}
	r.EC2.SecurityGroups["sg-empty"] = &state.SecurityGroup{ID: "sg-empty", VPC: "vpc-1"}
	r.EC2.InternetGateways["igw-1"] = &state.InternetGateway{ID: "igw-1", VPC: "vpc-1"}
	r.EC2.RouteTables["rtb-main"] = &state.RouteTable{ID: "rtb-main", VPC: "vpc-1", Associations: []state.RouteAssociation{{ID: "m"}}}
	r.EC2.RouteTables["rtb-a"] = &state.RouteTable{
		ID: "rtb-a", VPC: "vpc-1", Associations: []state.RouteAssociation{{ID: "a", Subnet: "subnet-a"}},
		Routes: []state.Route{{Destination: "0.0.0.0/0", Gateway: "igw-1"}},
	}
	for id, subnet := range map[string]string{"i-1": "subnet-a", "i-2": "subnet-b"} {
		n, err := network.NewInterface(d, region, public, network.InterfaceSpec{Subnet: subnet, Groups: []string{"sg-1"}, Public: true})
		if err != nil {
			t.Fatal(err)
		}
		n.Instance = id
		r.EC2.Instances[id] = &state.Instance{
			ID: id, VPC: "vpc-1", Interface: n.ID, State: state.InstanceRunning, Metadata: state.MetadataOptions{HopLimit: 2},
		}
	}
}

// endpointOf returns the endpoint of an instance.
func endpointOf(t *testing.T, d *state.Data, r *state.Region, instance string) machine.Endpoint {
	t.Helper()
	for _, e := range network.Desired(d).VPCs[0].Endpoints {
		if e.ID == r.EC2.Instances[instance].Interface {
			return e
		}
	}
	t.Fatalf("no endpoint of %s", instance)
	return machine.Endpoint{}
}

func TestDesiredEndpoints(t *testing.T) {
	t.Parallel()
	d, r := account()
	populate(t, d, r)
	a, b := endpointOf(t, d, r, "i-1"), endpointOf(t, d, r, "i-2")
	if !a.Internet || b.Internet {
		t.Error("only the subnet with a default route reaches the internet")
	}
	wantIn := []machine.Rule{
		{Protocol: "-1", From: -1, To: -1, Peers: []string{"10.0.0.4/32", "10.0.1.4/32"}},
		{Protocol: "tcp", From: 22, To: 22, Peers: []string{"0.0.0.0/0"}},
	}
	if diff := cmp.Diff(wantIn, a.Ingress); diff != "" {
		t.Errorf("ingress:\n%s", diff)
	}
	if diff := cmp.Diff([]machine.Rule{{Protocol: "-1", From: -1, To: -1, Peers: []string{"0.0.0.0/0"}}}, a.Egress); diff != "" {
		t.Errorf("egress:\n%s", diff)
	}
	if a.SubnetCIDR != "10.0.0.0/28" || a.PublicIP == "" || a.HopLimit != 2 || a.Cut {
		t.Errorf("endpoint: %+v", a)
	}
	r.EC2.Instances["i-1"].Drill = state.DrillCut
	r.EC2.Instances["i-1"].Metadata.Disabled = true
	r.EC2.InternetGateways["igw-1"].VPC = ""
	if a = endpointOf(t, d, r, "i-1"); !a.Cut || a.HopLimit != 0 || a.Internet {
		t.Errorf("cut, without metadata and gateway: %+v", a)
	}
	if diff := cmp.Diff(network.Desired(d), network.Desired(d)); diff != "" {
		t.Errorf("the same account gives different networks:\n%s", diff)
	}
}

func TestDesiredBalancers(t *testing.T) {
	t.Parallel()
	d, r := account()
	populate(t, d, r)
	lb := &state.LoadBalancer{
		ARN: "lb", VPC: "vpc-1", Subnets: []string{"subnet-a", "subnet-b"}, State: state.BalancerProvisioning, Attributes: map[string]string{},
	}
	for _, subnet := range lb.Subnets {
		n, err := network.NewInterface(d, region, public, network.InterfaceSpec{Subnet: subnet})
		if err != nil {
			t.Fatal(err)
		}
		n.LoadBalancer = lb.ARN
		lb.Interfaces = append(lb.Interfaces, n.ID)
	}
	r.ELB.LoadBalancers["lb"] = lb
	r.ELB.Listeners["l"] = &state.Listener{ARN: "l", LoadBalancer: "lb", Port: 443, TargetGroup: "tg"}
	r.ELB.TargetGroups["tg"] = &state.TargetGroup{
		ARN: "tg", VPC: "vpc-1", TargetType: "instance", HealthCheck: state.TargetHealthCheck{Protocol: "TCP", Port: "2377", Interval: 5, Timeout: 5, Healthy: 2, Unhealthy: 2},
		Targets: []state.Target{{ID: "i-1", Port: 443}, {ID: "i-2", Port: 443}, {ID: "i-gone", Port: 443}},
	}
	if n := network.Desired(d); len(n.VPCs[0].Balancers) != 0 || len(n.VPCs[0].Endpoints) != 3 {
		t.Errorf("a balancer in the making has its first endpoint and forwards nothing: %+v", n.VPCs[0])
	}
	lb.State = state.BalancerActive
	targets := func() (ids []string) {
		for _, x := range network.Desired(d).VPCs[0].Balancers[0].Listeners[0].Targets {
			ids = append(ids, x.ID+" "+x.IP)
		}
		return ids
	}
	if diff := cmp.Diff([]string{"i-1 10.0.0.4"}, targets()); diff != "" {
		t.Errorf("targets within the zone:\n%s", diff)
	}
	lb.Attributes["load_balancing.cross_zone.enabled"] = "true"
	if diff := cmp.Diff([]string{"i-1 10.0.0.4", "i-2 10.0.1.4"}, targets()); diff != "" {
		t.Errorf("targets across zones:\n%s", diff)
	}
	r.EC2.Instances["i-1"].State = state.InstanceStopped
	r.ELB.TargetGroups["tg"].Targets[1].Draining = true
	if got := targets(); got != nil {
		t.Errorf("stopped and draining targets: %v", got)
	}
	l := network.Desired(d).VPCs[0].Balancers[0].Listeners[0]
	want := machine.HealthCheck{Protocol: "tcp", Port: 2377, Interval: 5, Timeout: 5, Healthy: 2, Unhealthy: 2}
	if diff := cmp.Diff(want, l.Health); diff != "" || l.Port != 443 {
		t.Errorf("listener %d, health check:\n%s", l.Port, diff)
	}
	all := []machine.Rule{{Protocol: "-1", From: -1, To: -1, Peers: []string{"0.0.0.0/0"}}}
	for _, e := range network.Desired(d).VPCs[0].Endpoints {
		if e.ID == lb.Interfaces[0] {
			if diff := cmp.Diff(all, e.Ingress); diff != "" {
				t.Errorf("a balancer without groups lets everything through:\n%s", diff)
			}
		}
	}
	network.ReleaseInterface(&r.EC2, lb.Interfaces[0], time.Now())
	delete(r.ELB.LoadBalancers, "lb")
	if n := network.Desired(d); len(n.VPCs[0].Endpoints) != 2 {
		t.Errorf("endpoints after the balancer's deletion: %+v", n.VPCs[0].Endpoints)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for where, want := range map[string]string{"us-east-1": "ip-10-0-0-4.ec2.internal", "eu-west-1": "ip-10-0-0-4.eu-west-1.compute.internal"} {
		if got := network.PrivateDNS(where, "10.0.0.4"); got != want {
			t.Errorf("in %s: got %s, want %s", where, got, want)
		}
	}
}
