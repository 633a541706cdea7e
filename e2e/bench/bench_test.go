//go:build bench

package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// target is what the wall time of up may be of what the cloud's own latencies allow.
const target = 1.15

// The size of a measurement, which BENCH_SCALE and BENCH_REPEAT change.
const (
	defaultScale  = 0.05 // of AWS's own latencies
	defaultRepeat = 5
)

// document is a cluster with given counts of managers and workers.
const document = `version: v1
name: bench
cloud: {provider: aws, region: us-east-1, zones: 3}
network: {allow: {ssh: [203.0.113.0/24], https: [203.0.113.0/24]}}
managers: {count: %d}
workers: [{name: linux, count: %d}]
protect: false
`

// shape is a size of cluster.
type shape struct{ managers, workers int }

func (s shape) String() string { return fmt.Sprintf("%d managers + %d workers", s.managers, s.workers) }

// TestInfrastructure measures `up --infra-only`, the same again, and `destroy`.
func TestInfrastructure(t *testing.T) {
	scale, repeat := parameter(t, "BENCH_SCALE", defaultScale), int(parameter(t, "BENCH_REPEAT", defaultRepeat))
	binary := build(t)
	var tables []table
	for _, s := range []shape{{3, 2}, {3, 30}} {
		up, again, destroy := table{Shape: s, Name: "up"}, table{Shape: s, Name: "up again"}, table{Shape: s, Name: "destroy"}
		for i := range repeat {
			t.Run(fmt.Sprintf("%d+%d/%d", s.managers, s.workers, i+1), func(t *testing.T) {
				p := newProbe(t, binary, s, scale)
				up.add(p.up(t))
				again.add(p.again(t))
				destroy.add(p.destroy(t))
			})
		}
		tables = append(tables, up, again, destroy)
	}
	if t.Failed() {
		return
	}
	fmt.Fprintf(os.Stdout, "\nlatency aws x %g, %d runs each; %s\n", scale, repeat, machine())
	for _, table := range tables {
		table.print(os.Stdout)
	}
	for _, table := range tables {
		if ratio := median(table.column(sample.ratio)); table.Name == "up" && ratio > target {
			t.Errorf("%s of %s takes %.3f times the cloud's own time, more than %.2f", table.Name, table.Shape, ratio, target)
		}
	}
}

func parameter(t *testing.T, name string, otherwise float64) float64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value <= 0 {
		t.Fatalf("%s=%s is no number above 0", name, text)
	}
	return value
}

// probe is one cluster in a cloud of its own, and what measures the commands on it.
type probe struct {
	operator
	shape shape
	cloud *cloud.Cloud
}

func newProbe(t *testing.T, binary string, s shape, scale float64) probe {
	t.Helper()
	c := cloud.Start(t, cloud.Options{Latency: settings.AWS, Scale: scale})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cluster.yaml"), fmt.Appendf(nil, document, s.managers, s.workers), 0o600); err != nil {
		t.Fatal(err)
	}
	return probe{shape: s, cloud: c, operator: operator{binary: binary, dir: dir, env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_DATA_HOME=" + filepath.Join(dir, "data"),
		"AWS_ENDPOINT_URL=" + c.Serve(t), "AWS_ACCESS_KEY_ID=" + c.Root.ID, "AWS_SECRET_ACCESS_KEY=" + c.Root.Secret,
		"AWS_CONFIG_FILE=" + filepath.Join(dir, "no-aws-config"), "AWS_EC2_METADATA_DISABLED=true",
	}}}
}

func (p probe) nodes() int { return p.shape.managers + p.shape.workers }

func (p probe) up(t *testing.T) sample {
	s, _ := p.measure(t, true, 0, upCommand()...)
	return s
}

// again measures an up that finds everything done.
func (p probe) again(t *testing.T) sample {
	s, stdout := p.measure(t, true, p.nodes(), upCommand()...)
	var report struct {
		Plan struct{ Changes []json.RawMessage }
	}
	if err := json.Unmarshal(stdout, &report); err != nil {
		t.Fatal(err)
	}
	if calls := p.cloud.Mutating(); len(report.Plan.Changes) > 0 || len(calls) > 0 {
		t.Errorf("a second up found changes %s and called %v", report.Plan.Changes, calls)
	}
	return s
}

func (p probe) destroy(t *testing.T) sample {
	s, _ := p.measure(t, false, p.nodes(), "destroy", "--yes", "--log-format", "json")
	if left := p.cloud.Resources(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return s
}

func upCommand() []string {
	return []string{"up", "--infra-only", "--yes", "-o", "json", "--log-format", "json"}
}

// measure runs one command against the cloud, in which so many nodes exist.
func (p probe) measure(t *testing.T, up bool, nodes int, args ...string) (sample, []byte) {
	t.Helper()
	p.cloud.ForgetCalls()
	used, stdout, log := p.run(t, args...)
	trace, err := ReadTrace(bytes.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	s := sample{usage: used, graph: trace.Wall(), least: trace.Work(nodes).Least(up), actions: map[string]int{}}
	s.measured, s.path = trace.Critical(trace.Measured())
	s.cloud, _ = trace.Critical(Cloud(p.cloud.Settings.Delay))
	nodesRun := trace.Until(NodeRuns)
	s.running = nodesRun.Wall()
	s.cloudRunning, _ = nodesRun.Critical(Cloud(p.cloud.Settings.Delay))
	for _, call := range p.cloud.Calls() {
		s.calls++
		s.actions[call.Name()]++
	}
	return s, stdout
}

// sample is what one command took.
type sample struct {
	usage
	graph    time.Duration // from the first step's beginning to the last one's end
	measured time.Duration // critical path of the steps as they were
	path     []string      // its steps
	cloud    time.Duration // critical path by the cloud's own latencies

	running      time.Duration // from the first step's beginning until all nodes run
	cloudRunning time.Duration // the same by the cloud's own latencies

	calls   int
	least   int
	actions map[string]int // calls by action
}

// ratio is the command's wall time over the least; 0 where there is nothing to wait for.
func (s sample) ratio() float64 { return over(s.Wall, s.cloud) }

func over(a, b time.Duration) float64 {
	if b == 0 {
		return 0
	}
	return a.Seconds() / b.Seconds()
}
