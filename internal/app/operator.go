package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/obs"
	"github.com/slipway-project/slipway/internal/provision"
	"github.com/slipway-project/slipway/internal/rollout"
)

// Deps are what a process that works on clusters or on the sandbox has.
type Deps struct {
	Logger   *slog.Logger
	Progress obs.Progress
	Getenv   func(string) string
	Root     bool // the process is root's
}

// OperatorConfig says how an operator works.
type OperatorConfig struct {
	Sandbox  SandboxConfig // for documents whose provider is the sandbox
	Parallel int           // bound on what is done at once; 0 for the services' own
}

// Operator is the composition root behind the commands on a cluster.
type Operator struct {
	deps Deps
	cfg  OperatorConfig
}

// NewOperator returns an operator. It does no I/O.
func NewOperator(deps Deps, cfg OperatorConfig) *Operator {
	return &Operator{deps: deps, cfg: cfg}
}

// parts are the services, composed for one document.
type parts struct {
	doc         *cluster.Document
	login       login
	provisioner *provision.Provisioner
	rollout     *rollout.Rollout
}

// compose makes the services for the document. Of the cloud it asks nothing, but the document's sandbox must run.
func (o *Operator) compose(ctx context.Context, doc *cluster.Document) (*parts, error) {
	clients, err := o.clients(ctx, doc)
	if err != nil {
		return nil, err
	}
	in := newLogin(doc, o.deps.Getenv)
	retire := &retirer{doc: doc}
	provisioner := provision.New(provision.Deps{
		Clients: clients, Logger: obs.Component(o.deps.Logger, "provision"), Progress: o.deps.Progress,
		Retirer: retire, PublicKey: in.publicKey,
	}, provision.Config{Parallel: o.cfg.Parallel, Window: windowOf(doc.Cloud.Provider)})
	dialer := host.NewDialer(host.DialerConfig{
		Auth: in.auth, HostKeys: provisioner, Logger: obs.Component(o.deps.Logger, "host"),
	})
	roll := rollout.New(rollout.Deps{
		Dialer: dialer, Logger: obs.Component(o.deps.Logger, "rollout"), Progress: o.deps.Progress,
	}, rollout.Config{Parallel: o.cfg.Parallel})
	retire.provisioner, retire.rollout = provisioner, roll
	return &parts{doc: doc, login: in, provisioner: provisioner, rollout: roll}, nil
}

// windowOf returns how long what was just made in the provider's cloud may stay invisible; 0 is AWS's own time. The
// sandbox shows at once what it did, so little more than a call that is still on its way counts.
func windowOf(p cluster.Provider) time.Duration {
	if p == cluster.ProviderSandbox {
		return 2 * time.Second
	}
	return 0
}

func (o *Operator) sandbox() *Sandbox { return NewSandbox(o.deps, o.cfg.Sandbox) }

// clients returns the clients of the document's cloud: of AWS in the SDK's standard ways, of the sandbox with its own
// address and key.
func (o *Operator) clients(ctx context.Context, doc *cluster.Document) (*awsapi.Clients, error) {
	options := awsapi.Options{Region: doc.Cloud.Region, Logger: obs.Component(o.deps.Logger, "aws")}
	if doc.Cloud.Provider == cluster.ProviderSandbox {
		status, err := o.sandbox().Status(ctx)
		if err != nil {
			return nil, err
		}
		key, err := readKey(status.Credentials)
		if err != nil {
			return nil, err
		}
		options.Endpoint, options.Credentials = status.Endpoint, credentials.StaticCredentialsProvider{Value: key}
	}
	return awsapi.Load(ctx, options)
}

// Plan says what Up would change.
func (o *Operator) Plan(ctx context.Context, doc *cluster.Document) (*provision.Plan, error) {
	p, err := o.compose(ctx, doc)
	if err != nil {
		return nil, err
	}
	return p.provisioner.Plan(ctx, doc)
}

// Inventory returns the hosts of the cluster as the cloud knows them now.
func (o *Operator) Inventory(ctx context.Context, doc *cluster.Document) (*cluster.Inventory, error) {
	p, err := o.compose(ctx, doc)
	if err != nil {
		return nil, err
	}
	return p.provisioner.Inventory(ctx, doc)
}
