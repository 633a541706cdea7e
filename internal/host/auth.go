package host

import (
	"context"
	"errors"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/slipway-project/slipway/internal/errs"
)

// Auth is a set of keys to log in with, and what they come from.
type Auth struct {
	Signers []ssh.Signer
	Source  string // for messages: "the key /home/me/.local/share/slipway/demo/id_ed25519"
	close   func() error
}

// Close gives back what the keys need, an agent's connection for example.
func (a Auth) Close() {
	if a.close != nil {
		_ = a.close()
	}
}

// KeyAuth logs in with one key.
func KeyAuth(key Key) func(context.Context) (Auth, error) {
	return func(context.Context) (Auth, error) {
		return Auth{Signers: []ssh.Signer{key.Signer}, Source: "the key " + key.Path}, nil
	}
}

// AgentAuth logs in with the keys of the agent that SSH_AUTH_SOCK names; socket is that variable's value.
func AgentAuth(socket string) func(context.Context) (Auth, error) {
	return func(ctx context.Context) (Auth, error) {
		conn, keys, err := dialAgent(ctx, socket)
		if err != nil {
			return Auth{}, err
		}
		signers, err := keys.Signers()
		if err == nil && len(signers) == 0 {
			err = errors.New("it holds no key")
		}
		if err != nil {
			_ = conn.Close()
			return Auth{}, noAgent(err)
		}
		return Auth{Signers: signers, Source: "the keys of ssh-agent", close: conn.Close}, nil
	}
}

// AgentPublicKey returns the agent's first key as a line of authorized_keys: the one that new instances are made with.
func AgentPublicKey(ctx context.Context, socket string) ([]byte, error) {
	conn, keys, err := dialAgent(ctx, socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	list, err := keys.List()
	if err == nil && len(list) == 0 {
		err = errors.New("it holds no key")
	}
	if err != nil {
		return nil, noAgent(err)
	}
	return ssh.MarshalAuthorizedKey(list[0]), nil
}

func dialAgent(ctx context.Context, socket string) (net.Conn, agent.ExtendedAgent, error) {
	if socket == "" {
		return nil, nil, noAgent(os.ErrNotExist)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, nil, noAgent(err)
	}
	return conn, agent.NewClient(conn), nil
}

func noAgent(cause error) error {
	return errs.Wrap(errs.Unauthenticated, cause, "ssh.key is agent, but ssh-agent gives no key").
		WithRemedy("start ssh-agent and add a key (ssh-add), or set ssh.key to generated")
}
