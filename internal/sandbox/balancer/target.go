package balancer

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// state is where a target's health stands.
type state string

const (
	stateInitial   state = "initial"
	stateHealthy   state = "healthy"
	stateUnhealthy state = "unhealthy"
)

// target is one receiver with its health check.
type target struct {
	machine.Target
	check   machine.HealthCheck
	sockets Sockets
	ctx     context.Context //nolint:containedctx // the life of the target's own goroutine and connections
	cancel  context.CancelFunc

	mu     sync.Mutex
	state  state
	reason string
	streak int // results in a row, alike, that speak for another state
}

// newTarget returns a target that is being checked until the context ends.
func newTarget(ctx context.Context, spec machine.Target, check machine.HealthCheck, sockets Sockets) *target {
	ctx, cancel := context.WithCancel(ctx)
	t := &target{Target: spec, check: check, sockets: sockets, ctx: ctx, cancel: cancel, state: stateInitial, reason: "no check has passed yet"}
	go t.run()
	return t
}

func (t *target) address() string { return net.JoinHostPort(t.IP, strconv.Itoa(t.Port)) }

func (t *target) health() (state, string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state, t.reason
}

// run checks at once, and then every interval.
func (t *target) run() {
	tick := time.NewTicker(seconds(t.check.Interval, 30))
	defer tick.Stop()
	for {
		err := t.probe()
		if t.ctx.Err() != nil {
			return
		}
		t.record(err)
		select {
		case <-t.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// record counts a check's result; enough of them in a row change the state. A fresh target that fails once is unhealthy
// at once and, as on AWS, healthy after its first success.
func (t *target) record(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	to, need := stateHealthy, t.check.Healthy
	if err != nil {
		to, need = stateUnhealthy, t.check.Unhealthy
		t.reason = err.Error()
	}
	if t.state == to {
		t.streak = 0
		if err == nil {
			t.reason = ""
		}
		return
	}
	t.streak++
	if t.state == stateInitial || t.streak >= need {
		t.state, t.streak = to, 0
		if err == nil {
			t.reason = ""
		}
	}
}

// probe checks the target once.
func (t *target) probe() error {
	ctx, cancel := context.WithTimeout(t.ctx, seconds(t.check.Timeout, 10))
	defer cancel()
	address := net.JoinHostPort(t.IP, strconv.Itoa(cmp.Or(t.check.Port, t.Port)))
	if t.check.Protocol == "tcp" {
		conn, err := t.sockets.Dial(ctx, address)
		if err != nil {
			return fmt.Errorf("health check failed: %w", err)
		}
		return conn.Close()
	}
	client := &http.Client{
		Transport: &http.Transport{
			DialContext:       func(ctx context.Context, _, address string) (net.Conn, error) { return t.sockets.Dial(ctx, address) },
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // as on AWS: health checks verify no certificate
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.check.Protocol+"://"+address+cmp.Or(t.check.Path, "/"), nil)
	if err != nil {
		return fmt.Errorf("health check failed: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("health check failed: %w", err)
	}
	response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 399 {
		return fmt.Errorf("health check failed with status %d", response.StatusCode)
	}
	return nil
}

// seconds returns a number of seconds, or the default where none is given.
func seconds(n, standard int) time.Duration { return time.Duration(cmp.Or(n, standard)) * time.Second }
