package host

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
)

// Pinner stores the host key of a node that was met for the first time, where every operator of the cluster finds it again as
// cluster.Node.HostKey.
type Pinner interface {
	// PinHostKey stores the key, "ssh-ed25519 AAAA...", as the node's. It must not return before the key is stored.
	PinHostKey(ctx context.Context, node cluster.Node, key string) error
}

// pins remembers the keys of this process's first contacts, since an inventory that was read before does not know them.
type pins struct {
	mu   sync.Mutex
	keys map[string]string // by instance id
}

func (p *pins) of(node cluster.Node) string {
	if node.HostKey != "" {
		return node.HostKey
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[node.InstanceID]
}

func (p *pins) remember(node cluster.Node, key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys == nil {
		p.keys = map[string]string{}
	}
	p.keys[node.InstanceID] = key
}

// keyCheck is the host key side of one attempt to connect.
type keyCheck struct {
	node   cluster.Node
	pinned ssh.PublicKey // nil: first contact
	seen   ssh.PublicKey // what the host showed
	wrong  error         // why it was refused
}

// newKeyCheck reads the node's pin.
func newKeyCheck(node cluster.Node, pin string) (*keyCheck, error) {
	check := &keyCheck{node: node}
	if pin == "" {
		return check, nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(pin))
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, err, fmt.Sprintf("the pinned host key of %s (%s) cannot be read", node.Name, node.InstanceID)).
			WithRemedy("remove the tag slipway:hostkey of " + node.InstanceID + " if you know that the host is the right one; the next run pins its key anew")
	}
	check.pinned = key
	return check, nil
}

// algorithms returns the host key algorithms to ask for: those of the pinned key, else the usual ones, ed25519 first.
func (k *keyCheck) algorithms() []string {
	if k.pinned == nil {
		return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	if k.pinned.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{k.pinned.Type()}
}

// verify is the client's host key callback.
func (k *keyCheck) verify(_ string, _ net.Addr, key ssh.PublicKey) error {
	k.seen = key
	if k.pinned == nil || bytes.Equal(k.pinned.Marshal(), key.Marshal()) {
		return nil
	}
	k.wrong = k.mismatch("shows " + ssh.FingerprintSHA256(key))
	return k.wrong
}

// mismatch says that the host is not the one that was pinned.
func (k *keyCheck) mismatch(shows string) error {
	return errs.New(errs.Conflict, fmt.Sprintf("host key of %s (%s, %s) is not the pinned one: pinned %s %s, the host %s", k.node.Name,
		k.node.PublicIP, k.node.InstanceID, k.pinned.Type(), ssh.FingerprintSHA256(k.pinned), shows)).
		WithRemedy("somebody may be between you and the host: compare with the key in the instance's console output. " +
			"If the host's key was changed on purpose, remove the tag slipway:hostkey of " + k.node.InstanceID + " and run again")
}

// authorizedLine returns a key as it is kept in the tag: type and base64, no comment.
func authorizedLine(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}
