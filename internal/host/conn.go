package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-project/slipway/internal/errs"
)

// maxSessions is how many commands run at once over one connection. Stock sshd refuses an eleventh (MaxSessions 10).
const maxSessions = 8

// maxOutput is how much of each stream of a command is kept, in bytes. No command that is run writes nearly as much.
const maxOutput = 4 << 20

// Conn is one SSH connection to a host, shared by all that is done on it.
type Conn struct {
	name   string
	user   string
	client *ssh.Client
	log    *slog.Logger
	slots  chan struct{} // one for each session that may be open

	closing context.CancelFunc
	done    sync.WaitGroup
}

var _ Host = (*Conn)(nil)

// newConn takes over an open client and keeps it alive until Close.
func newConn(name, user string, client *ssh.Client, keepalive time.Duration, log *slog.Logger) *Conn {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Conn{name: name, user: user, client: client, log: log, slots: make(chan struct{}, maxSessions), closing: cancel}
	c.done.Go(func() { c.keepAlive(ctx, keepalive) })
	return c
}

// Name returns the node's name.
func (c *Conn) Name() string { return c.name }

// Close ends the connection.
func (c *Conn) Close() error {
	c.closing()
	err := c.client.Close()
	c.done.Wait()
	if err != nil && !errors.Is(err, io.EOF) && !isClosed(err) {
		return fmt.Errorf("close connection to %s: %w", c.name, err)
	}
	return nil
}

// silent is how many intervals of keepAlive a host may be silent, as OpenSSH's client has it: one that installs packages on few
// processors may be long in answering.
const silent = 3

// keepAlive asks the host for a sign of life every interval, and closes the connection when none comes for too long: a host that was
// cut off would otherwise hold up a command for as long as TCP is patient.
func (c *Conn) keepAlive(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		answered := make(chan error, 1)
		c.done.Go(func() {
			_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
			answered <- err
		})
		patience := time.NewTimer(silent * interval)
		select {
		case <-ctx.Done():
			patience.Stop()
			return
		case err := <-answered:
			patience.Stop()
			if err == nil {
				continue
			}
		case <-patience.C:
		}
		c.log.Warn("host does not answer any more", "node", c.name)
		_ = c.client.Close()
		return
	}
}

// session opens a session once one of the slots is free. The slot is given back by release.
func (c *Conn) session(ctx context.Context) (s *ssh.Session, release func(), err error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("open session on %s: %w", c.name, ctx.Err())
	}
	var once sync.Once
	release = func() { once.Do(func() { <-c.slots }) }
	// A host that is cut off never answers the request for a session, so it is waited for apart.
	type opened struct {
		s   *ssh.Session
		err error
	}
	result := make(chan opened, 1)
	go func() {
		s, err := c.client.NewSession()
		result <- opened{s, err}
	}()
	select {
	case o := <-result:
		if o.err != nil {
			release()
			return nil, nil, c.lost(o.err)
		}
		return o.s, release, nil
	case <-ctx.Done():
		go func() {
			if o := <-result; o.err == nil {
				_ = o.s.Close()
			}
			release()
		}()
		return nil, nil, fmt.Errorf("open session on %s: %w", c.name, ctx.Err())
	}
}

// lost says that the connection is gone.
func (c *Conn) lost(cause error) error {
	return errs.Wrap(errs.Unavailable, cause, "the connection to "+c.name+" was lost").WithRetry().
		WithRemedy("run the command again: it goes on where it stopped")
}

// Run runs a command on the host and waits for it.
func (c *Conn) Run(ctx context.Context, cmd Command) (Output, error) {
	s, release, err := c.session(ctx)
	if err != nil {
		return Output{}, err
	}
	defer release()
	defer s.Close() //nolint:errcheck // the session is over either way
	stdout, stderr := &limited{}, &limited{}
	s.Stdin, s.Stdout, s.Stderr = cmd.Stdin, stdout, stderr

	began := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(commandLine(cmd, c.user)) }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = s.Signal(ssh.SIGTERM)
		_ = s.Close()
		return Output{}, fmt.Errorf("run %s on %s: %w", shorten(cmd.String()), c.name, ctx.Err())
	}
	out := Output{Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
	c.log.Debug("ran command", "node", c.name, "command", shorten(cmd.String()), "duration", time.Since(began), "failed", err != nil)
	return out, c.exit(cmd, out, err)
}

// exit turns the way a session ended into the error that callers see.
func (c *Conn) exit(cmd Command, out Output, err error) error {
	if err == nil {
		return nil
	}
	var exit *ssh.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("run %s on %s: %w", shorten(cmd.String()), c.name, c.lost(err))
	}
	code := exit.ExitStatus()
	if exit.Signal() != "" {
		code = -1
	}
	return classify(&ExitError{Host: c.name, Command: cmd.String(), Code: code, Stderr: string(out.Stderr)})
}

// limited keeps the first maxOutput bytes that are written to it and drops the rest, so that no host can fill our memory.
type limited struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps what there is room for and reports that all was written.
func (l *limited) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := maxOutput - l.buf.Len(); room > 0 {
		l.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// Bytes returns what was kept.
func (l *limited) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.buf.Bytes())
}
