package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/provision"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// newOperator returns an operator of the account, by the variables that AWS's tools read.
func newOperator(t *testing.T, account *cloud.Cloud) *Operator {
	t.Helper()
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("AWS_ENDPOINT_URL", account.Serve(t))
	t.Setenv("AWS_ACCESS_KEY_ID", account.Root.ID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", account.Root.Secret)
	return NewOperator(Deps{Logger: slog.New(slog.DiscardHandler), Progress: obs.NoProgress, Getenv: os.Getenv}, OperatorConfig{})
}

func document(t *testing.T, workers string) *cluster.Document {
	t.Helper()
	doc, _, err := cluster.Load("cluster.yaml", []byte(`version: v1
name: demo
cloud: {provider: aws, region: us-east-1}
network: {allow: {ssh: [203.0.113.0/24], https: [203.0.113.0/24]}}
managers: {count: 3}
workers: [{name: linux, count: `+workers+`}]
protect: false
`))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func approve(context.Context, *provision.Plan) error { return nil }

// policy returns the actions that the guide's policy allows.
func policy(t *testing.T) []string {
	t.Helper()
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "guides", "aws.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(guide), "```json\n")
	text, _, _ := strings.Cut(rest, "```")
	var document struct {
		Statement []struct{ Action []string }
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatalf("the guide's policy: %v", err)
	}
	var actions []string
	for _, s := range document.Statement {
		actions = append(actions, s.Action...)
	}
	return actions
}

// TestGuideNamesEveryPermission builds, scales and destroys a cluster and wants every call in the policy of
// docs/guides/aws.md.
func TestGuideNamesEveryPermission(t *testing.T) {
	account := cloud.Start(t, cloud.Options{})
	op, ctx := newOperator(t, account), t.Context()
	for _, workers := range []string{"2", "3"} {
		if _, err := op.Up(ctx, document(t, workers), UpOptions{InfraOnly: true, Approve: approve}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := op.Destroy(ctx, document(t, "3"), approve); err != nil {
		t.Fatal(err)
	}
	allowed := policy(t)
	for _, call := range account.Calls() {
		if !slices.Contains(allowed, call.Name()) {
			allowed = append(allowed, call.Name()) // once is enough
			t.Errorf("docs/guides/aws.md does not name %s", call.Name())
		}
	}
}

func TestNothingHappensWithoutApproval(t *testing.T) {
	account := cloud.Start(t, cloud.Options{})
	op, ctx, doc := newOperator(t, account), t.Context(), document(t, "1")
	no := errs.New(errs.Conflict, "no")
	refuse := func(_ context.Context, plan *provision.Plan) error {
		if plan.Empty() {
			t.Error("an empty plan was to be approved")
		}
		return no
	}
	if _, err := op.Up(ctx, doc, UpOptions{InfraOnly: true, Approve: refuse}); !errs.Is(err, errs.Conflict) {
		t.Errorf("up: %v, want the refusal", err)
	}
	if calls := account.Mutating(); len(calls) > 0 {
		t.Errorf("it made %v", calls)
	}
	if _, err := op.Up(ctx, doc, UpOptions{InfraOnly: true, Approve: approve}); err != nil {
		t.Fatal(err)
	}
	if _, err := op.Up(ctx, doc, UpOptions{InfraOnly: true, Approve: refuse}); err != nil {
		t.Errorf("with nothing to change: %v", err)
	}
	account.ForgetCalls()
	if _, err := op.Destroy(ctx, doc, refuse); !errs.Is(err, errs.Conflict) {
		t.Errorf("destroy: %v, want the refusal", err)
	}
	protected := *doc
	yes := true
	protected.Protect = &yes
	if _, err := op.Destroy(ctx, &protected, approve); !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "protected") {
		t.Errorf("destroy of a protected cluster: %v", err)
	}
	if calls := account.Mutating(); len(calls) > 0 {
		t.Errorf("it made %v", calls)
	}
}
