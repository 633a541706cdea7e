package swarm

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/secret"
)

// answering is an engine that answers every call but the first, a ping, in the same way.
type answering struct {
	status int
	body   string
	err    error
	seen   []string
}

func (a *answering) Name() string { return "linux-1" }

func (a *answering) DialEngine(context.Context) (net.Conn, error) {
	if a.err != nil {
		return nil, a.err
	}
	ours, theirs := net.Pipe()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // in memory
		if strings.HasSuffix(r.URL.Path, "/_ping") {
			w.Header().Set("Api-Version", "1.41")
			return
		}
		body, _ := io.ReadAll(r.Body)
		a.seen = append(a.seen, r.Method+" "+r.URL.Path+" "+string(body))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	})}
	go func() { _ = server.Serve(&oneConn{conn: theirs}) }()
	return ours, nil
}

// oneConn is a listener with one connection to accept.
type oneConn struct{ conn net.Conn }

func (o *oneConn) Accept() (net.Conn, error) {
	if o.conn == nil {
		return nil, net.ErrClosed
	}
	c := o.conn
	o.conn = nil
	return c, nil
}
func (o *oneConn) Close() error   { return nil }
func (o *oneConn) Addr() net.Addr { return &net.UnixAddr{Name: "engine", Net: "unix"} }

func TestJoinKeepsItsTokenSecret(t *testing.T) {
	t.Parallel()
	const token = "SWMTKN-1-0123456789-abcdef"
	a := &answering{status: 500, body: `{"message":"rpc error: token ` + token + ` is no good"}`}
	e, err := NewEngine(a)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	err = e.Join(t.Context(), "172.31.0.4", []string{"172.31.0.1:2377"}, secret.New(token))
	if err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "token *** is no good") {
		t.Errorf("got %v", err)
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		if strings.Contains(cause.Error(), token) {
			t.Error("a cause quotes the token")
		}
	}
	if len(a.seen) != 1 || !strings.Contains(a.seen[0], token) || !strings.Contains(a.seen[0], `"AdvertiseAddr":"172.31.0.4"`) || !strings.Contains(a.seen[0], `"DataPathAddr":"172.31.0.4"`) {
		t.Errorf("the engine saw %q", a.seen)
	}
}

func TestJoinThatGoesOn(t *testing.T) {
	t.Parallel()
	a := &answering{status: 503, body: `{"message":"Timeout was reached before node joined. The attempt to join the swarm will continue in the background."}`}
	e, err := NewEngine(a)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Join(t.Context(), "172.31.0.4", nil, secret.New("x")); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestEngineErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		engine answering
		kind   errs.Kind
		text   string
		retry  bool
	}{
		{"no quorum", answering{status: 500, body: `{"message":"rpc error: The swarm does not have a leader."}`}, errs.Unavailable, "list swarm nodes through the engine of linux-1: ", true},
		{"bad request", answering{status: 400, body: `{"message":"no"}`}, errs.Invalid, "no", false},
		{"not found", answering{status: 404, body: `{"message":"no such node"}`}, errs.NotFound, "no such node", false},
		{
			"docker is down",
			answering{err: &host.ExitError{Host: "linux-1", Command: "docker system dial-stdio", Code: 1, Stderr: "Cannot connect to the Docker daemon"}},
			errs.Unavailable, "run docker system dial-stdio on linux-1: exit code 1: Cannot connect to the Docker daemon", true,
		},
		{"the host is lost", answering{err: errs.New(errs.Forbidden, "may not use sudo")}, errs.Forbidden, "through the engine of linux-1: may not use sudo", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, err := NewEngine(&tt.engine)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			_, err = e.Nodes(t.Context())
			if !errs.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.text) || errs.Retryable(err) != tt.retry {
				t.Errorf("got %v (%s, retryable %t)", err, errs.KindOf(err), errs.Retryable(err))
			}
		})
	}
}
