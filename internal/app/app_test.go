package app

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/provision"
	"github.com/slipway-project/slipway/internal/sandbox/check"
	"github.com/slipway-project/slipway/internal/sandbox/daemon"
)

// environment returns a getenv of the variables.
func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestSandboxConfigFromEnvironment(t *testing.T) {
	t.Parallel()
	got, err := SandboxFromEnv(environment(map[string]string{
		"SLIPWAY_SANDBOX_STATE_DIR": "/state", "SLIPWAY_SANDBOX_PUBLIC_RANGE": "198.18.0.0/20", "SLIPWAY_SANDBOX_LATENCY": "aws",
	})).daemon()
	if err != nil {
		t.Fatal(err)
	}
	want := daemon.Config{
		StateDir: "/state", RunDir: daemon.DefaultRunDir, Listen: daemon.DefaultListen,
		PublicRange: netip.MustParsePrefix("198.18.0.0/20"), Latency: "aws",
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for name, value := range map[string]string{"PUBLIC_RANGE": "everywhere", "LATENCY": "slow"} {
		_, err := SandboxFromEnv(environment(map[string]string{"SLIPWAY_SANDBOX_" + name: value})).daemon()
		if !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), value) {
			t.Errorf("%s=%s: %v, want %s that names it", name, value, err, errs.Invalid)
		}
	}
}

func TestReadKey(t *testing.T) {
	t.Parallel()
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "credentials")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	key, err := readKey(write("[default]\naws_access_key_id = AKIA1\naws_secret_access_key=s=cret\n"))
	if err != nil || key.AccessKeyID != "AKIA1" || key.SecretAccessKey != "s=cret" {
		t.Errorf("got %s and %v", key.AccessKeyID, err)
	}
	if _, err := readKey(write("[default]\n")); !errs.Is(err, errs.Internal) || len(errs.Remedies(err)) == 0 {
		t.Errorf("a file without a key: %v, want %s with a remedy", err, errs.Internal)
	}
	if _, err := readKey(filepath.Join(t.TempDir(), "absent")); !errs.Is(err, errs.Internal) {
		t.Errorf("no file: %v", err)
	}
}

func TestSandboxNeedsRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := NewSandbox(Deps{Logger: slog.New(slog.DiscardHandler), Progress: obs.NoProgress},
		SandboxConfig{StateDir: filepath.Join(dir, "state"), RunDir: filepath.Join(dir, "run")})
	for name, do := range map[string]func() error{
		"start":      func() error { _, err := s.Start(t.Context()); return err },
		"reset":      func() error { return s.Reset(t.Context(), false) },
		"foreground": func() error { return s.RunForeground(t.Context(), strings.NewReader(""), func(string) {}) },
	} {
		if err := do(); !errs.Is(err, errs.Forbidden) || !strings.Contains(strings.Join(errs.Remedies(err), ""), "sudo") {
			t.Errorf("%s: %v, want %s with a remedy", name, err, errs.Forbidden)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("it left %v (%v)", entries, err)
	}
}

func TestMissingFeaturesAreErrors(t *testing.T) {
	t.Parallel()
	err := CheckErrors([]CheckFinding{
		{Name: "overlayfs", OK: false, Level: check.LevelError, Detail: "not in the kernel", Remedy: "modprobe overlay"},
		{Name: "ipvs", OK: false, Level: check.LevelNotice, Detail: "not in the kernel"},
		{Name: "root", OK: true, Level: check.LevelError},
	})
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "overlayfs") || strings.Contains(err.Error(), "ipvs") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"modprobe overlay"}, errs.Remedies(err)); diff != "" {
		t.Errorf("remedies (-want +got):\n%s", diff)
	}
	if err := CheckErrors(nil); err != nil {
		t.Errorf("nothing is missing: %v", err)
	}
}

func TestKnownHosts(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	inventory := &cluster.Inventory{Cluster: "demo", Region: "us-east-1", Nodes: []cluster.Node{
		{InstanceID: "i-1", HostKey: "ssh-ed25519 AAAA"}, {InstanceID: "i-2"},
	}}
	path, err := writeKnownHosts(inventory)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "i-1 ssh-ed25519 AAAA\n" {
		t.Errorf("it holds %q (%v)", content, err)
	}
	before, err := os.Stat(path)
	if err != nil || before.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v (%v), want 0600", before.Mode(), err)
	}
	if _, err := writeKnownHosts(inventory); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was written again though nothing is new (%v)", err)
	}
	inventory.Nodes[1].HostKey = "ssh-ed25519 BBBB"
	if _, err := writeKnownHosts(inventory); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(path); err != nil || !strings.Contains(string(content), "i-2 ssh-ed25519 BBBB\n") {
		t.Errorf("it holds %q (%v)", content, err)
	}
}

func TestLoginMakesNoKeyBeforeItIsNeeded(t *testing.T) {
	data := t.TempDir()
	t.Setenv("XDG_DATA_HOME", data)
	in := newLogin(&cluster.Document{Name: "demo", SSH: cluster.SSH{Key: keyGenerated}}, environment(nil))
	if public, err := in.publicKey(t.Context()); err != nil || len(public) > 0 {
		t.Errorf("before there is a key: public key %q (%v)", public, err)
	}
	for name, look := range map[string]func() error{
		"auth":         func() error { _, err := in.auth(t.Context()); return err },
		"identityFile": func() error { _, err := in.identityFile(); return err },
	} {
		if err := look(); !errs.Is(err, errs.NotFound) || !strings.Contains(err.Error(), "demo") || len(errs.Remedies(err)) == 0 {
			t.Errorf("%s before there is a key: %v, want %s with a remedy", name, err, errs.NotFound)
		}
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) > 0 {
		t.Fatalf("looking made %v (%v)", entries, err)
	}
	if err := in.create(); err != nil {
		t.Fatal(err)
	}
	public, err := in.publicKey(t.Context())
	if err != nil || !strings.HasPrefix(string(public), "ssh-ed25519 ") {
		t.Fatalf("public key %q (%v)", public, err)
	}
	path, err := in.identityFile()
	if want := filepath.Join(data, "slipway", "demo", "id_ed25519"); err != nil || path != want {
		t.Errorf("identity file %q (%v), want %q", path, err, want)
	}
	if auth, err := in.auth(t.Context()); err != nil || len(auth.Signers) != 1 {
		t.Errorf("logs in with %d keys (%v), want 1", len(auth.Signers), err)
	}
}

func TestLoginWithoutItsKey(t *testing.T) {
	t.Parallel()
	agent := newLogin(&cluster.Document{Name: "demo", SSH: cluster.SSH{Key: keyAgent}}, environment(nil))
	if _, err := agent.publicKey(t.Context()); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("without an agent: %v, want %s", err, errs.Unauthenticated)
	}
	if path, err := agent.identityFile(); path != "" || err != nil {
		t.Errorf("with an agent the identity file is %q (%v)", path, err)
	}
	absent := filepath.Join(t.TempDir(), "absent")
	file := newLogin(&cluster.Document{Name: "demo", SSH: cluster.SSH{Key: absent}}, environment(nil))
	if _, err := file.publicKey(t.Context()); !errs.Is(err, errs.NotFound) {
		t.Errorf("a key file that is not there: %v, want %s", err, errs.NotFound)
	}
	if err := errors.Join(agent.create(), file.create()); err != nil {
		t.Errorf("only a generated key is made: %v", err)
	}
	if _, err := os.Stat(absent); err == nil {
		t.Error("it made the key that the document names")
	}
}

func TestLoginWithAKeyAtHome(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	made, err := host.LoadOrCreateKey(home)
	if err != nil {
		t.Fatal(err)
	}
	in := newLogin(&cluster.Document{Name: "demo", SSH: cluster.SSH{Key: "~/" + host.KeyFile}}, environment(nil))
	if path, err := in.identityFile(); err != nil || path != made.Path {
		t.Errorf("identity file %q (%v), want %q", path, err, made.Path)
	}
}

func TestStep(t *testing.T) {
	t.Parallel()
	var states []obs.StepState
	progress := obs.ProgressFunc(func(e obs.Event) { states = append(states, e.State) })
	boom := errors.New("boom")
	if err := step(progress, "plan", "plan", func() (string, error) { return "", boom }); !errors.Is(err, boom) {
		t.Errorf("got %v", err)
	}
	if err := step(progress, "plan", "plan", func() (string, error) { return "2 to create", nil }); err != nil {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]obs.StepState{obs.StepRunning, obs.StepFailed, obs.StepRunning, obs.StepDone}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestBalancerInStatus(t *testing.T) {
	t.Parallel()
	s := Status{Balancer: []provision.TargetHealth{
		{Node: "manager-1", State: "healthy"}, {Node: "manager-2", State: "unhealthy", Reason: "Health checks failed"}, {Node: "manager-3", State: "initial"},
	}}
	if err := s.judgeBalancer(nil); err != nil {
		t.Fatal(err)
	}
	want := []string{balancerNotice, "the load balancer sees manager-2 as unhealthy: Health checks failed", "the load balancer sees manager-3 as initial"}
	if diff := cmp.Diff(want, s.Notices); diff != "" || len(s.Problems) > 0 {
		t.Errorf("problems %v, notices (-want +got):\n%s", s.Problems, diff)
	}
	if got, want := s.pending(), "the load balancer sees manager-2 as unhealthy"; got != want {
		t.Errorf("pending is %q, want %q", got, want)
	}
	s.Problems = []string{"manager-1 (us-east-1a): unreachable"}
	if got := s.pending(); got != s.Problems[0] {
		t.Errorf("pending is %q, want the problem", got)
	}
	gone := Status{}
	if got := gone.pending(); got != "" {
		t.Errorf("nothing is pending, but %q", got)
	}
	if err := gone.judgeBalancer(errs.New(errs.NotFound, "the managers have no load balancer")); err != nil || len(gone.Problems) != 1 {
		t.Errorf("without a load balancer: problems %v, error %v", gone.Problems, err)
	}
	if err := gone.judgeBalancer(context.Canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("a failed question is lost: %v", err)
	}
}

func TestDocumentFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cluster.yaml")
	if _, _, err := LoadDocument(path); !errs.Is(err, errs.NotFound) {
		t.Errorf("no document: %v, want %s", err, errs.NotFound)
	}
	for _, provider := range []cluster.Provider{cluster.ProviderSandbox, cluster.ProviderAWS} {
		if err := WriteSample(path, provider, true); err != nil {
			t.Fatal(err)
		}
		doc, _, err := LoadDocument(path)
		if err != nil || doc.Cloud.Provider != provider {
			t.Errorf("the sample of %s: %v", provider, err)
		}
	}
	if err := WriteSample(path, cluster.ProviderSandbox, false); !errs.Is(err, errs.Conflict) {
		t.Errorf("over an existing file: %v, want %s", err, errs.Conflict)
	}
	if _, _, err := LoadDocument(filepath.Dir(path)); !errs.Is(err, errs.Invalid) {
		t.Errorf("a directory: %v, want %s", err, errs.Invalid)
	}
	if _, _, err := LoadDocument("/dev/zero"); !errs.Is(err, errs.Invalid) || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("what has no end: %v, want %s", err, errs.Invalid)
	}
}
