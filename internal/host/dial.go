package host

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/run"
)

// DialFunc opens a network connection, as net.Dialer.DialContext does.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// DialerConfig says how hosts are reached. Zero durations and a zero port mean the defaults.
type DialerConfig struct {
	// Auth returns the ways to prove who we are, asked for at each attempt, so that an agent is not dialled before it is needed.
	Auth func(context.Context) (Auth, error)
	// HostKeys stores the pin at first contact; nil: a host without a pin is refused.
	HostKeys Pinner
	// Patience is how long Dial waits for a host that does not answer yet. Default 4 minutes: on AWS sshd comes 15 to 60 s after
	// the instance runs, a slow first boot takes twice as long.
	Patience time.Duration
	// RebootPatience is the same for a host that was met before: it has its first boot behind it. Default 90 s.
	RebootPatience time.Duration
	// AuthPatience is how long Dial goes on when the host answers but does not let us in: until cloud-init has written the key, and
	// while the host boots, it refuses everybody. Default 45 s.
	AuthPatience time.Duration
	// Connect bounds the opening of the network connection, which the host's kernel answers however busy the host is: a host that is
	// gone is known by it. Default 4 s, for three tries of TCP.
	Connect time.Duration
	// Attempt bounds one attempt, handshake included. Default 10 s.
	Attempt time.Duration
	// Keepalive is the time between two signs of life; a host that is silent for three of it is gone. Default 10 s.
	Keepalive time.Duration
	// Port of sshd. Default 22.
	Port int
	// Dial opens the network connection. Default: TCP from this machine.
	Dial DialFunc
	// Logger takes what happens. Default: none.
	Logger *slog.Logger
}

// Dialer connects to hosts.
type Dialer struct {
	cfg  DialerConfig
	pins pins
}

// NewDialer returns a dialer. It does no I/O.
func NewDialer(cfg DialerConfig) *Dialer {
	cfg.Patience = orDefault(cfg.Patience, 4*time.Minute)
	cfg.RebootPatience = orDefault(cfg.RebootPatience, 90*time.Second)
	cfg.AuthPatience = orDefault(cfg.AuthPatience, 45*time.Second)
	cfg.Connect = orDefault(cfg.Connect, 4*time.Second)
	cfg.Attempt = orDefault(cfg.Attempt, 10*time.Second)
	cfg.Keepalive = orDefault(cfg.Keepalive, 10*time.Second)
	cfg.Port = orDefault(cfg.Port, 22)
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Dialer{cfg: cfg}
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// Dial connects to a node's host with patience: a host that boots is waited for.
func (d *Dialer) Dial(ctx context.Context, node cluster.Node) (Host, error) {
	var (
		began    = time.Now()
		patience = d.cfg.Patience
		refused  time.Time // when the host first answered but did not let us in
		pause    = 250 * time.Millisecond
		failures int
	)
	if d.pins.of(node) != "" {
		patience = min(patience, d.cfg.RebootPatience)
	}
	for {
		h, err := d.DialOnce(ctx, node)
		if err == nil {
			return h, nil
		}
		failures++
		if ctx.Err() != nil || !errs.Retryable(err) {
			return nil, err
		}
		now := time.Now()
		if errs.Is(err, errs.Unauthenticated) {
			if refused.IsZero() {
				refused = now
			}
			if now.Sub(refused) >= d.cfg.AuthPatience {
				return nil, err
			}
		} else {
			refused = time.Time{}
		}
		if now.Sub(began) >= patience {
			return nil, fmt.Errorf("gave up after %s and %d attempts: %w", now.Sub(began).Round(time.Second), failures, err)
		}
		d.cfg.Logger.Debug("host is not there yet", "node", node.Name, "attempt", failures, "err", err)
		if err := run.Wait(ctx, pause); err != nil {
			return nil, fmt.Errorf("connect to %s: %w", node.Name, err)
		}
		pause = min(pause*3/2, 3*time.Second)
	}
}

// DialOnce connects to a node's host, or fails at once: for health checks.
func (d *Dialer) DialOnce(ctx context.Context, node cluster.Node) (Host, error) {
	if node.PublicIP == "" {
		return nil, errs.New(errs.Unavailable, fmt.Sprintf("%s (%s) has no address: its instance is %s", node.Name, node.InstanceID, orDefault(node.State, "unknown"))).
			WithRemedy("run `slipway up`: it starts or replaces the instance")
	}
	pin := d.pins.of(node)
	if pin == "" && d.cfg.HostKeys == nil {
		return nil, errs.New(errs.Conflict, "the host key of "+node.Name+" is not pinned yet: nobody has prepared this host").
			WithRemedy("run `slipway up`: it pins the key at first contact")
	}
	check, err := newKeyCheck(node, pin)
	if err != nil {
		return nil, err
	}
	auth, err := d.cfg.Auth(ctx)
	if err != nil {
		return nil, err
	}
	defer auth.Close()
	client, err := d.handshake(ctx, node, check, auth)
	if err != nil {
		return nil, d.explain(node, check, auth, err)
	}
	if check.pinned == nil {
		key := authorizedLine(check.seen)
		if err := d.cfg.HostKeys.PinHostKey(ctx, node, key); err != nil {
			_ = client.Close()
			return nil, fmt.Errorf("pin host key of %s: %w", node.Name, err)
		}
		d.pins.remember(node, key)
		d.cfg.Logger.Info("pinned host key", "node", node.Name, "instance", node.InstanceID, "fingerprint", ssh.FingerprintSHA256(check.seen))
	}
	return newConn(node.Name, node.User, client, d.cfg.Keepalive, d.cfg.Logger), nil
}

// handshake makes one SSH connection within the time of one attempt.
func (d *Dialer) handshake(ctx context.Context, node cluster.Node, check *keyCheck, auth Auth) (*ssh.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Attempt)
	defer cancel()
	address := net.JoinHostPort(node.PublicIP, strconv.Itoa(d.cfg.Port))
	raw, err := d.open(ctx, address)
	if err != nil {
		return nil, err
	}
	// The handshake knows no context: closing the connection under it is what ends it.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	conn, channels, requests, err := ssh.NewClientConn(raw, address, &ssh.ClientConfig{
		User:              node.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(auth.Signers...)},
		HostKeyCallback:   check.verify,
		HostKeyAlgorithms: check.algorithms(),
		ClientVersion:     "SSH-2.0-slipway",
	})
	if !stop() && err == nil {
		_ = conn.Close()
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close()
		if ctx.Err() != nil {
			err = ctx.Err() // the rest only says that the connection was closed
		}
		return nil, err
	}
	return ssh.NewClient(conn, channels, requests), nil
}

// open opens the network connection.
func (d *Dialer) open(ctx context.Context, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.Connect)
	defer cancel()
	return d.cfg.Dial(ctx, "tcp", address)
}
