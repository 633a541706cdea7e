package host

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh/agent"

	"github.com/slipway-project/slipway/internal/errs"
)

func TestAgent(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	keyring := agent.NewKeyring()
	socket := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_ = agent.ServeAgent(keyring, conn)
				_ = conn.Close()
			}()
		}
	}()
	d := NewDialer(DialerConfig{Auth: AgentAuth(socket), HostKeys: s.pins, Dial: s.dial})
	if _, err := d.DialOnce(t.Context(), s.node); !errs.Is(err, errs.Unauthenticated) || !strings.Contains(err.Error(), "holds no key") {
		t.Errorf("an agent without keys: %v", err)
	}
	private, err := rawKey(s.key.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := keyring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	h, err := d.DialOnce(t.Context(), s.node)
	if err != nil {
		t.Fatal(err)
	}
	_ = h.Close()
	public, err := AgentPublicKey(t.Context(), socket)
	if err != nil || string(public) != string(s.key.Authorized) {
		t.Errorf("the agent's public key is %q, %v", public, err)
	}
	if _, err := AgentPublicKey(context.Background(), ""); !errs.Is(err, errs.Unauthenticated) {
		t.Errorf("no agent: %v", err)
	}
}

// TestGatherHere gathers the facts of the machine that the test runs on.
func TestGatherHere(t *testing.T) {
	t.Parallel()
	facts, err := Gather(t.Context(), startSSHD(t).connect(t))
	if err != nil {
		t.Fatal(err)
	}
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if facts.Hostname != name || facts.CPUs < 1 || facts.MemoryMiB < 100 || facts.Kernel == "" || facts.OS.ID == "" || facts.Init == "" {
		t.Errorf("got %+v", facts)
	}
	if facts.Free["/"].TotalMiB == 0 {
		t.Errorf("no free space known: %v", facts.Free)
	}
	if facts.ClockSkew != 0 {
		t.Errorf("our own clock is off by %s", facts.ClockSkew)
	}
}
