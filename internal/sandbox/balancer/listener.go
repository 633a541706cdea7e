package balancer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// dialTimeout bounds how long a target may take to accept a forwarded connection.
const dialTimeout = 10 * time.Second

// listener is one open port of a load balancer.
type listener struct {
	sockets Sockets
	place   any
	group   string
	logger  *slog.Logger
	accept  net.Listener
	ctx     context.Context //nolint:containedctx // the life of the listener's own goroutines
	cancel  context.CancelFunc

	mu      sync.Mutex
	targets []*target // in the order of the specification
	next    int
}

func open(spec Spec, l machine.Listener, logger *slog.Logger) (*listener, error) {
	ctx, cancel := context.WithCancel(context.Background())
	accept, err := spec.Sockets.Listen(ctx, ":"+strconv.Itoa(l.Port))
	if err != nil {
		cancel()
		return nil, err
	}
	made := &listener{sockets: spec.Sockets, place: spec.Place, logger: logger, accept: accept, ctx: ctx, cancel: cancel}
	made.update(l)
	go made.serve()
	return made, nil
}

// close ends the listener and all its connections.
func (l *listener) close() {
	l.cancel()
	l.accept.Close()
}

// update takes new targets and checks over. A target that stays, with the same check, keeps its health.
func (l *listener) update(spec machine.Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.group = spec.TargetGroup
	have := map[machine.Target]*target{}
	for _, t := range l.targets {
		have[t.Target] = t
	}
	l.targets = nil
	for _, wanted := range spec.Targets {
		t := have[wanted]
		if t != nil && t.check == spec.Health {
			delete(have, wanted)
		} else {
			t = newTarget(l.ctx, wanted, spec.Health, l.sockets)
		}
		l.targets = append(l.targets, t)
	}
	for _, t := range have {
		t.cancel()
	}
}

func (l *listener) status() []machine.TargetStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]machine.TargetStatus, 0, len(l.targets))
	for _, t := range l.targets {
		state, reason := t.health()
		all = append(all, machine.TargetStatus{TargetGroup: l.group, ID: t.ID, Port: t.Port, State: string(state), Reason: reason})
	}
	return all
}

// pick returns the targets in the order in which a new connection should try them: the healthy ones in turn or, as on
// AWS, all unhealthy ones when there is no healthy one.
func (l *listener) pick() []*target {
	l.mu.Lock()
	defer l.mu.Unlock()
	var healthy, unhealthy []*target
	for _, t := range l.targets {
		switch state, _ := t.health(); state {
		case stateHealthy:
			healthy = append(healthy, t)
		case stateUnhealthy:
			unhealthy = append(unhealthy, t)
		case stateInitial:
		}
	}
	if len(healthy) == 0 {
		healthy = unhealthy
	}
	if len(healthy) == 0 {
		return nil
	}
	start := l.next % len(healthy)
	l.next++
	return append(healthy[start:len(healthy):len(healthy)], healthy[:start]...)
}

func (l *listener) serve() {
	for {
		client, err := l.accept.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.logger.Warn("failed to accept connection", "target_group", l.group, "err", err)
			select {
			case <-l.ctx.Done():
				return
			case <-time.After(time.Second):
			}
			continue
		}
		go l.forward(client)
	}
}

// forward joins a client's connection with one to a target, until both sides are done or the listener or the target
// goes away.
func (l *listener) forward(client net.Conn) {
	defer client.Close()
	for _, t := range l.pick() {
		ctx, cancel := context.WithTimeout(l.ctx, dialTimeout)
		server, err := l.sockets.Dial(ctx, t.address())
		cancel()
		if err != nil {
			continue
		}
		defer server.Close()
		stop := context.AfterFunc(t.ctx, func() { client.Close(); server.Close() })
		defer stop()
		join(client, server)
		return
	}
}

// join copies both ways; the end of one direction is passed on while the other goes on.
func join(a, b net.Conn) {
	var both sync.WaitGroup
	both.Go(func() { pipe(a, b) })
	both.Go(func() { pipe(b, a) })
	both.Wait()
}

func pipe(to, from net.Conn) {
	_, err := io.Copy(to, from)
	half, ok := to.(interface{ CloseWrite() error })
	if err != nil || !ok { // broken, not just ended: neither side has anything to wait for
		to.Close()
		from.Close()
		return
	}
	_ = half.CloseWrite() // the other side may be gone already
}
