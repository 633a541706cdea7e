package host

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-project/slipway/internal/cluster"
)

// sshd is a real OpenSSH server. It is started anew for each connection, as inetd does, so that it needs no port of its own and ends with
// the connection.
type sshd struct {
	binary string
	config string
	dir    string
	key    Key // that it lets in
	node   cluster.Node
	pins   *memoryPins
}

// startSSHD makes a server's configuration, or skips the test where OpenSSH's server is not installed.
func startSSHD(t *testing.T) *sshd {
	t.Helper()
	binary, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		t.Skip("needs OpenSSH's server: apt-get install openssh-server")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &sshd{binary: binary, dir: t.TempDir(), pins: &memoryPins{}}
	s.config = filepath.Join(s.dir, "sshd_config")
	if s.key, err = LoadOrCreateKey(filepath.Join(s.dir, "client")); err != nil {
		t.Fatal(err)
	}
	s.node = cluster.Node{Name: "manager-1", Zone: "us-east-1a", InstanceID: "i-0123", PublicIP: "192.0.2.1", User: me.Username}
	s.write(t, "authorized_keys", s.key.Authorized)
	s.newHostKey(t)
	bin := filepath.Join(s.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	s.write(t, "sshd_config", fmt.Appendf(nil, "HostKey %[1]s/host_key\nAuthorizedKeysFile %[1]s/authorized_keys\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"+
		"KbdInteractiveAuthentication no\nPidFile none\nLogLevel QUIET\nSetEnv PATH=%[1]s/bin:/usr/sbin:/usr/bin:/sbin:/bin\n", s.dir))
	return s
}

// newHostKey gives the server another host key.
func (s *sshd) newHostKey(t *testing.T) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "host_key", pem.EncodeToMemory(block))
}

// write writes a file of the server's.
func (s *sshd) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// stub puts a program of the name first in the path of the server's sessions.
func (s *sshd) stub(t *testing.T, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "bin", name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// dial connects one end of a socket to a new server process.
func (s *sshd) dial(context.Context, string, string) (net.Conn, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	ours, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return nil, err
	}
	theirs, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	tcp, ok := theirs.(*net.TCPConn)
	if !ok {
		return nil, fmt.Errorf("accepted a %T", theirs)
	}
	file, err := tcp.File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	server := exec.Command(s.binary, "-i", "-f", s.config)
	server.Stdin, server.Stdout = file, file
	if err := server.Start(); err != nil {
		return nil, err
	}
	go server.Wait() //nolint:errcheck // it ends with the connection
	return ours, nil
}

// dialer returns a dialer that reaches the server.
func (s *sshd) dialer() *Dialer {
	return NewDialer(DialerConfig{Auth: KeyAuth(s.key), HostKeys: s.pins, Dial: s.dial})
}

// connect returns a connection that is closed when the test ends.
func (s *sshd) connect(t *testing.T) Host {
	t.Helper()
	h, err := s.dialer().DialOnce(t.Context(), s.node)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// memoryPins keeps pins by instance.
type memoryPins struct {
	keys map[string]string
	fail error
}

func (m *memoryPins) PinHostKey(_ context.Context, node cluster.Node, key string) error {
	if m.fail != nil {
		return m.fail
	}
	if m.keys == nil {
		m.keys = map[string]string{}
	}
	m.keys[node.InstanceID] = key
	return nil
}
