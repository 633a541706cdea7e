package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
)

// The values of ssh.key that are no path.
const (
	keyGenerated = "generated"
	keyAgent     = "agent"
)

// login is the key side of reaching a cluster's hosts. It reads a key when it is asked for one; only create makes one.
type login struct {
	cluster string // whose key a generated one is
	key     string // the document's ssh.key
	socket  string // of ssh-agent
}

// newLogin returns how the document wants hosts to be logged in to. It reads nothing.
func newLogin(doc *cluster.Document, getenv func(string) string) login {
	return login{cluster: doc.Name, key: doc.SSH.Key, socket: getenv("SSH_AUTH_SOCK")}
}

// auth returns the keys to log in with.
func (l login) auth(ctx context.Context) (host.Auth, error) {
	if l.key == keyAgent {
		return host.AgentAuth(l.socket)(ctx)
	}
	key, err := l.load()
	if err != nil {
		return host.Auth{}, err
	}
	return host.KeyAuth(key)(ctx)
}

// publicKey returns the key that nodes are born with, and nothing where that is one which create has yet to make.
func (l login) publicKey(ctx context.Context) ([]byte, error) {
	if l.key == keyAgent {
		return host.AgentPublicKey(ctx, l.socket)
	}
	key, err := l.load()
	if l.key == keyGenerated && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return key.Authorized, err
}

// identityFile returns the path of the private key; it is empty with ssh-agent.
func (l login) identityFile() (string, error) {
	if l.key == keyAgent {
		return "", nil
	}
	key, err := l.load()
	return key.Path, err
}

// load reads the key from its file.
func (l login) load() (host.Key, error) {
	if l.key != keyGenerated {
		return l.named()
	}
	dir, err := host.DataDir(l.cluster)
	if err != nil {
		return host.Key{}, err
	}
	path := filepath.Join(dir, host.KeyFile)
	key, err := host.LoadKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		return host.Key{}, errs.Wrap(errs.NotFound, fs.ErrNotExist, "this machine has no SSH key of cluster "+l.cluster+": "+path).
			WithRemedy("Copy it from the machine that built the cluster, or set ssh.key in the document.")
	}
	return key, err
}

// named reads the key that the document names by its path.
func (l login) named() (host.Key, error) {
	rest, ok := strings.CutPrefix(l.key, "~/")
	if !ok {
		return host.LoadKey(l.key)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return host.Key{}, errs.Wrap(errs.Invalid, err, "find "+l.key).WithRemedy("Set HOME, or give ssh.key a full path.")
	}
	return host.LoadKey(filepath.Join(home, rest))
}

// create makes the key where the document wants a generated one and this machine has none.
func (l login) create() error {
	if l.key != keyGenerated {
		return nil
	}
	dir, err := host.DataDir(l.cluster)
	if err != nil {
		return err
	}
	_, err = host.LoadOrCreateKey(dir)
	return err
}

// Reach is how the stock SSH client reaches the hosts of a cluster.
type Reach struct {
	Inventory    *cluster.Inventory
	IdentityFile string // the private key; empty with ssh-agent
	KnownHosts   string // a file with the pinned host key of each node, under its instance id
}

// Reach returns the cluster's inventory and writes the file of pinned host keys that the stock SSH client checks.
func (o *Operator) Reach(ctx context.Context, doc *cluster.Document) (*Reach, error) {
	inventory, err := o.Inventory(ctx, doc)
	if err != nil {
		return nil, err
	}
	identity, err := newLogin(doc, o.deps.Getenv).identityFile()
	if err != nil {
		return nil, err
	}
	known, err := writeKnownHosts(inventory)
	if err != nil {
		return nil, err
	}
	return &Reach{Inventory: inventory, IdentityFile: identity, KnownHosts: known}, nil
}

// Node returns the node of the name; an unknown one is errs.NotFound, and one that cannot be reached errs.Unavailable.
func (r *Reach) Node(name string) (cluster.Node, error) {
	for _, n := range r.Inventory.Nodes {
		if n.Name != name {
			continue
		}
		if n.PublicIP == "" || n.HostKey == "" {
			return n, errs.New(errs.Unavailable, fmt.Sprintf("%s cannot be reached yet: its instance is %s", name, n.State)).
				WithRemedy("`slipway up` starts, repairs and prepares nodes.")
		}
		return n, nil
	}
	return cluster.Node{}, errs.New(errs.NotFound, fmt.Sprintf("cluster %s has no node %q", r.Inventory.Cluster, name)).
		WithRemedy("`slipway inventory` lists the nodes.")
}

// Options returns what the stock SSH client needs to know of a node, as pairs of an option and its value.
func (r *Reach) Options(node cluster.Node) [][2]string {
	options := [][2]string{
		{"HostName", node.PublicIP},
		{"User", node.User},
		{"HostKeyAlias", node.InstanceID},
		{"UserKnownHostsFile", r.KnownHosts},
		{"StrictHostKeyChecking", "yes"},
	}
	if r.IdentityFile != "" {
		options = append(options, [2]string{"IdentityFile", r.IdentityFile}, [2]string{"IdentitiesOnly", "yes"})
	}
	return options
}

// writeKnownHosts keeps the pins in a file beside the cluster's key. It holds nothing that is not in the cloud too.
func writeKnownHosts(inventory *cluster.Inventory) (string, error) {
	dir, err := host.DataDir(inventory.Cluster)
	if err != nil {
		return "", err
	}
	var content bytes.Buffer
	for _, n := range inventory.Nodes {
		if n.HostKey != "" {
			fmt.Fprintf(&content, "%s %s\n", n.InstanceID, n.HostKey)
		}
	}
	path := filepath.Join(dir, "known_hosts."+inventory.Region)
	if err := replaceFile(path, content.Bytes()); err != nil {
		return "", errs.Wrap(errs.Internal, err, "keep the pinned host keys")
	}
	return path, nil
}

// replaceFile makes a private file hold content, whole or not at all.
func replaceFile(path string, content []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // renamed by then
	_, err = tmp.Write(content)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
