package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/app"
	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision"
)

func TestEveryKindOfErrorHasOneExitCode(t *testing.T) {
	t.Parallel()
	codes, seen := map[errs.Kind]int{}, map[int]bool{}
	for _, row := range ExitCodes() {
		if seen[row.Code] {
			t.Errorf("exit code %d is in the table twice", row.Code)
		}
		seen[row.Code] = true
		for _, k := range row.Kinds {
			if _, twice := codes[k]; twice {
				t.Errorf("%s is in the table twice", k)
			}
			codes[k] = row.Code
		}
	}
	for _, k := range errs.Kinds() {
		want, ok := codes[k]
		if !ok {
			t.Errorf("%s is not in the table", k)
		}
		if got := codeOf(fmt.Errorf("wrapped: %w", errs.New(k, "x"))); got != want {
			t.Errorf("codeOf(%s) = %d, want %d", k, got, want)
		}
	}
	if got := codeOf(errors.New("unclassed")); got != 1 {
		t.Errorf("an error that nobody classed ends with %d, want 1", got)
	}
	if got := codeOf(fmt.Errorf("up: %w", result(codeUnhealthy))); got != codeUnhealthy {
		t.Errorf("a result ends with %d, want %d", got, codeUnhealthy)
	}
}

func TestReferencePagesAreGenerated(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"cli.md": ReferencePage(), "exit-codes.md": ExitCodesPage()} {
		got, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("docs/reference/%s is out of date, run `go generate ./internal/cli` (-want +got):\n%s", name, diff)
		}
	}
}

func TestRenderError(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	locked := errs.New(errs.Conflict, "the lease is held by ann@laptop").WithRemedy("Wait.\nOr ask her.")
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"plain":   {boom, "slipway: boom\n"},
		"remedy":  {fmt.Errorf("up: %w", locked), "slipway: up: the lease is held by ann@laptop\n         Wait.\n         Or ask her.\n"},
		"cause":   {errs.Wrap(errs.Internal, boom, "read"), "slipway: read: boom\n"},
		"joined":  {errors.Join(boom, errors.Join(locked, boom)), "slipway: boom\nslipway: the lease is held by ann@laptop\n         Wait.\n         Or ask her.\nslipway: boom\n"},
		"shared":  {errors.Join(locked, locked), "slipway: the lease is held by ann@laptop\nslipway: the lease is held by ann@laptop\n         Wait.\n         Or ask her.\n"},
		"lines":   {errors.New("2 of 5 hosts failed:\n  a\n  b"), "slipway: 2 of 5 hosts failed:\n           a\n           b\n"},
		"several": {fmt.Errorf("both %w and %w", boom, boom), "slipway: both boom and boom\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			renderError(&b, test.err)
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanText(t *testing.T) {
	t.Parallel()
	plan := &provision.Plan{
		Cluster: "demo", Region: "us-east-1",
		Changes: []provision.Change{
			{Action: provision.ActionCreate, Key: "instance/linux-4", Reason: "does not exist", Fields: []provision.FieldChange{{Name: "type", New: "m5.large"}, {Name: "subnet", New: "(after apply)"}}},
			{Action: provision.ActionUpdate, Key: "security-group/manager", ID: "sg-1", Fields: []provision.FieldChange{{Name: "ingress", Old: "tcp 22 from 192.0.2.0/24", New: "", Note: "not in the document"}}},
			{Action: provision.ActionReplace, Key: "key-pair/ssh", ID: "key-1", Reason: "another key"},
			{Action: provision.ActionDelete, Key: "instance/linux-3", ID: "i-3", Reason: "no longer in the document"},
			{Action: provision.ActionRefuse, Key: "subnet/us-east-1a", ID: "subnet-1", Reason: "cidr is 10.0.0.0/24 and cannot become 10.0.1.0/24"},
			{Action: provision.ActionUnknown, Key: "role/node", Reason: "no permission for iam:GetRole"},
		},
		Notices: []string{"a newer image exists"},
	}
	var b bytes.Buffer
	if err := printPlan(&b, plan, false); err != nil {
		t.Fatal(err)
	}
	want := `  + instance linux-4: does not exist
      type: m5.large
      subnet: (after apply)
  ~ security-group manager sg-1
      ingress: tcp 22 from 192.0.2.0/24 -> (none) (not in the document)
-/+ key-pair ssh key-1: another key
  - instance linux-3 i-3: no longer in the document
  ! subnet us-east-1a subnet-1: cidr is 10.0.0.0/24 and cannot become 10.0.1.0/24
  ? role node: no permission for iam:GetRole
note: a newer image exists

` + plan.Summary() + ` in cluster demo, us-east-1.
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Reset()
	if err := printPlan(&b, &provision.Plan{Cluster: "demo", Region: "us-east-1"}, true); err != nil {
		t.Fatal(err)
	}
	if want := "Nothing to change: cluster demo in us-east-1 is as its document says.\n"; b.String() != want {
		t.Errorf("empty plan prints %q, want %q", b.String(), want)
	}
}

func sampleReach() *app.Reach {
	return &app.Reach{
		IdentityFile: "/home/ann lee/id_ed25519", KnownHosts: "/data/known_hosts",
		Inventory: &cluster.Inventory{Cluster: "demo", Region: "us-east-1", Endpoint: "198.18.0.20", Nodes: []cluster.Node{
			{Name: "manager-1", Role: cluster.RoleManager, Group: "manager", Zone: "us-east-1a", InstanceID: "i-1", PublicIP: "198.18.0.17", PrivateIP: "172.31.0.10", User: "admin", HostKey: "ssh-ed25519 AAAA", State: "running"},
			{Name: "linux-1", Role: cluster.RoleWorker, Group: "linux", Zone: "us-east-1a", InstanceID: "i-2", PublicIP: "198.18.0.18", PrivateIP: "172.31.0.11", User: "admin", HostKey: "ssh-ed25519 BBBB", State: "running"},
			{Name: "linux-2", Role: cluster.RoleWorker, Group: "linux", Zone: "us-east-1b", InstanceID: "i-3", State: "stopped", User: "admin"},
		}},
	}
}

func TestInventoryForms(t *testing.T) {
	t.Parallel()
	reach := sampleReach()
	wantSSH := `# Cluster demo in us-east-1, written by ` + "`slipway inventory -o ssh-config`" + `.

Host manager-1 demo-manager-1
  HostName 198.18.0.17
  User admin
  HostKeyAlias i-1
  UserKnownHostsFile /data/known_hosts
  StrictHostKeyChecking yes
  IdentityFile "/home/ann lee/id_ed25519"
  IdentitiesOnly yes

Host linux-1 demo-linux-1
  HostName 198.18.0.18
  User admin
  HostKeyAlias i-2
  UserKnownHostsFile /data/known_hosts
  StrictHostKeyChecking yes
  IdentityFile "/home/ann lee/id_ed25519"
  IdentitiesOnly yes
`
	if diff := cmp.Diff(wantSSH, sshConfig(reach)); diff != "" {
		t.Errorf("ssh-config (-want +got):\n%s", diff)
	}
	wantAnsible := `# Cluster demo in us-east-1, written by ` + "`slipway inventory -o ansible`" + `.

[managers]
manager-1 ansible_host=198.18.0.17 ansible_user=admin ansible_ssh_private_key_file="/home/ann lee/id_ed25519" ansible_ssh_common_args='-o HostKeyAlias=i-1 -o UserKnownHostsFile=/data/known_hosts -o StrictHostKeyChecking=yes' slipway_zone=us-east-1a slipway_private_ip=172.31.0.10

[linux]
linux-1 ansible_host=198.18.0.18 ansible_user=admin ansible_ssh_private_key_file="/home/ann lee/id_ed25519" ansible_ssh_common_args='-o HostKeyAlias=i-2 -o UserKnownHostsFile=/data/known_hosts -o StrictHostKeyChecking=yes' slipway_zone=us-east-1a slipway_private_ip=172.31.0.11

[workers:children]
linux

[all:vars]
slipway_cluster=demo
slipway_region=us-east-1
slipway_endpoint=198.18.0.20
`
	if diff := cmp.Diff(wantAnsible, ansibleInventory(reach)); diff != "" {
		t.Errorf("ansible (-want +got):\n%s", diff)
	}
}

// TestAnsibleGroupOfWorkers: a group that is called like the one over all of them is no child of itself.
func TestAnsibleGroupOfWorkers(t *testing.T) {
	t.Parallel()
	reach := sampleReach()
	reach.Inventory.Nodes[1].Group = "workers"
	if got := ansibleInventory(reach); !strings.Contains(got, "\n[workers]\nlinux-1 ") || strings.Contains(got, ":children") {
		t.Errorf("got\n%s", got)
	}
}

func TestSSHCommandLine(t *testing.T) {
	t.Parallel()
	reach := sampleReach()
	node, err := reach.Node("manager-1")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ssh", "-o", "HostName=198.18.0.17", "-o", "User=admin", "-o", "HostKeyAlias=i-1", "-o", "UserKnownHostsFile=/data/known_hosts",
		"-o", "StrictHostKeyChecking=yes", "-o", `IdentityFile="/home/ann lee/id_ed25519"`, "-o", "IdentitiesOnly=yes", "--", "manager-1", "docker", "node", "ls",
	}
	if diff := cmp.Diff(want, sshArgs(reach, node, []string{"docker", "node", "ls"})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := reach.Node("linux-2"); !errs.Is(err, errs.Unavailable) {
		t.Errorf("a stopped node: %v, want %s", err, errs.Unavailable)
	}
	if _, err := reach.Node("linux-9"); !errs.Is(err, errs.NotFound) {
		t.Errorf("a node that does not exist: %v, want %s", err, errs.NotFound)
	}
}

// terminal is a process on a terminal, in an empty folder, where somebody types what is written to keys.
type terminal struct {
	Process
	out, err bytes.Buffer
	keys     *io.PipeWriter
	signals  chan os.Signal
}

func newTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	in, keys := io.Pipe()
	term := &terminal{keys: keys, signals: make(chan os.Signal, 2)}
	document := filepath.Join(t.TempDir(), "cluster.yaml")
	term.Process = Process{
		Args: append(args, "--file", document), Stdin: in, Stdout: &term.out, Stderr: &term.err,
		Getenv:     func(string) string { return "" },
		IsTerminal: func(any) bool { return true },
		Size:       func() (int, int) { return 80, 24 },
		Signals:    term.signals,
	}
	return term
}

func TestUpOffersADocument(t *testing.T) {
	t.Parallel()
	term := newTerminal(t, "up")
	go func() { _, _ = io.WriteString(term.keys, "no\n") }()
	if code := Run(term.Process); code != 4 {
		t.Errorf("declined, it ends with %d, want 4", code)
	}
	if !strings.Contains(term.err.String(), "Write one for a cluster in the sandbox on this machine? [y/N]") {
		t.Errorf("it does not ask:\n%s", term.err.String())
	}
	if _, err := os.Stat(term.Args[2]); err == nil {
		t.Error("declined, it wrote a document all the same")
	}
}

func TestInterruptEndsAQuestion(t *testing.T) {
	t.Parallel()
	term := newTerminal(t, "up")
	term.signals <- os.Interrupt
	if code := Run(term.Process); code != codeInterrupted {
		t.Errorf("it ends with %d, want %d", code, codeInterrupted)
	}
	for _, want := range []string{"stopping: what is under way ends first", "slipway: interrupted\n", "run the same command again"} {
		if !strings.Contains(term.err.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, term.err.String())
		}
	}
}

func TestInterruptedReport(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	for name, test := range map[string]struct {
		err  error
		want bool // the error itself is told too
	}{
		"only that": {errs.Wrap(errs.Unavailable, context.Canceled, "wait"), false},
		"its cause": {context.Cause(ctx), false},
		"another":   {errs.New(errs.Exhausted, "the disk is full"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			term := newTerminal(t)
			s := newSession(term.Process)
			s.reportInterrupted(test.err)
			if got := strings.Count(term.err.String(), "slipway: ") == 2; got != test.want {
				t.Errorf("tells the error: %v, want %v:\n%s", got, test.want, term.err.String())
			}
		})
	}
}

func TestSecondInterruptEndsAtOnce(t *testing.T) {
	t.Parallel()
	term := newTerminal(t, "up")
	// A terminal that hangs: the question is never written, so the command cannot notice the first signal.
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	term.Stderr = hanging{release}
	term.signals <- os.Interrupt
	term.signals <- os.Interrupt
	done := make(chan int, 1)
	go func() { done <- Run(term.Process) }()
	select {
	case code := <-done:
		if code != codeInterrupted {
			t.Errorf("it ends with %d, want %d", code, codeInterrupted)
		}
	case <-t.Context().Done():
		t.Error("it does not end")
	}
}

// hanging is a stream that takes nothing until it is released.
type hanging struct{ release chan struct{} }

func (h hanging) Write(p []byte) (int, error) {
	<-h.release
	return len(p), nil
}
