//go:build linux

package metadata

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

var (
	metadataAddress = netip.MustParseAddr("169.254.169.254")
	apiAddress      = netip.MustParseAddr("169.254.169.250")
)

// newProxy returns a proxy of two VPCs with the same range, and a daemon behind it that says what it is asked.
func newProxy(t *testing.T) *Proxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "md") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	daemon := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s%s %s %q %s", r.Method, r.Host, r.URL, r.Header.Get(EndpointHeader), r.Header.Values("X-Forwarded-For"), body)
	})}}
	daemon.Start()
	t.Cleanup(daemon.Close)
	p := New(Config{Socket: socket, Addresses: []netip.Addr{metadataAddress, apiAddress}, Logger: slog.New(slog.DiscardHandler)})
	p.Set(machine.Network{VPCs: []machine.VPC{
		{ID: "vpc-1", Endpoints: []machine.Endpoint{{ID: "eni-1", PrivateIP: "10.0.0.4", HopLimit: 1}, {ID: "eni-off", PrivateIP: "10.0.0.5"}}},
		{ID: "vpc-2", Endpoints: []machine.Endpoint{{ID: "eni-2", PrivateIP: "10.0.0.4", HopLimit: 1}}},
	}})
	return p
}

func ask(p *Proxy, vpc, from string, to netip.Addr, change func(*http.Request)) (int, string) {
	r := httptest.NewRequest(http.MethodGet, "http://anything/latest?x=1", nil)
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.TCPAddrFromAddrPort(netip.AddrPortFrom(to, 80))))
	r.RemoteAddr = from + ":1234"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	p.handler(vpc).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestRequestsCarryTheirEndpoint(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	for name, tt := range map[string]struct {
		vpc, from string
		to        netip.Addr
		change    func(*http.Request)
		code      int
		want      string
	}{
		"metadata":                {"vpc-1", "10.0.0.4", metadataAddress, nil, 200, `GET 169.254.169.254/latest?x=1 eni-1 [] `},
		"API":                     {"vpc-1", "10.0.0.4", apiAddress, nil, 200, `GET 169.254.169.250/latest?x=1 eni-1 [] `},
		"same address, other VPC": {"vpc-2", "10.0.0.4", metadataAddress, nil, 200, `GET 169.254.169.254/latest?x=1 eni-2 [] `},
		"forged endpoint": {
			"vpc-1", "10.0.0.4", metadataAddress, func(r *http.Request) { r.Header.Set(EndpointHeader, "eni-2") }, 200,
			`GET 169.254.169.254/latest?x=1 eni-1 [] `,
		},
		"behind a proxy": {
			"vpc-1", "10.0.0.4", metadataAddress, func(r *http.Request) { r.Header.Set("X-Forwarded-For", "1.2.3.4") }, 200,
			`GET 169.254.169.254/latest?x=1 eni-1 ["1.2.3.4"] `,
		},
		"nobody's address": {"vpc-1", "10.0.0.9", metadataAddress, nil, 403, "no instance has this address\n"},
		"unknown VPC":      {"vpc-3", "10.0.0.4", metadataAddress, nil, 403, "no instance has this address\n"},
		"turned off":       {"vpc-1", "10.0.0.5", metadataAddress, nil, 403, "the metadata service is turned off\n"},
		"turned off, API":  {"vpc-1", "10.0.0.5", apiAddress, nil, 200, `GET 169.254.169.250/latest?x=1 eni-off [] `},
	} {
		if code, body := ask(p, tt.vpc, tt.from, tt.to, tt.change); code != tt.code || body != tt.want {
			t.Errorf("%s: %d %q, want %d %q", name, code, body, tt.code, tt.want)
		}
	}
}

func TestDaemonThatIsDownIsUnavailable(t *testing.T) {
	t.Parallel()
	p := newProxy(t)
	p.cfg.Socket = "/nonexistent"
	broken := New(p.cfg)
	broken.endpoints = p.endpoints
	if code, _ := ask(broken, "vpc-1", "10.0.0.4", metadataAddress, nil); code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", code)
	}
}
