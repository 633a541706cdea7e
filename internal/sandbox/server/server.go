package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// maxBody is the size of the largest request taken: far above what any action of the sandbox needs.
const maxBody = 4 << 20

// Auth says who a caller is and what he may do.
type Auth interface {
	// Identify returns the caller and the secret of an access key; unknown keys, wrong session tokens and expired
	// credentials are refused in the dialect's words.
	Identify(accessKey, sessionToken string, d *awswire.Dialect) (awswire.Identity, string, error)
	// Authorize refuses, in the dialect's words, what the caller's policies do not allow.
	Authorize(who awswire.Identity, region string, wanted []awswire.Access, d *awswire.Dialect) error
}

// Deps are what a Server stands on.
type Deps struct {
	Auth     Auth
	Services []*awswire.Service
	Settings *settings.Settings
	Logger   *slog.Logger
	Faults   Faults // nil for none
}

// Faults lets tests and drills interfere with calls.
type Faults interface {
	// Before is asked before the action runs; an error is the answer instead.
	Before(ctx context.Context, c Call) error
	// After is told when the action has run, with its error; false loses the answer: the connection is cut.
	After(ctx context.Context, c Call, err error) bool
}

// Server answers the AWS API.
type Server struct {
	deps     Deps
	services map[string]*awswire.Service
	calls    ledger
}

// New returns a server of the services.
func New(deps Deps) *Server {
	s := &Server{deps: deps, services: map[string]*awswire.Service{}}
	for _, service := range deps.Services {
		s.services[service.Name] = service
	}
	return s
}

// Calls returns how often the API was called since the start or the last reset.
func (s *Server) Calls() Counts { return s.calls.get() }

// ResetCalls begins to count anew.
func (s *Server) ResetCalls() { s.calls.reset() }

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := awswire.NewRequestID()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the request is too large or was cut", http.StatusRequestEntityTooLarge)
		return
	}
	service := s.guess(r, body)
	answer, err := s.call(r, body, id, &service)
	if errors.Is(err, errLoseReply) {
		panic(http.ErrAbortHandler) // net/http's way to cut the connection
	}
	if err != nil {
		answer = awswire.RenderError(service, id, err)
		s.logRefusal(r.Context(), service, id, err)
	}
	w.Header().Set("Content-Type", answer.ContentType)
	w.Header().Set("X-Amzn-Requestid", id)
	w.WriteHeader(answer.Status)
	if _, err := w.Write(answer.Body); err != nil {
		s.deps.Logger.Debug("failed to write answer", "request_id", id, "err", err)
	}
}

// errLoseReply says that the call was made but that nobody shall hear of it.
var errLoseReply = errors.New("the reply is lost")

// call does everything between reading a request and writing its answer. It sets *service once the signature names it.
func (s *Server) call(r *http.Request, body []byte, id string, service **awswire.Service) (awswire.Response, error) {
	sig, err := awswire.ParseSignature(r)
	dialect := awswire.DialectOf((*service).Protocol)
	if errors.Is(err, awswire.ErrNotSigned) {
		return awswire.Response{}, dialect.MissingAuth.Errorf("Request is missing Authentication Token")
	}
	if err != nil {
		return awswire.Response{}, dialect.MalformedAuth.Errorf("%v", err)
	}
	named, ok := s.services[sig.Service]
	if !ok {
		return awswire.Response{}, awswire.Errorf(dialect.InvalidAction, 404, "The sandbox has no service '%s'; it has %s",
			sig.Service, strings.Join(slices.Sorted(maps.Keys(s.services)), ", "))
	}
	*service, dialect = named, awswire.DialectOf(named.Protocol)
	who, err := s.identify(r, body, sig, dialect)
	if err != nil {
		return awswire.Response{}, err
	}
	request, action, err := parse(named, r, body)
	if err != nil {
		return awswire.Response{}, err
	}
	request.ID, request.Identity, request.Region = id, who, sig.Region
	request.Authorize = func(wanted []awswire.Access) error {
		return s.deps.Auth.Authorize(who, sig.Region, wanted, dialect)
	}
	result, err := s.perform(r.Context(), request, action)
	if err != nil {
		return awswire.Response{}, err
	}
	return awswire.RenderResult(named, action.Name, id, result)
}

// perform counts the call and runs the action, unless the rate limit or a fault stands before it.
func (s *Server) perform(ctx context.Context, r *awswire.Request, action awswire.Action) (any, error) {
	c := Call{
		Service: r.Service.Name, Action: action.Name, Region: r.Region, Identity: r.Identity.ARN,
		Mutating: action.Mutates && !r.DryRun(),
	}
	c.Number = s.calls.enter(c)
	if !s.deps.Settings.Admit() {
		return nil, awswire.DialectOf(r.Service.Protocol).Throttled.Errorf("Request limit exceeded.")
	}
	if s.deps.Faults != nil {
		if err := s.deps.Faults.Before(ctx, c); err != nil {
			return nil, err
		}
	}
	result, err := action.Handle(ctx, r)
	if s.deps.Faults != nil && !s.deps.Faults.After(ctx, c, err) {
		return nil, errLoseReply
	}
	if c.Mutating && err == nil && !s.deps.Settings.KeepReply() {
		return nil, errLoseReply
	}
	return result, err
}

// maxSkew is how far the clocks of client and server may be apart.
const maxSkew = 5 * time.Minute

// identify checks the signature and returns who made it.
func (s *Server) identify(r *http.Request, body []byte, sig awswire.Signature, d *awswire.Dialect) (awswire.Identity, error) {
	who, secret, err := s.deps.Auth.Identify(sig.AccessKey, r.Header.Get("X-Amz-Security-Token"), d)
	if err != nil {
		return awswire.Identity{}, err
	}
	if !sig.Matches(r, body, secret) {
		return awswire.Identity{}, d.BadSignature.Errorf("%s", badSignatureText(d))
	}
	if skew := time.Since(sig.Time); skew.Abs() > maxSkew {
		return awswire.Identity{}, d.SkewedClock.Errorf("Signature expired: %s is not within %s of %s",
			sig.Time.Format(time.RFC3339), maxSkew, time.Now().UTC().Format(time.RFC3339))
	}
	if !slices.Contains(state.RegionNames(), sig.Region) {
		return awswire.Identity{}, d.BadSignature.Errorf("Credential should be scoped to a valid region, not '%s'; the sandbox has %s",
			sig.Region, strings.Join(state.RegionNames(), ", "))
	}
	return who, nil
}

func badSignatureText(d *awswire.Dialect) string {
	if d.BadSignature == d.UnknownKey { // EC2 does not say which of the two it was
		return "AWS was not able to validate the provided access credentials"
	}
	return "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method."
}

// parse reads action and parameters.
func parse(service *awswire.Service, r *http.Request, body []byte) (*awswire.Request, awswire.Action, error) {
	d := awswire.DialectOf(service.Protocol)
	var name string
	var params *awswire.Params
	if service.Protocol == awswire.JSON11 {
		var ok bool
		if name, ok = strings.CutPrefix(r.Header.Get("X-Amz-Target"), service.Target+"."); !ok {
			return nil, awswire.Action{}, awswire.Errorf(d.InvalidAction, 400, "The header X-Amz-Target must be %s.<action>", service.Target)
		}
		var err error
		if params, err = awswire.ParseJSON(body); err != nil {
			return nil, awswire.Action{}, awswire.Errorf("SerializationException", 400, "%v", err)
		}
	} else {
		form, err := formOf(r, body)
		if err != nil {
			return nil, awswire.Action{}, awswire.Errorf("MalformedQueryString", 400, "%v", err)
		}
		if v := form.Get("Version"); v != "" && v != service.Version {
			return nil, awswire.Action{}, awswire.Errorf(d.InvalidAction, 400, "Could not find version %s of the service; it has %s", v, service.Version)
		}
		name, params = form.Get("Action"), awswire.ParseQuery(form)
	}
	action, ok := service.Actions[name]
	if !ok {
		return nil, awswire.Action{}, awswire.Errorf(d.InvalidAction, 400, "The action %s is not valid for this web service.", name)
	}
	return &awswire.Request{Service: service, Action: name, Params: params}, action, nil
}

// formOf returns the parameters of a query request, from its URL and its body.
func formOf(r *http.Request, body []byte) (url.Values, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("read form: %w", err)
	}
	for key, values := range r.URL.Query() {
		form[key] = append(form[key], values...)
	}
	return form, nil
}

// guess finds the service whose words to refuse in before the signature says which service is meant.
func (s *Server) guess(r *http.Request, body []byte) *awswire.Service {
	target, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	form, _ := formOf(r, body) // of no form, nil
	for _, service := range s.deps.Services {
		if target != "" && service.Target == target || target == "" && service.Version == form.Get("Version") {
			return service
		}
	}
	return &awswire.Service{Name: "unknown", Protocol: awswire.AWSQuery}
}

func (s *Server) logRefusal(ctx context.Context, service *awswire.Service, id string, err error) {
	if awswire.CodeOf(err) == "" {
		s.deps.Logger.ErrorContext(ctx, "failed to answer call", "service", service.Name, "request_id", id, "err", err)
		return
	}
	s.deps.Logger.DebugContext(ctx, "refused call", "service", service.Name, "request_id", id, "err", err)
}
