package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/run"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// control is the daemon's own API, for root on this machine only: the socket's directory keeps others out.
func (d *daemon) control() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /status", d.handle(func(r *http.Request) (any, error) { return d.status(r.Context()) }))
	mux.Handle("POST /stop", d.handle(func(r *http.Request) (any, error) {
		d.stop()
		select {
		case <-d.stopped:
			return struct{}{}, d.stopErr
		case <-r.Context().Done(): // the machine was not started yet, so nothing of it ends
			return nil, r.Context().Err()
		}
	}))
	mux.Handle("PUT /settings", d.handle(func(r *http.Request) (any, error) {
		var v settings.Values
		if err := read(r, &v); err != nil {
			return nil, err
		}
		if err := d.settings.Set(v); err != nil {
			return nil, err
		}
		return v, d.remember(func(m *memo) { m.Settings = v })
	}))
	mux.Handle("POST /drill", d.handle(func(r *http.Request) (any, error) {
		var q drillRequest
		if err := read(r, &q); err != nil {
			return nil, err
		}
		return struct{}{}, d.drill(q)
	}))
	mux.Handle("DELETE /calls", d.handle(func(*http.Request) (any, error) {
		if err := d.needSandbox(); err != nil {
			return nil, err
		}
		d.sandbox.ResetCalls()
		return struct{}{}, nil
	}))
	return mux
}

// handle writes what do returns, or its error as a failure.
func (d *daemon) handle(do func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		result, err := do(r)
		if err != nil {
			status, result = http.StatusInternalServerError, failureOf(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(result); err != nil {
			d.deps.Logger.Debug("failed to write control answer", "err", err)
		}
	})
}

func read(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return errs.Wrap(errs.Invalid, err, "read request")
	}
	return nil
}

func failureOf(err error) failure {
	return failure{Kind: errs.KindOf(err).String(), Message: err.Error(), Remedies: errs.Remedies(err)}
}

// err returns the failure as an error again.
func (f failure) err() error {
	for _, k := range errs.Kinds() {
		if k.String() == f.Kind {
			return errs.New(k, f.Message).WithRemedy(strings.Join(f.Remedies, " "))
		}
	}
	return errs.New(errs.Internal, f.Message)
}

// needSandbox refuses what needs the cloud while it is being started: the control API is the first to answer.
func (d *daemon) needSandbox() error {
	for _, h := range d.group.Health() {
		if h.Task == "lifeline" && h.State == run.StateReady {
			return nil
		}
	}
	return errs.New(errs.Unavailable, "the sandbox is being started or stopped").WithRetry()
}

// status says what runs.
func (d *daemon) status(ctx context.Context) (*Status, error) {
	if err := d.needSandbox(); err != nil {
		return nil, err
	}
	s := &Status{
		PID: os.Getpid(), Started: d.started.UTC(), Endpoint: d.endpoint, StateDir: d.cfg.StateDir, RunDir: d.cfg.RunDir,
		Credentials: d.cfg.credentialsFile(), Regions: state.RegionNames(), PublicRange: d.machine.PublicRange(),
		Settings: d.settings.Get(), Calls: d.sandbox.Calls(), Instances: []Instance{}, Tasks: d.group.Health(),
	}
	running := map[string]bool{}
	hosts, err := d.machine.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask for hosts: %w", err)
	}
	for _, h := range hosts.Hosts {
		running[h.ID] = h.Running
	}
	err = d.store.View(func(data *state.Data) error {
		s.Resources = len(data.Resources())
		for _, name := range state.RegionNames() {
			e := &data.Region(name).EC2
			for _, i := range e.Instances {
				if i.State != state.InstanceTerminated {
					s.Instances = append(s.Instances, instanceOf(name, e, i, running[i.ID]))
				}
			}
		}
		return nil
	})
	slices.SortFunc(s.Instances, func(a, b Instance) int { return strings.Compare(a.ID, b.ID) })
	return s, err
}

func instanceOf(region string, e *state.EC2, i *state.Instance, host bool) Instance {
	shown := Instance{ID: i.ID, Name: e.Tags[i.ID]["Name"], Region: region, Zone: i.Zone, State: i.State, Drill: i.Drill, Host: host}
	if eni := e.NetworkInterfaces[i.Interface]; eni != nil {
		shown.PublicIP = eni.PublicIP
	}
	return shown
}

// drills are the marks that the drills put on an instance; the reconciler does the rest.
var drills = map[Drill]string{ //nolint:gochecknoglobals // a constant table
	DrillKill: state.DrillDead, DrillCut: state.DrillCut, DrillHeal: state.DrillNone,
}

func (d *daemon) drill(q drillRequest) error {
	mark, ok := drills[q.Drill]
	if !ok {
		return errs.New(errs.Invalid, fmt.Sprintf("unknown drill %q: must be kill, cut or heal", q.Drill))
	}
	return d.store.Update(func(data *state.Data) error {
		for _, name := range state.RegionNames() {
			i := data.Region(name).EC2.Instances[q.Instance]
			if i == nil {
				continue
			}
			return markInstance(i, mark)
		}
		return errs.New(errs.NotFound, fmt.Sprintf("the sandbox has no instance %q", q.Instance)).
			WithRemedy("`slipway sandbox status -o json` lists them.")
	})
}

func markInstance(i *state.Instance, mark string) error {
	switch {
	case mark != state.DrillNone && i.State != state.InstanceRunning:
		return errs.New(errs.Conflict, fmt.Sprintf("the instance %s is %s, not running", i.ID, i.State))
	case mark == state.DrillNone && i.Drill == state.DrillDead:
		return errs.New(errs.Conflict, fmt.Sprintf("the instance %s has no power: healing connects to the network only", i.ID)).
			WithRemedy("`slipway up` repairs it, or stop and start it through the API.")
	}
	i.Drill = mark
	return nil
}
