package awsapi

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/slipway-project/slipway/internal/errs"
)

// Options says how to reach AWS. What is left out comes from the SDK's standard places: AWS_* variables, the shared
// configuration and credentials files, SSO, and the metadata service.
type Options struct {
	Region      string                  // us-east-1; empty = AWS_REGION or the profile's
	Profile     string                  // of the shared configuration; empty = AWS_PROFILE or default
	Endpoint    string                  // http://127.0.0.1:4570; empty = AWS_ENDPOINT_URL or AWS itself
	Credentials aws.CredentialsProvider // nil = the standard chain
	Logger      *slog.Logger            // nil = no logging
	Observe     func(Call)              // called once after every call, concurrently; may be nil
}

// Clients are the services' clients of one account and region.
type Clients struct {
	EC2    *ec2.Client
	ELB    *elb.Client
	IAM    *iam.Client
	SSM    *ssm.Client
	STS    *sts.Client
	Region string

	config  aws.Config
	observe []func(Call)
	fence   Fence // nil for none
	limits  *limiters
}

// Load resolves region, endpoint and credentials and returns the clients. It makes no call to AWS: a wrong credential
// shows at the first call.
func Load(ctx context.Context, o Options) (*Clients, error) {
	with := []func(*config.LoadOptions) error{config.WithHTTPClient(newHTTPClient())}
	if o.Region != "" {
		with = append(with, config.WithRegion(o.Region))
	}
	if o.Profile != "" {
		with = append(with, config.WithSharedConfigProfile(o.Profile))
	}
	if o.Endpoint != "" {
		with = append(with, config.WithBaseEndpoint(o.Endpoint))
	}
	if o.Credentials != nil {
		with = append(with, config.WithCredentialsProvider(o.Credentials))
	}
	cfg, err := config.LoadDefaultConfig(ctx, with...)
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, "load the AWS configuration").
			WithRemedy("check AWS_PROFILE and the files in ~/.aws")
	}
	if cfg.Region == "" {
		return nil, errs.New(errs.Invalid, "no AWS region is set").WithRemedy("set cloud.region in the document, or AWS_REGION")
	}
	return New(cfg, o), nil
}

// New returns the clients of a configuration that is already resolved. Of the options it uses Logger and Observe.
func New(cfg aws.Config, o Options) *Clients {
	cfg = cfg.Copy()
	if cfg.Credentials != nil {
		cfg.Credentials = aws.NewCredentialsCache(explainedCredentials{cfg.Credentials})
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = newHTTPClient()
	}
	cfg.HTTPClient, cfg.Logger = plainBodies{cfg.HTTPClient}, newSDKLogger(o.Logger)
	c := &Clients{Region: cfg.Region, config: cfg, limits: newLimiters()}
	if o.Logger != nil {
		c.observe = append(c.observe, logCalls(o.Logger))
	}
	if o.Observe != nil {
		c.observe = append(c.observe, o.Observe)
	}
	c.build()
	return c
}

// Fenced returns clients of the same account whose every mutating call first asks the fence, and is not made when the
// fence answers with an error. Both share one speed limit.
func (c *Clients) Fenced(fence Fence) *Clients {
	fenced := *c
	fenced.fence = fence
	fenced.build()
	return &fenced
}

// Observed returns clients of the same account that also report their calls to observe, behind the same fence.
func (c *Clients) Observed(observe func(Call)) *Clients {
	observed := *c
	observed.observe = append(observed.observe[:len(observed.observe):len(observed.observe)], observe)
	observed.build()
	return &observed
}

func (c *Clients) build() {
	cfg := c.config.Copy()
	cfg.APIOptions = append(cfg.APIOptions, observeCalls(c.observe))
	if c.fence != nil {
		cfg.APIOptions = append(cfg.APIOptions, fenceCalls(c.fence))
	}
	service := func(name string) aws.Config {
		s := cfg.Copy()
		s.Retryer = func() aws.Retryer { return newRetryer(c.limits.of(name)) }
		return s
	}
	c.EC2 = ec2.NewFromConfig(service("ec2"))
	c.ELB = elb.NewFromConfig(service("elasticloadbalancing"))
	c.IAM = iam.NewFromConfig(service("iam"))
	c.SSM = ssm.NewFromConfig(service("ssm"))
	c.STS = sts.NewFromConfig(service("sts"))
}

// newHTTPClient returns a client with a bound on everything that can hang: connecting, the TLS handshake and the wait for an answer. The
// longest answers of the services in use come after some ten seconds.
func newHTTPClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().
		WithTimeout(60 * time.Second).
		WithDialerOptions(func(d *net.Dialer) { d.Timeout = 5 * time.Second }).
		WithTransportOptions(func(t *http.Transport) {
			t.TLSHandshakeTimeout = 10 * time.Second
			t.ResponseHeaderTimeout = 45 * time.Second
			t.MaxIdleConnsPerHost = 64
			t.IdleConnTimeout = 30 * time.Second
		})
}
