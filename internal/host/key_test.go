package host

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-project/slipway/internal/errs"
)

func TestLoadOrCreateKey(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "slipway", "demo")
	keys := make([]Key, 8)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			key, err := LoadOrCreateKey(dir)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	all.Wait()
	for _, key := range keys[1:] {
		if !bytes.Equal(key.Authorized, keys[0].Authorized) {
			t.Fatal("two that generated at once have two keys")
		}
	}
	if got := stat(t, keys[0].Path).Mode().Perm(); got != 0o600 {
		t.Errorf("the key has mode %o", got)
	}
	if got := stat(t, dir).Mode().Perm(); got != 0o700 {
		t.Errorf("its directory has mode %o", got)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("temporary files stayed: %v, %v", entries, err)
	}
	if !strings.HasPrefix(string(keys[0].Authorized), "ssh-ed25519 ") {
		t.Errorf("the public key is %q", keys[0].Authorized)
	}
}

func TestLoadKeyRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, err := LoadOrCreateKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(good.Path)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		content []byte
		mode    os.FileMode
		kind    errs.Kind
		text    string
	}{
		{"missing", nil, 0, errs.NotFound, "cannot be read"},
		{"open", content, 0o644, errs.Invalid, "can be read by others (mode 0644)"},
		{"junk", []byte("sesame open"), 0o600, errs.Invalid, "is not a private SSH key"},
		{"truncated", content[:len(content)/2], 0o600, errs.Invalid, "is not a private SSH key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, tt.name)
			if tt.content != nil {
				if err := os.WriteFile(path, tt.content, tt.mode); err != nil {
					t.Fatal(err)
				}
			}
			_, err := LoadKey(path)
			if !errs.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.text) || len(errs.Remedies(err)) == 0 {
				t.Errorf("got %v (%s), remedies %q", err, errs.KindOf(err), errs.Remedies(err))
			}
			if tt.content != nil && strings.Contains(err.Error(), string(tt.content[:8])) {
				t.Error("the error quotes the key")
			}
		})
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		command Command
		user    string
		want    string
	}{
		{Command{Args: []string{"uptime"}}, "admin", "uptime"},
		{Sudo("systemctl", "start", "docker"), "root", "systemctl start docker"},
		{Sudo("systemctl", "start", "docker"), "admin", "sudo -n -- systemctl start docker"},
		{Command{Args: []string{"apt-get", "update"}, Env: map[string]string{"LC_ALL": "C", "A": "b c"}, Root: true}, "admin", "sudo -n -- env 'A=b c' LC_ALL=C apt-get update"},
		{Script("echo secret", "a b"), "admin", "sudo -n -- sh -s -- 'a b'"},
	}
	for _, tt := range tests {
		if got := commandLine(tt.command, tt.user); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestSudoThatAsksIsExplained(t *testing.T) {
	t.Parallel()
	err := classify(&ExitError{Host: "linux-1", Command: "sh", Code: 1, Stderr: "sudo: a password is required\n"})
	if !errs.Is(err, errs.Forbidden) || len(errs.Remedies(err)) == 0 || ExitCode(err) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestComplaint(t *testing.T) {
	t.Parallel()
	stderr := "W: something\nE: Unable to locate package docker.io\nE: second\nE: third\nnoise\n"
	if got := complaint(stderr); got != ": E: second; E: third" {
		t.Errorf("got %q", got)
	}
	if got := complaint("\n \n"); got != "" {
		t.Errorf("got %q", got)
	}
}

// rawKey reads a private key as the agent takes it.
func rawKey(path string) (any, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ssh.ParseRawPrivateKey(content)
}
