package cloud

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/slipway-project/slipway/internal/sandbox"
	"github.com/slipway-project/slipway/internal/sandbox/iam"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/machine/machinetest"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Options of a Cloud. The zero value is a cloud whose transitions are over at once.
type Options struct {
	Latency settings.Profile // none if empty
	Scale   float64          // of the latencies; 0 for 1
	// Machine is what the instances run on; nil for a machinetest.Fake.
	Machine machine.Machine
	// Store is the account; nil for an empty one in memory. A store from before is the account after a restart.
	Store *state.Store
	// Logger of the cloud; nil for none.
	Logger *slog.Logger
}

// Cloud is a running sandbox without sockets.
type Cloud struct {
	Store    *state.Store
	Settings *settings.Settings
	Fake     *machinetest.Fake // nil if Options named another machine
	Sandbox  *sandbox.Sandbox
	Root     state.Key // the root user's access key

	recorder recorder
}

// endpoint is where the SDK believes the API to be; nothing ever dials it.
const endpoint = "http://127.0.0.1:4570"

// PublicRange is where the cloud's public addresses come from.
var PublicRange = netip.MustParsePrefix("198.18.0.0/16") //nolint:gochecknoglobals // a constant

// Start runs a cloud until the test ends.
func Start(t testing.TB, o Options) *Cloud {
	t.Helper()
	c := &Cloud{Store: o.Store}
	if c.Store == nil {
		c.Store = state.InMemory()
	}
	values := settings.Values{Latency: o.Latency, Scale: o.Scale}
	if values.Latency == "" {
		values.Latency = settings.None
	}
	if values.Scale == 0 {
		values.Scale = 1
	}
	var err error
	if c.Settings, err = settings.New(values); err != nil {
		t.Fatal(err)
	}
	if c.Root, err = iam.EnsureRoot(c.Store); err != nil {
		t.Fatal(err)
	}
	if o.Machine == nil {
		c.Fake = machinetest.NewFake()
		o.Machine = c.Fake
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c.Sandbox = sandbox.New(sandbox.Deps{
		Store: c.Store, Settings: c.Settings, Machine: o.Machine, PublicRange: PublicRange, Logger: o.Logger, Faults: &c.recorder,
	})
	c.run(t)
	return c
}

// run keeps the reconciler going until the test ends.
func (c *Cloud) run(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Sandbox.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the sandbox ended: %v", err)
		}
	})
}

// AWS returns the configuration of an SDK client that acts as the account's root user.
func (c *Cloud) AWS(region string) aws.Config {
	return c.As(region, c.Root.ID, c.Root.Secret, "")
}

// As returns the configuration of a client that acts with other credentials.
func (c *Cloud) As(region, key, secret, token string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(endpoint), HTTPClient: transport{c.Sandbox.API()},
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, token),
	}
}

// Serve makes the API answer on a real socket too, for clients that are other programs, and returns its URL.
func (c *Cloud) Serve(t testing.TB) string {
	t.Helper()
	s := httptest.NewServer(c.Sandbox.API())
	t.Cleanup(s.Close)
	return s.URL
}
