//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listings are the stock CLI's ways to list everything of an account, by what a cluster is made of. Terminated instances
// stay visible for an hour, on AWS too, and do not count.
var listings = map[string][]string{
	"vpcs":               {"ec2", "describe-vpcs", "--query", "Vpcs[].VpcId"},
	"subnets":            {"ec2", "describe-subnets", "--query", "Subnets[].SubnetId"},
	"internet gateways":  {"ec2", "describe-internet-gateways", "--query", "InternetGateways[].InternetGatewayId"},
	"route tables":       {"ec2", "describe-route-tables", "--query", "RouteTables[].RouteTableId"},
	"security groups":    {"ec2", "describe-security-groups", "--query", "SecurityGroups[].GroupId"},
	"network interfaces": {"ec2", "describe-network-interfaces", "--query", "NetworkInterfaces[].NetworkInterfaceId"},
	"key pairs":          {"ec2", "describe-key-pairs", "--query", "KeyPairs[].KeyPairId"},
	"instances":          {"ec2", "describe-instances", "--query", "Reservations[].Instances[?State.Name!='terminated'][].InstanceId"},
	"volumes":            {"ec2", "describe-volumes", "--query", "Volumes[].VolumeId"},
	"load balancers":     {"elbv2", "describe-load-balancers", "--query", "LoadBalancers[].LoadBalancerArn"},
	"target groups":      {"elbv2", "describe-target-groups", "--query", "TargetGroups[].TargetGroupArn"},
	"roles":              {"iam", "list-roles", "--query", "Roles[].Arn"},
	"instance profiles":  {"iam", "list-instance-profiles", "--query", "InstanceProfiles[].Arn"},
	"parameters":         {"ssm", "get-parameters-by-path", "--path", "/slipway", "--recursive", "--query", "Parameters[].Name"},
}

// account lists everything in the sandbox's account, as the stock CLI sees it.
func (w *world) account(t *testing.T) map[string][]string {
	t.Helper()
	w.cloudEnv(t)
	var mu sync.Mutex
	all := map[string][]string{}
	var lists sync.WaitGroup
	for what, args := range listings {
		lists.Go(func() {
			var ids []string
			r := w.aws(t, nil, args...)
			if err := json.Unmarshal([]byte(r.stdout), &ids); err != nil || r.code != 0 {
				t.Errorf("%v: %s", err, r.failure(0)) // Fatal is for the test's own goroutine
			}
			slices.Sort(ids)
			mu.Lock()
			defer mu.Unlock()
			all[what] = ids
		})
	}
	lists.Wait()
	return all
}

// tagged lists the resources of a cluster that bear its tag, as kind/id, terminated instances left out, and its load
// balancers, which are known by their names.
func (w *world) tagged(t *testing.T, cluster string) []string {
	t.Helper()
	var tags struct {
		Tags []struct{ ResourceID, ResourceType string }
	}
	w.aws(t, &tags, "ec2", "describe-tags", "--filters", "Name=tag:slipway:cluster,Values="+cluster)
	var live []string
	w.aws(t, &live, listings["instances"]...)
	var found []string
	for _, tag := range tags.Tags {
		if tag.ResourceType != "instance" || slices.Contains(live, tag.ResourceID) {
			found = append(found, tag.ResourceType+"/"+tag.ResourceID)
		}
	}
	var balancers []string
	w.aws(t, &balancers, "elbv2", "describe-load-balancers", "--query", fmt.Sprintf("LoadBalancers[?starts_with(LoadBalancerName,'%s-')].LoadBalancerName", cluster))
	for _, name := range balancers {
		found = append(found, "loadbalancer/"+name)
	}
	slices.Sort(found)
	return found
}

func kindOf(tagged string) string {
	kind, _, _ := strings.Cut(tagged, "/")
	return kind
}

func (w *world) destroys(t *testing.T, empty map[string][]string) {
	w.want(t, 3, "destroy") // nobody is there to give the cluster's name
	w.must(t, "destroy", "--yes")
	if diff := cmp.Diff(empty, w.account(t)); diff != "" {
		t.Errorf("the account differs from before (-before +after):\n%s", diff)
	}
	w.want(t, 4, "status")
}

// servesStockCLI lists what the cluster is made of with Debian's awscli, and gets AWS's refusals for what is wrong.
func (w *world) servesStockCLI(t *testing.T) {
	s := w.healthy(t)
	for what, want := range map[string]int{"instances": 5, "volumes": 10, "load balancers": 1, "target groups": 1} {
		var ids []string
		w.aws(t, &ids, listings[what]...)
		if len(ids) != want {
			t.Errorf("aws lists %d %s, want %d", len(ids), what, want)
		}
	}
	id := s.node(t, "linux-1").InstanceID
	for _, refusal := range []struct {
		code string
		args []string
	}{
		{"InvalidInstanceID.NotFound", []string{"ec2", "describe-instances", "--instance-ids", "i-00000000000000000"}},
		{"InvalidInstanceID.Malformed", []string{"ec2", "describe-instances", "--instance-ids", "nonsense"}},
		{"InvalidParameterValue", []string{"ec2", "describe-instances", "--filters", "Name=no-such-filter,Values=1"}},
		{"InvalidAction", []string{"ec2", "describe-spot-price-history"}},
		{"VolumeInUse", []string{"ec2", "delete-volume", "--volume-id", w.volumeOf(t, id)}},
		{"DependencyViolation", []string{"ec2", "delete-vpc", "--vpc-id", w.vpcOf(t, id)}},
		{"DryRunOperation", []string{"ec2", "reboot-instances", "--dry-run", "--instance-ids", id}},
		{"LoadBalancerNotFound", []string{"elbv2", "describe-load-balancers", "--names", "nobody"}},
		{"NoSuchEntity", []string{"iam", "get-role", "--role-name", "nobody"}},
		{"ParameterNotFound", []string{"ssm", "get-parameter", "--name", "/nothing"}},
	} {
		r := w.aws(t, nil, refusal.args...)
		if r.code == 0 || !strings.Contains(r.stderr, "("+refusal.code+")") {
			t.Errorf("aws %s: exit %d and %q, want %s", strings.Join(refusal.args, " "), r.code, r.stderr, refusal.code)
		}
	}
	stranger := *w
	stranger.cloud = append(slices.Clone(w.cloudEnv(t)), "AWS_SECRET_ACCESS_KEY=wrong")
	if r := stranger.aws(t, nil, "ec2", "describe-vpcs"); r.code == 0 || !strings.Contains(r.stderr, "(AuthFailure)") {
		t.Errorf("with a wrong secret: exit %d and %q, want AuthFailure", r.code, r.stderr)
	}
}

func (w *world) volumeOf(t *testing.T, instance string) string {
	t.Helper()
	var ids []string
	w.aws(t, &ids, "ec2", "describe-volumes", "--filters", "Name=attachment.instance-id,Values="+instance, "--query", "Volumes[].VolumeId")
	if len(ids) == 0 {
		t.Fatalf("%s has no volume", instance)
	}
	return ids[0]
}

func (w *world) vpcOf(t *testing.T, instance string) string {
	t.Helper()
	var ids []string
	w.aws(t, &ids, "ec2", "describe-instances", "--instance-ids", instance, "--query", "Reservations[].Instances[].VpcId")
	if len(ids) != 1 {
		t.Fatalf("%s is in VPCs %v", instance, ids)
	}
	return ids[0]
}

// printsInventory gives the inventory to the tools that it is printed for.
func (w *world) printsInventory(t *testing.T) {
	config := w.write(t, "ssh_config", w.must(t, "inventory", "-o", "ssh-config").stdout)
	r := w.command(t, "", "ssh", "-F", config, "linux-2", "hostname")
	if r.code != 0 || !strings.Contains(r.stdout, "linux-2") {
		t.Errorf("%s", r.failure(0))
	}
	ansible := w.must(t, "inventory", "-o", "ansible").stdout
	for _, want := range []string{"manager-1", "linux-2", "ansible_host"} {
		if !strings.Contains(ansible, want) {
			t.Errorf("the Ansible inventory lacks %s:\n%s", want, ansible)
		}
	}
}
