//go:build linux

package cage

import (
	"context"
	"net"

	"github.com/slipway-project/slipway/internal/sandbox/netns"
)

// sockets opens a load balancer's sockets in its endpoint's namespace.
type sockets struct{ space *netns.Namespace }

// Listen implements balancer.Sockets.
func (s sockets) Listen(ctx context.Context, address string) (listener net.Listener, err error) {
	err = s.space.Do(func() error {
		listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp4", address)
		return err
	})
	return listener, err
}

// Dial implements balancer.Sockets.
func (s sockets) Dial(ctx context.Context, address string) (conn net.Conn, err error) {
	err = s.space.Do(func() error {
		// An address of numbers is dialled on this goroutine, and so in the namespace of its thread.
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp4", address)
		return err
	})
	return conn, err
}
