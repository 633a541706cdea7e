//go:build linux

package metadata

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
	"github.com/slipway-project/slipway/internal/sandbox/netns"
)

// EndpointHeader names, in what the daemon receives, the endpoint that a request came from. Nobody in an instance can
// set it.
const EndpointHeader = "X-Slipway-Endpoint"

// headerTimeout bounds how long a client may take to send a request's head.
const headerTimeout = 30 * time.Second

// Config says where requests come in and where they go.
type Config struct {
	Socket    string       // of the daemon, for metadata and API alike; the Host header tells which
	Addresses []netip.Addr // to listen on, port 80; the first is the metadata service's
	Logger    *slog.Logger
}

// Proxy serves all VPCs of a sandbox.
type Proxy struct {
	cfg     Config
	forward *httputil.ReverseProxy

	mu        sync.RWMutex
	endpoints map[caller]machine.Endpoint
}

// caller is how an endpoint is known: by VPC, since ranges may overlap, and private address.
type caller struct {
	vpc  string
	addr netip.Addr
}

// connKey is the context key of a request's connection.
type connKey struct{}

// New returns a Proxy that knows no endpoint yet.
func New(cfg Config) *Proxy {
	p := &Proxy{cfg: cfg, endpoints: map[caller]machine.Endpoint{}}
	p.forward = &httputil.ReverseProxy{
		Rewrite: rewrite,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", cfg.Socket)
			},
			DisableKeepAlives: true, // the daemon may be another one by the next request
		},
		ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "the sandbox's daemon does not answer", http.StatusServiceUnavailable)
		},
	}
	return p
}

// Set replaces what is known of the endpoints.
func (p *Proxy) Set(n machine.Network) {
	known := map[caller]machine.Endpoint{}
	for _, vpc := range n.VPCs {
		for _, e := range vpc.Endpoints {
			if addr, err := netip.ParseAddr(e.PrivateIP); err == nil {
				known[caller{vpc.ID, addr}] = e
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endpoints = known
}

// Serve begins to answer in a VPC's namespace.
func (p *Proxy) Serve(vpc string, space *netns.Namespace) (stop func(), err error) {
	server := &http.Server{
		Handler:           p.handler(vpc),
		ReadHeaderTimeout: headerTimeout,
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ErrorLog:          slog.NewLogLogger(p.cfg.Logger.Handler(), slog.LevelDebug),
	}
	var listeners []net.Listener
	err = space.Do(func() error {
		for _, addr := range p.cfg.Addresses {
			listener, err := net.Listen("tcp4", netip.AddrPortFrom(addr, 80).String())
			if err != nil {
				return err
			}
			listeners = append(listeners, listener)
		}
		return nil
	})
	if err != nil {
		for _, listener := range listeners {
			listener.Close()
		}
		return nil, fmt.Errorf("listen for metadata requests of %s: %w", vpc, err)
	}
	for _, listener := range listeners {
		go func() {
			if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
				p.cfg.Logger.Warn("failed to serve metadata", "vpc", vpc, "err", err)
			}
		}()
	}
	return func() { _ = server.Close() }, nil
}

// handler answers one VPC's requests.
func (p *Proxy) handler(vpc string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, ok := p.caller(vpc, r.RemoteAddr)
		if !ok {
			http.Error(w, "no instance has this address", http.StatusForbidden)
			return
		}
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		target, err := netip.ParseAddrPort(local.String())
		if err != nil {
			http.Error(w, "unknown address", http.StatusInternalServerError)
			return
		}
		if target.Addr() == p.cfg.Addresses[0] {
			if e.HopLimit <= 0 {
				http.Error(w, "the metadata service is turned off", http.StatusForbidden)
				return
			}
			if c, ok := r.Context().Value(connKey{}).(*net.TCPConn); ok {
				if err := setTTL(c, e.HopLimit); err != nil {
					p.cfg.Logger.Warn("failed to set hop limit", "endpoint", e.ID, "err", err)
				}
			}
		}
		r.Host = target.Addr().String()
		r.Header.Set(EndpointHeader, e.ID)
		p.forward.ServeHTTP(w, r)
	})
}

func (p *Proxy) caller(vpc, remote string) (machine.Endpoint, bool) {
	addr, err := netip.ParseAddrPort(remote)
	if err != nil {
		return machine.Endpoint{}, false
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	e, ok := p.endpoints[caller{vpc, addr.Addr()}]
	return e, ok
}

// rewrite keeps the request as it came, forwarding headers included: the metadata service refuses those itself.
func rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme, r.Out.URL.Host = "http", "daemon"
	r.Out.Host = r.In.Host
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values := r.In.Header.Values(name); len(values) > 0 {
			r.Out.Header[name] = values
		}
	}
}

// setTTL limits how many routers the connection's packets may pass: with 1 they reach the instance itself, but not a
// container behind its bridge.
func setTTL(c *net.TCPConn, hops int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var setErr error
	if err := raw.Control(func(fd uintptr) { setErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, hops) }); err != nil {
		return err
	}
	return setErr
}
