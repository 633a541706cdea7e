package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
)

// Client talks to the daemon of a run directory. It holds no connection open between calls.
type Client struct{ http *http.Client }

// NewClient returns a client of the daemon in the run directory, whether it runs or not.
func NewClient(runDir string) *Client {
	socket := Config{RunDir: runDir}.withDefaults().controlSocket()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Status says what runs. Without a daemon the error is Unavailable.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	s := &Status{}
	if err := c.call(ctx, http.MethodGet, "/status", nil, s); err != nil {
		return nil, err
	}
	return s, nil
}

// Stop ends the daemon with all that runs in the sandbox, and returns when the hosts are down.
func (c *Client) Stop(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/stop", nil, nil)
}

// Set puts settings in force.
func (c *Client) Set(ctx context.Context, v settings.Values) error {
	return c.call(ctx, http.MethodPut, "/settings", v, nil)
}

// Drill breaks an instance on purpose, or connects it again.
func (c *Client) Drill(ctx context.Context, drill Drill, instance string) error {
	return c.call(ctx, http.MethodPost, "/drill", drillRequest{drill, instance}, nil)
}

// ResetCalls begins to count the API's calls anew.
func (c *Client) ResetCalls(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "/calls", nil, nil)
}

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		content, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://sandbox"+path, body)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return notRunning(ctx, err)
	}
	defer func() { _ = response.Body.Close() }() // it was read to its end
	if response.StatusCode != http.StatusOK {
		var f failure
		if err := json.NewDecoder(response.Body).Decode(&f); err != nil {
			return errs.Wrap(errs.Internal, err, "read the sandbox's answer "+response.Status)
		}
		return f.err()
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return errs.Wrap(errs.Unavailable, err, "read the sandbox's answer")
	}
	return nil
}

// notRunning words the failure to reach a daemon.
func notRunning(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrPermission):
		return errs.Wrap(errs.Forbidden, err, "reach the sandbox").WithRemedy("The sandbox is root's: use sudo.")
	default:
		if call := (*url.Error)(nil); errors.As(err, &call) {
			err = call.Err // the request's made-up URL tells nobody anything
		}
		return errs.Wrap(errs.Unavailable, err, "the sandbox is not running").
			WithRemedy("`slipway sandbox start` starts it, and brings back what ran in it; `slipway up` does so by itself.")
	}
}
