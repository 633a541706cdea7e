package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
)

var testNode = cluster.Node{Name: "linux-2", Zone: "us-east-1b", InstanceID: "i-0456", PublicIP: "192.0.2.7", User: "admin"}

// server is an SSH server in this process that does no more than let in.
type server struct {
	t       *testing.T
	hostKey ssh.Signer
	accept  func() bool // whether the next login is let in
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// serve answers one connection. With silent, it takes the login and answers nothing after it.
func (s *server) serve(conn net.Conn, silent bool) {
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		if s.accept != nil && !s.accept() {
			return nil, errors.New("not yet")
		}
		return &ssh.Permissions{}, nil
	}}
	config.AddHostKey(s.hostKey)
	c, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		_ = conn.Close()
		return
	}
	defer c.Close()
	if silent {
		for range channels { // read, and never answered
		}
		return
	}
	go ssh.DiscardRequests(requests)
	for ch := range channels {
		_ = ch.Reject(ssh.Prohibited, "no sessions here")
	}
}

// pipe connects to the server in memory.
func (s *server) pipe(silent bool) net.Conn {
	ours, theirs := newPipe()
	go s.serve(theirs, silent)
	return ours
}

// pipeEnd is one end of a connection in memory. Unlike net.Pipe's it has a buffer: both sides of SSH begin by writing.
type pipeEnd struct {
	net.Conn // the addresses and the deadlines, which nobody sets
	in, out  *pipeBuffer
}

// pipeBuffer is one direction.
type pipeBuffer struct {
	mu     sync.Mutex
	change sync.Cond
	data   []byte
	closed bool
}

func newPipe() (a, b *pipeEnd) {
	x, y := &pipeBuffer{}, &pipeBuffer{}
	x.change.L, y.change.L = &x.mu, &y.mu
	addressed, _ := net.Pipe()
	return &pipeEnd{addressed, x, y}, &pipeEnd{addressed, y, x}
}

func (p *pipeEnd) Read(b []byte) (int, error) {
	p.in.mu.Lock()
	defer p.in.mu.Unlock()
	for len(p.in.data) == 0 && !p.in.closed {
		p.in.change.Wait()
	}
	if len(p.in.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.in.data)
	p.in.data = p.in.data[n:]
	return n, nil
}

func (p *pipeEnd) Write(b []byte) (int, error) {
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	if p.out.closed {
		return 0, io.ErrClosedPipe
	}
	p.out.data = append(p.out.data, b...)
	p.out.change.Broadcast()
	return len(b), nil
}

func (p *pipeEnd) Close() error {
	for _, b := range []*pipeBuffer{p.in, p.out} {
		b.mu.Lock()
		b.closed = true
		b.change.Broadcast()
		b.mu.Unlock()
	}
	return nil
}

// auth logs in with a key of its own.
func auth(signer ssh.Signer) func(context.Context) (Auth, error) {
	return func(context.Context) (Auth, error) {
		return Auth{Signers: []ssh.Signer{signer}, Source: "the test's key"}, nil
	}
}

func TestDialWaitsForABootingHost(t *testing.T) {
	t.Parallel()
	signer, hostKey := newSigner(t), newSigner(t)
	synctest.Test(t, func(t *testing.T) {
		booted := time.Now().Add(40 * time.Second)
		lets := booted.Add(10 * time.Second) // cloud-init has written the key
		s := &server{t: t, hostKey: hostKey, accept: func() bool { return time.Now().After(lets) }}
		pins := &memoryPins{}
		d := NewDialer(DialerConfig{Auth: auth(signer), HostKeys: pins, Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
			switch {
			case address != "192.0.2.7:22":
				t.Errorf("dialled %s", address)
			case time.Now().Before(booted.Add(-20 * time.Second)):
				<-ctx.Done() // no answer at all
				return nil, ctx.Err()
			case time.Now().Before(booted):
				return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
			}
			return s.pipe(false), nil
		}})
		h, err := d.Dial(t.Context(), testNode)
		if err != nil {
			t.Fatal(err)
		}
		if late := time.Since(lets); late > 4*time.Second {
			t.Errorf("connected %s after the host let us in", late)
		}
		if pins.keys["i-0456"] != authorizedLine(hostKey.PublicKey()) {
			t.Errorf("pinned %q", pins.keys["i-0456"])
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestDialGivesUp(t *testing.T) {
	t.Parallel()
	refused := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	unreachable := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
	}
	silent := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	ended := func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		_ = theirs.Close()
		return ours, nil
	}
	hangs := func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			for {
				if _, err := theirs.Read(make([]byte, 1024)); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}
	hostKey := newSigner(t)
	tests := []struct {
		name    string
		dial    DialFunc
		kind    errs.Kind
		text    string
		atLeast time.Duration
		atMost  time.Duration
	}{
		{"refused", refused, errs.Unavailable, "refuses SSH", 4 * time.Minute, 4*time.Minute + 5*time.Second},
		{"unreachable", unreachable, errs.Unavailable, "no way from here", 4 * time.Minute, 4*time.Minute + 5*time.Second},
		{"silent", silent, errs.Unavailable, "does not answer on SSH", 4 * time.Minute, 4*time.Minute + 15*time.Second},
		{"hangs in the handshake", hangs, errs.Unavailable, "does not answer on SSH", 4 * time.Minute, 4*time.Minute + 15*time.Second},
		{"ended", ended, errs.Unavailable, "ended the connection", 4 * time.Minute, 4*time.Minute + 5*time.Second},
		{"not let in", nil, errs.Unauthenticated, "does not let admin in with the test's key", 45 * time.Second, 50 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			signer := newSigner(t)
			synctest.Test(t, func(t *testing.T) {
				if tt.dial == nil {
					s := &server{t: t, hostKey: hostKey, accept: func() bool { return false }}
					tt.dial = func(context.Context, string, string) (net.Conn, error) { return s.pipe(false), nil }
				}
				d := NewDialer(DialerConfig{Auth: auth(signer), HostKeys: &memoryPins{}, Dial: tt.dial})
				began := time.Now()
				_, err := d.Dial(t.Context(), testNode)
				if !errs.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.text) || !strings.Contains(err.Error(), "linux-2 (us-east-1b, 192.0.2.7)") {
					t.Errorf("got %v (%s)", err, errs.KindOf(err))
				}
				remedies := strings.Join(errs.Remedies(err), " ")
				if remedies == "" {
					t.Error("nothing says what to do")
				}
				// A host that hangs passes the cloud's checks, so that up does not restart it by itself.
				if hangs := tt.name == "refused" || tt.name == "silent"; hangs && !strings.Contains(remedies, "stop-instances --force --instance-ids i-0456") {
					t.Errorf("advises %q", remedies)
				}
				if took := time.Since(began); took < tt.atLeast || took > tt.atMost {
					t.Errorf("gave up after %s", took)
				}
			})
		})
	}
}

// TestDialOnceTellsADeadHostFromASlowOne: health checks are to name the one soon and to be patient with the other.
func TestDialOnceTellsADeadHostFromASlowOne(t *testing.T) {
	t.Parallel()
	signer, hostKey := newSigner(t), newSigner(t)
	synctest.Test(t, func(t *testing.T) {
		d := NewDialer(DialerConfig{Auth: auth(signer), HostKeys: &memoryPins{}, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		began := time.Now()
		if _, err := d.DialOnce(t.Context(), testNode); !errs.Is(err, errs.Unavailable) || time.Since(began) > 5*time.Second {
			t.Errorf("a dead host took %s: %v", time.Since(began), err)
		}
		s := &server{t: t, hostKey: hostKey}
		d = NewDialer(DialerConfig{Auth: auth(signer), HostKeys: &memoryPins{}, Dial: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := newPipe()
			go func() {
				<-time.After(8 * time.Second) // sshd waits for a processor
				s.serve(theirs, false)
			}()
			return ours, nil
		}})
		h, err := d.DialOnce(t.Context(), testNode)
		if err != nil {
			t.Fatalf("a slow host: %v", err)
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestDialIsLessPatientWithAHostThatItKnows(t *testing.T) {
	t.Parallel()
	known := testNode
	known.HostKey = authorizedLine(newSigner(t).PublicKey())
	signer := newSigner(t)
	synctest.Test(t, func(t *testing.T) {
		d := NewDialer(DialerConfig{Auth: auth(signer), Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
		}})
		began := time.Now()
		_, err := d.Dial(t.Context(), known)
		if took := time.Since(began); err == nil || took < 90*time.Second || took > 95*time.Second {
			t.Errorf("gave up after %s: %v", took, err)
		}
	})
}

func TestHostKeyIsPinned(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	d := s.dialer()
	first, err := d.DialOnce(t.Context(), s.node)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	pin := s.pins.keys[s.node.InstanceID]
	if !strings.HasPrefix(pin, "ssh-ed25519 AAAA") || strings.Count(pin, " ") != 1 {
		t.Fatalf("pinned %q", pin)
	}
	s.newHostKey(t)
	pinned := s.node
	pinned.HostKey = pin
	for name, try := range map[string]func() (Host, error){
		"same process, old inventory":    func() (Host, error) { return d.Dial(t.Context(), s.node) },
		"another process, new inventory": func() (Host, error) { return s.dialer().Dial(t.Context(), pinned) },
	} {
		_, err := try()
		if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "host key of manager-1 (192.0.2.1, i-0123) is not the pinned one") {
			t.Errorf("%s: another key is %v", name, err)
		}
		if r := errs.Remedies(err); len(r) != 1 || !strings.Contains(r[0], "slipway:hostkey of i-0123") {
			t.Errorf("%s: advises %q", name, r)
		}
	}
}

func TestHostKeyOfAnotherType(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	s.node.HostKey = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
	_, err := s.dialer().DialOnce(t.Context(), s.node)
	if !errs.Is(err, errs.Conflict) || !strings.Contains(err.Error(), "no key of this type") {
		t.Errorf("got %v", err)
	}
}

func TestNoContactWithoutAPlaceForThePin(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	d := NewDialer(DialerConfig{Auth: KeyAuth(s.key), Dial: s.dial})
	if _, err := d.DialOnce(t.Context(), s.node); !errs.Is(err, errs.Conflict) {
		t.Errorf("got %v", err)
	}
	s.pins.fail = errors.New("tags are not to be had")
	if _, err := s.dialer().DialOnce(t.Context(), s.node); err == nil || !strings.Contains(err.Error(), "tags are not to be had") {
		t.Errorf("went on although the pin was not stored: %v", err)
	}
}

func TestNoAddress(t *testing.T) {
	t.Parallel()
	n := testNode
	n.PublicIP, n.State = "", "stopped"
	_, err := NewDialer(DialerConfig{HostKeys: &memoryPins{}}).Dial(t.Context(), n)
	if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("got %v", err)
	}
}

func TestKeepaliveEndsADeadConnection(t *testing.T) {
	t.Parallel()
	signer, hostKey := newSigner(t), newSigner(t)
	synctest.Test(t, func(t *testing.T) {
		s := &server{t: t, hostKey: hostKey}
		d := NewDialer(DialerConfig{Auth: auth(signer), HostKeys: &memoryPins{}, Dial: func(context.Context, string, string) (net.Conn, error) { return s.pipe(true), nil }})
		h, err := d.DialOnce(t.Context(), testNode)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		began := time.Now()
		_, err = h.Run(t.Context(), Command{Args: []string{"true"}})
		if !errs.Is(err, errs.Unavailable) || time.Since(began) > 41*time.Second {
			t.Errorf("a dead connection held a command for %s: %v", time.Since(began), err)
		}
	})
}
