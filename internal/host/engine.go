package host

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// dialStdio connects standard input and output to the engine's socket. It is part of every docker CLI since 18.09.
func dialStdio() Command { return Sudo("docker", "system", "dial-stdio") }

// DialEngine opens a connection to the API of the host's engine, over a session of this connection. What goes through it shows
// neither in a process list nor in a log of the host.
func (c *Conn) DialEngine(ctx context.Context) (net.Conn, error) {
	s, release, err := c.session(ctx)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (net.Conn, error) {
		_ = s.Close()
		release()
		return nil, c.lost(err)
	}
	stdin, err := s.StdinPipe()
	if err != nil {
		return fail(err)
	}
	stdout, err := s.StdoutPipe()
	if err != nil {
		return fail(err)
	}
	stderr := &limited{}
	s.Stderr = stderr
	if err := s.Start(commandLine(dialStdio(), c.user)); err != nil {
		return fail(err)
	}
	e := &engineConn{session: s, stdin: stdin, stdout: stdout, release: release, host: c.name}
	e.ended = sync.OnceValue(func() error {
		err := s.Wait() // all of standard error is there after it
		return c.exit(dialStdio(), Output{Stderr: stderr.Bytes()}, err)
	})
	return e, nil
}

// engineConn makes a session's two pipes a net.Conn. It has no deadlines: the engine's client bounds calls by their contexts,
// and ends them by closing the connection.
type engineConn struct {
	session *ssh.Session
	stdin   io.WriteCloser
	stdout  io.Reader
	host    string
	ended   func() error // why the command ended; waits for it the first time
	once    sync.Once
	release func()
}

// Read reads what the engine sent. A command that ended before it connected says why, rather than a bare end of file.
func (e *engineConn) Read(p []byte) (int, error) {
	n, err := e.stdout.Read(p)
	if n == 0 && errors.Is(err, io.EOF) {
		if why := e.ended(); why != nil {
			return 0, why
		}
	}
	return n, err
}

// Write sends to the engine.
func (e *engineConn) Write(p []byte) (int, error) { return e.stdin.Write(p) }

// CloseWrite tells the engine that nothing more comes.
func (e *engineConn) CloseWrite() error { return e.stdin.Close() }

// Close ends the session.
func (e *engineConn) Close() error {
	err := e.session.Close()
	e.once.Do(e.release)
	if errors.Is(err, io.EOF) || isClosed(err) {
		return nil
	}
	return err
}

// engineAddr names an end of an engine's connection.
type engineAddr string

// Network returns ssh.
func (engineAddr) Network() string { return "ssh" }

// String returns the node's name, or local.
func (a engineAddr) String() string { return string(a) }

func (e *engineConn) LocalAddr() net.Addr              { return engineAddr("local") }
func (e *engineConn) RemoteAddr() net.Addr             { return engineAddr(e.host) }
func (e *engineConn) SetDeadline(time.Time) error      { return nil }
func (e *engineConn) SetReadDeadline(time.Time) error  { return nil }
func (e *engineConn) SetWriteDeadline(time.Time) error { return nil }
