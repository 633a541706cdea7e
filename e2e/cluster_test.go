//go:build e2e

package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// status is what `slipway status -o json` prints, as far as the scenarios look at it.
type status struct {
	Healthy   bool     `json:"healthy"`
	Problems  []string `json:"problems"`
	Inventory struct {
		Endpoint string `json:"endpoint"`
		Nodes    []node `json:"nodes"`
	} `json:"inventory"`
}

type node struct {
	Name       string `json:"name"`
	Role       string `json:"role"`
	Zone       string `json:"zone"`
	InstanceID string `json:"instanceId"`
	State      string `json:"state"`
	PrivateIP  string `json:"privateIp"`
	PublicIP   string `json:"publicIp"`
}

// document returns the document of the main cluster, the one that `make up` takes.
func (w *world) document(t *testing.T) string {
	t.Helper()
	sample, err := os.ReadFile("../examples/sandbox.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(sample)
}

// workers writes the document of the main cluster with so many workers.
func (w *world) workers(t *testing.T, count int) {
	t.Helper()
	sample := w.document(t)
	text := strings.Replace(sample, "    count: 2", fmt.Sprintf("    count: %d", count), 1)
	if count != 2 && text == sample {
		t.Fatal("examples/sandbox.yaml has not two workers any more")
	}
	w.write(t, "cluster.yaml", text)
}

// status asks for the state of the main cluster, whatever it is.
func (w *world) status(t *testing.T) status {
	t.Helper()
	r := w.run(t, "status", "-o", "json")
	if r.code != 0 && r.code != 10 {
		t.Fatalf("%s", r.failure(0))
	}
	var s status
	decode(t, r.stdout, &s)
	if s.Healthy != (r.code == 0) {
		t.Errorf("status: healthy is %t and the exit code %d", s.Healthy, r.code)
	}
	return s
}

// healthy fails the test unless the cluster is.
func (w *world) healthy(t *testing.T) status {
	t.Helper()
	s := w.status(t)
	if !s.Healthy {
		t.Fatalf("the cluster is not healthy: %s", strings.Join(s.Problems, "; "))
	}
	return s
}

func (s status) node(t *testing.T, name string) node {
	t.Helper()
	for _, n := range s.Inventory.Nodes {
		if n.Name == name {
			return n
		}
	}
	t.Fatalf("there is no node %s in %v", name, s.Inventory.Nodes)
	return node{}
}

// on runs a command on a node as root and returns what it prints.
func (w *world) on(t *testing.T, node, stdin, command string) string {
	t.Helper()
	r := w.command(t, stdin, binary, "ssh", node, "--", "sudo sh -c '"+command+"'")
	if r.code != 0 {
		t.Fatalf("%s", r.failure(0))
	}
	return strings.TrimSpace(r.stdout)
}

func (w *world) startsSandbox(t *testing.T) {
	w.must(t, "sandbox", "check")
	w.must(t, "sandbox", "start")
	w.must(t, "sandbox", "start") // again: nothing to do
}

func (w *world) buildsCluster(t *testing.T) {
	w.workers(t, 2)
	up := w.must(t, "up", "--yes")
	t.Logf("up took %s:\n%s\n%s", up.took, up.stderr, up.stdout)
	s := w.healthy(t)
	zones := map[string]int{}
	for _, n := range s.Inventory.Nodes {
		if n.Role == "manager" {
			zones[n.Zone]++
		}
	}
	if len(s.Inventory.Nodes) != 5 || len(zones) != 3 {
		t.Errorf("%d nodes with managers in zones %v, want 5 nodes with managers in 3 zones", len(s.Inventory.Nodes), zones)
	}
	// The swarm's own word, by the stock client on a manager.
	members := strings.Fields(w.on(t, "manager-2", "", `docker node ls --format "{{.Hostname}}={{.Status}}={{.ManagerStatus}}"`))
	managers := 0
	for _, m := range members {
		if !strings.Contains(m, "=Ready=") {
			t.Errorf("the swarm says %s", m)
		}
		if strings.HasSuffix(m, "=Leader") || strings.HasSuffix(m, "=Reachable") {
			managers++
		}
	}
	if len(members) != 5 || managers != 3 {
		t.Errorf("the swarm has %v, want 5 nodes, 3 of them managers", members)
	}
	for _, n := range s.Inventory.Nodes {
		labels := w.on(t, "manager-1", "", `docker node inspect --format "{{json .Spec.Labels}}" $(docker node ls -q -f name=`+n.Name+`)`)
		for _, want := range []string{`"slipway.zone":"` + n.Zone + `"`, `"slipway.role":"` + n.Role + `"`, `"slipway.instance":"` + n.InstanceID + `"`} {
			if !strings.Contains(labels, want) {
				t.Errorf("labels of %s: %s, want %s", n.Name, labels, want)
			}
		}
	}
	within(t, time.Minute, "every manager healthy behind the load balancer", func() bool {
		states := w.targetStates(t)
		return len(states) == 3 && !slices.ContainsFunc(states, func(s string) bool { return s != "healthy" })
	})
}

// targetStates lists the health of everything behind the account's load balancers.
func (w *world) targetStates(t *testing.T) []string {
	t.Helper()
	var groups struct {
		TargetGroups []struct{ TargetGroupArn string }
	}
	w.aws(t, &groups, "elbv2", "describe-target-groups")
	var states []string
	for _, g := range groups.TargetGroups {
		var health struct {
			TargetHealthDescriptions []struct{ TargetHealth struct{ State string } }
		}
		w.aws(t, &health, "elbv2", "describe-target-health", "--target-group-arn", g.TargetGroupArn)
		for _, d := range health.TargetHealthDescriptions {
			states = append(states, d.TargetHealth.State)
		}
	}
	return states
}

// mutatingCalls returns how many changing calls the sandbox served so far.
func (w *world) mutatingCalls(t *testing.T) int {
	t.Helper()
	var s struct {
		Calls struct {
			Mutating int `json:"mutating"`
		} `json:"calls"`
	}
	decode(t, w.must(t, "sandbox", "status", "-o", "json").stdout, &s)
	return s.Calls.Mutating
}

func (w *world) changesNothing(t *testing.T) {
	s := w.healthy(t)
	before := w.mutatingCalls(t)
	marks := map[string]string{}
	for _, n := range s.Inventory.Nodes {
		marks[n.Name] = w.on(t, n.Name, "", "touch /run/e2e-mark && systemctl show -p ActiveEnterTimestampMonotonic docker")
	}
	w.want(t, 0, "plan")
	w.must(t, "up", "--yes")
	if n := w.mutatingCalls(t) - before; n != 0 {
		t.Errorf("the second up made %d mutating calls", n)
	}
	for name, mark := range marks {
		changed := w.on(t, name, "", "find /etc /usr /opt /root /home /var/lib/apt /var/lib/dpkg /boot -xdev -newer /run/e2e-mark ! -type d")
		if changed != "" {
			t.Errorf("the second up changed files of %s:\n%s", name, changed)
		}
		if now := w.on(t, name, "", "systemctl show -p ActiveEnterTimestampMonotonic docker"); now != mark {
			t.Errorf("the second up restarted the engine of %s", name)
		}
	}
}

func (w *world) scalesWorkers(t *testing.T) {
	ids := func(s status) map[string]string {
		all := map[string]string{}
		for _, n := range s.Inventory.Nodes {
			all[n.Name] = n.InstanceID
		}
		return all
	}
	before := ids(w.healthy(t))
	w.workers(t, 3)
	plan := w.want(t, 2, "plan")
	if !strings.Contains(plan.stdout, "+ instance linux-3") {
		t.Errorf("the plan does not add linux-3:\n%s", plan.stdout)
	}
	w.must(t, "up", "--yes")
	more := ids(w.healthy(t))
	added := more["linux-3"]
	delete(more, "linux-3")
	if added == "" || !maps.Equal(before, more) {
		t.Errorf("nodes before %v, now %v and linux-3 %q", before, more, added)
	}
	if label := w.on(t, "manager-1", "", `docker node inspect --format "{{index .Spec.Labels \"slipway.group\"}}" linux-3`); label != "linux" {
		t.Errorf("linux-3 has the group label %q", label)
	}
	w.workers(t, 2)
	w.must(t, "up", "--yes")
	if after := ids(w.healthy(t)); !maps.Equal(before, after) {
		t.Errorf("nodes before %v, after %v", before, after)
	}
	if names := w.on(t, "manager-1", "", `docker node ls --format "{{.Hostname}}"`); strings.Contains(names, "linux-3") {
		t.Errorf("the swarm still has linux-3: %s", names)
	}
	var found struct {
		Reservations []struct {
			Instances []struct{ State struct{ Name string } }
		}
	}
	w.aws(t, &found, "ec2", "describe-instances", "--instance-ids", added)
	if state := found.Reservations[0].Instances[0].State.Name; state != "terminated" && state != "shutting-down" {
		t.Errorf("the instance of linux-3 is %s", state)
	}
}
