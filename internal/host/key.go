package host

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-project/slipway/internal/errs"
)

// KeyFile is the name of a cluster's generated private key in its directory.
const KeyFile = "id_ed25519"

// Key is a private key in a file.
type Key struct {
	Path       string // of the private key, for the stock ssh client
	Signer     ssh.Signer
	Authorized []byte // public half as a line of authorized_keys, which EC2's ImportKeyPair takes
}

// DataDir returns the directory that holds a cluster's generated key: $XDG_DATA_HOME/slipway/<cluster>, or the same below ~/.local/share.
func DataDir(cluster string) (string, error) {
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", errs.Wrap(errs.Invalid, err, "neither XDG_DATA_HOME nor HOME is set").WithRemedy("set HOME")
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "slipway", cluster), nil
}

// LoadOrCreateKey returns the key in the directory, which it generates when there is none. The file appears whole or not at all, with
// mode 0600; of two processes that generate at once, both get the first one's key.
func LoadOrCreateKey(dir string) (Key, error) {
	path := filepath.Join(dir, KeyFile)
	key, err := LoadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Key{}, fmt.Errorf("create key directory: %w", err)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("generate key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "slipway "+filepath.Base(dir))
	if err != nil {
		return Key{}, fmt.Errorf("encode key: %w", err)
	}
	if err := writeOnce(path, pem.EncodeToMemory(block)); err != nil {
		return Key{}, fmt.Errorf("keep key %s: %w", path, err)
	}
	return LoadKey(path)
}

// writeOnce makes a file of the content unless there is one. The content is on disk before the name is.
func writeOnce(path string, content []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // the link stays
	_, err = tmp.Write(content)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	// Unlike a rename, a link does not replace what another process has put there meanwhile.
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// LoadKey reads a private key without a passphrase from a file that nobody else can read.
func LoadKey(path string) (Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Key{}, errs.Wrap(errs.NotFound, err, "SSH key "+path+" cannot be read").WithRemedy("set ssh.key to a private key's file, to agent, or to generated")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return Key{}, errs.New(errs.Invalid, fmt.Sprintf("SSH key %s can be read by others (mode %04o)", path, info.Mode().Perm())).
			WithRemedy("chmod 600 " + path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return Key{}, errs.Wrap(errs.Invalid, err, "SSH key "+path+" cannot be read").WithRemedy("check the file's owner")
	}
	signer, err := ssh.ParsePrivateKey(content)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return Key{}, errs.New(errs.Invalid, "SSH key "+path+" has a passphrase").WithRemedy("add it to ssh-agent (ssh-add " + path + ") and set ssh.key to agent")
	case err != nil:
		// The cause may quote the file, so it is left out.
		return Key{}, errs.New(errs.Invalid, path+" is not a private SSH key").WithRemedy("set ssh.key to a private key's file, to agent, or to generated")
	}
	return Key{Path: path, Signer: signer, Authorized: ssh.MarshalAuthorizedKey(signer.PublicKey())}, nil
}
