//go:build linux

package cage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/machine"
)

// Request and answer bodies of the holder's socket: POST /v1/<method>, JSON both ways.
type (
	hello struct {
		ID          string       `json:"id"`
		StateDir    string       `json:"stateDir"`
		PublicRange netip.Prefix `json:"publicRange"`
	}
	volumeRequest struct {
		ID string `json:"id"`
	}
	hostRequest struct {
		ID      string `json:"id"`
		Force   bool   `json:"force,omitempty"`
		Seconds int    `json:"seconds,omitempty"` // patience before force; 0 for the holder's default
	}
	attachRequest struct {
		Host       string             `json:"host"`
		Attachment machine.Attachment `json:"attachment"`
	}
	detachRequest struct {
		Host   string `json:"host"`
		Volume string `json:"volume"`
	}
	failure struct {
		Kind    string `json:"kind"`
		Message string `json:"message"`
		Remedy  string `json:"remedy,omitempty"`
		Retry   bool   `json:"retry,omitempty"`
	}
)

// client calls a holder. It implements machine.Machine.
type client struct{ http *http.Client }

func newClient(socket string) client {
	return client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}}
}

// SetNetwork implements machine.Machine.
func (c client) SetNetwork(ctx context.Context, n machine.Network) error {
	return c.call(ctx, "SetNetwork", n, nil)
}

// CreateVolume implements machine.Machine.
func (c client) CreateVolume(ctx context.Context, v machine.Volume) error {
	return c.call(ctx, "CreateVolume", v, nil)
}

// DeleteVolume implements machine.Machine.
func (c client) DeleteVolume(ctx context.Context, id string) error {
	return c.call(ctx, "DeleteVolume", volumeRequest{ID: id}, nil)
}

// StartHost implements machine.Machine.
func (c client) StartHost(ctx context.Context, h machine.Host) error {
	return c.call(ctx, "StartHost", h, nil)
}

// StopHost implements machine.Machine. The holder kills the host a little before the context's deadline, so that the
// answer is here in time.
func (c client) StopHost(ctx context.Context, id string, force bool) error {
	return c.call(ctx, "StopHost", hostRequest{ID: id, Force: force, Seconds: patience(ctx)}, nil)
}

// RebootHost implements machine.Machine.
func (c client) RebootHost(ctx context.Context, id string) error {
	return c.call(ctx, "RebootHost", hostRequest{ID: id, Seconds: patience(ctx)}, nil)
}

// AttachVolume implements machine.Machine.
func (c client) AttachVolume(ctx context.Context, hostID string, a machine.Attachment) error {
	return c.call(ctx, "AttachVolume", attachRequest{Host: hostID, Attachment: a}, nil)
}

// DetachVolume implements machine.Machine.
func (c client) DetachVolume(ctx context.Context, hostID, volumeID string) error {
	return c.call(ctx, "DetachVolume", detachRequest{Host: hostID, Volume: volumeID}, nil)
}

// Status implements machine.Machine.
func (c client) Status(ctx context.Context) (machine.Status, error) {
	var status machine.Status
	err := c.call(ctx, "Status", struct{}{}, &status)
	return status, err
}

func (c client) hello(ctx context.Context) (hello, error) {
	var answer hello
	err := c.call(ctx, "Hello", struct{}{}, &answer)
	return answer, err
}

// patience returns the whole seconds until a little before the context's deadline, at least 1; 0 without a deadline.
func patience(ctx context.Context) int {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(1, int(time.Until(deadline).Seconds()*0.8))
}

// call asks the holder and decodes its answer, or its error.
func (c client) call(ctx context.Context, method string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", method, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://cage/v1/"+method, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask holder for %s: %w", method, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("wait for holder's %s: %w", method, context.Cause(ctx))
		}
		return errs.Wrap(errs.Unavailable, err, "the sandbox's holder does not answer").
			WithRemedy("Start the sandbox again: slipway sandbox start.").WithRetry()
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var f failure
		if err := json.NewDecoder(response.Body).Decode(&f); err != nil {
			return errs.New(errs.Internal, fmt.Sprintf("the sandbox's holder answers %s with %s", method, response.Status))
		}
		return f.error()
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(out); err != nil {
		return fmt.Errorf("decode holder's %s: %w", method, err)
	}
	return nil
}

// newFailure and error carry an error over the socket with its kind and remedy.
func newFailure(err error) failure {
	f := failure{Kind: errs.KindOf(err).String(), Message: err.Error(), Retry: errs.Retryable(err)}
	if remedies := errs.Remedies(err); len(remedies) > 0 {
		f.Remedy = remedies[0]
	}
	return f
}

func (f failure) error() error {
	err := &errs.Error{Kind: errs.Internal, Cause: errors.New(f.Message), Remedy: f.Remedy, Retryable: f.Retry}
	for _, kind := range errs.Kinds() {
		if kind.String() == f.Kind {
			err.Kind = kind
		}
	}
	return err
}
