package balancer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is a network in memory: its Listen gives in-process listeners, its Dial reaches them, and targets that are down
// refuse.
type wire struct {
	mu        sync.Mutex
	listeners map[string]*pipeListener
	dials     []string
}

func newWire() *wire { return &wire{listeners: map[string]*pipeListener{}} }

func (w *wire) Listen(_ context.Context, address string) (net.Listener, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listeners[address] != nil {
		return nil, errors.New("address in use")
	}
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{}), drop: func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.listeners, address)
	}}
	w.listeners[address] = l
	return l, nil
}

func (w *wire) Dial(ctx context.Context, address string) (net.Conn, error) {
	w.mu.Lock()
	l := w.listeners[address]
	w.dials = append(w.dials, address)
	w.mu.Unlock()
	if l == nil {
		return nil, errors.New("connection refused")
	}
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	drop   func()
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed); l.drop() })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// serve runs a target that greets with its own name; stop takes it down.
func (w *wire) serve(t *testing.T, address string) (stop func()) {
	t.Helper()
	l, err := w.Listen(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); fmt.Fprintln(c, address) }()
		}
	}()
	return func() { l.Close() }
}

var check = machine.HealthCheck{Protocol: "tcp", Interval: 5, Timeout: 2, Healthy: 2, Unhealthy: 2}

func spec(w *wire, ips ...string) Spec {
	l := machine.Listener{Port: 443, TargetGroup: "tg", Health: check}
	for i, ip := range ips {
		l.Targets = append(l.Targets, machine.Target{ID: fmt.Sprintf("i-%d", i+1), IP: ip, Port: 22})
	}
	return Spec{Balancer: machine.Balancer{ID: "lb", Listeners: []machine.Listener{l}}, Sockets: w}
}

// greet returns what a connection through the load balancer hears, or "nothing".
func greet(t *testing.T, w *wire) string {
	t.Helper()
	c, err := w.Dial(t.Context(), ":443")
	if err != nil {
		return "refused"
	}
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return "nothing"
	}
	return strings.TrimSpace(line)
}

func states(s *Set) []string {
	var all []string
	for _, target := range s.Status() {
		all = append(all, target.ID+" "+target.State)
	}
	return all
}

func TestTargetsChangeStateAfterEnoughChecks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		stop := w.serve(t, "10.0.0.1:22")
		s := New(slog.New(slog.DiscardHandler))
		defer s.Close()
		if err := s.Apply([]Spec{spec(w, "10.0.0.1", "10.0.0.2")}); err != nil {
			t.Fatal(err)
		}
		want := func(when string, want ...string) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, states(s)); diff != "" {
				t.Errorf("%s:\n%s", when, diff)
			}
		}
		want("after the first check", "i-1 healthy", "i-2 unhealthy")
		stop()
		stopSecond := w.serve(t, "10.0.0.2:22")
		defer stopSecond()
		time.Sleep(6 * time.Second)
		want("one check is not enough", "i-1 healthy", "i-2 unhealthy")
		time.Sleep(5 * time.Second)
		want("two are", "i-1 unhealthy", "i-2 healthy")
		if reason := s.Status()[0].Reason; !strings.Contains(reason, "refused") {
			t.Errorf("reason %q does not say why", reason)
		}
	})
}

func TestConnectionsGoToHealthyTargetsInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		defer w.serve(t, "10.0.0.1:22")()
		stop := w.serve(t, "10.0.0.2:22")
		s := New(slog.New(slog.DiscardHandler))
		defer s.Close()
		if err := s.Apply([]Spec{spec(w, "10.0.0.1", "10.0.0.2", "10.0.0.3")}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		heard := []string{greet(t, w), greet(t, w)}
		slices.Sort(heard)
		if want := []string{"10.0.0.1:22", "10.0.0.2:22"}; !slices.Equal(heard, want) {
			t.Errorf("two connections heard %v, want %v", heard, want)
		}
		// One that just died is still thought healthy: the next one in turn takes its connections.
		stop()
		for range 2 {
			if got := greet(t, w); got != "10.0.0.1:22" {
				t.Errorf("heard %q, want the one that lives", got)
			}
		}
	})
}

func TestNoHealthyTarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		s := New(slog.New(slog.DiscardHandler))
		defer s.Close()
		if err := s.Apply([]Spec{spec(w, "10.0.0.1")}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := greet(t, w); got != "nothing" {
			t.Errorf("with a dead target: %q, want nothing", got)
		}
		// As on AWS, unhealthy targets are tried when there are no others.
		defer w.serve(t, "10.0.0.1:22")()
		if got := greet(t, w); got != "10.0.0.1:22" {
			t.Errorf("with a target that was found unhealthy: %q, want it tried", got)
		}
	})
}

func TestApplyKeepsWhatStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		defer w.serve(t, "10.0.0.1:22")()
		s := New(slog.New(slog.DiscardHandler))
		defer s.Close()
		for _, specs := range [][]Spec{{spec(w, "10.0.0.1")}, {spec(w, "10.0.0.1", "10.0.0.2")}} {
			if err := s.Apply(specs); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		probes := 0
		for _, address := range w.dials {
			if address == "10.0.0.1:22" {
				probes++
			}
		}
		if probes != 1 {
			t.Errorf("the target that stays was probed %d times at once, want 1", probes)
		}
		// Taken in another place, the port is opened anew; taken away, it is closed.
		elsewhere := newWire()
		moved := spec(elsewhere, "10.0.0.1")
		moved.Place = 2
		if err := s.Apply([]Spec{moved}); err != nil {
			t.Fatal(err)
		}
		if got := greet(t, w); got != "refused" {
			t.Errorf("the old place answers %q", got)
		}
		s.Close()
		if got := greet(t, elsewhere); got != "refused" || len(s.Status()) > 0 {
			t.Errorf("after the end: %q, %v", got, s.Status())
		}
	})
}

func TestApplyReportsAPortThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	w := newWire()
	if _, err := w.Listen(t.Context(), ":443"); err != nil {
		t.Fatal(err)
	}
	s := New(slog.New(slog.DiscardHandler))
	defer s.Close()
	if err := s.Apply([]Spec{spec(w, "10.0.0.1")}); err == nil || !strings.Contains(err.Error(), "lb:443") {
		t.Errorf("err = %v, want one that names the listener", err)
	}
}

// loopback opens sockets on the loopback.
type loopback struct{ address string }

func (r *loopback) Listen(ctx context.Context, _ string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err == nil {
		r.address = l.Addr().String()
	}
	return l, err
}

func (r *loopback) Dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp4", address)
}

func portOf(t *testing.T, l net.Listener) int {
	t.Helper()
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("%T is no TCP address", l.Addr())
	}
	return addr.Port
}

func TestHalfOfAConnectionMayEnd(t *testing.T) {
	t.Parallel()
	upstream, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Close()
	go func() { // answers with what it got once the asking has ended
		for {
			c, err := upstream.Accept()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(c)
			_, _ = c.Write(text)
			c.Close()
		}
	}()
	sockets := &loopback{}
	s := New(slog.New(slog.DiscardHandler))
	defer s.Close()
	b := spec(nil, "127.0.0.1")
	b.Sockets, b.Listeners[0].Targets[0].Port = sockets, portOf(t, upstream)
	if err := s.Apply([]Spec{b}); err != nil {
		t.Fatal(err)
	}
	waitState(t, s, "i-1 healthy")
	c, err := net.Dial("tcp4", sockets.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "ping"); err != nil {
		t.Fatal(err)
	}
	half, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("%T is no TCP connection", c)
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(c); err != nil || string(text) != "ping" {
		t.Errorf("heard %q, %v; want ping", text, err)
	}
}

func TestHTTPChecksLookAtTheStatus(t *testing.T) {
	t.Parallel()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/_ping" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	for name, tt := range map[string]struct {
		server *httptest.Server
		path   string
		want   string
	}{
		"http":        {plain, "/_ping", "healthy"},
		"https":       {secure, "/_ping", "healthy"},
		"http fails":  {plain, "/other", "unhealthy"},
		"https fails": {secure, "", "unhealthy"},
	} {
		s := New(slog.New(slog.DiscardHandler))
		b := spec(nil, "127.0.0.1")
		l := &b.Listeners[0]
		b.Sockets, l.Targets[0].Port = &loopback{}, portOf(t, tt.server.Listener)
		l.Health.Protocol, l.Health.Path = strings.Fields(name)[0], tt.path
		if err := s.Apply([]Spec{b}); err != nil {
			t.Fatal(err)
		}
		waitState(t, s, "i-1 "+tt.want)
		s.Close()
	}
}

// waitState waits until the only target has been checked.
func waitState(t *testing.T, s *Set, want string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(10 * time.Second); ; {
		got := states(s)
		if slices.Equal(got, []string{want}) {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("targets: %v, want %s", got, want)
		case <-tick.C:
		}
	}
}
