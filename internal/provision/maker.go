package provision

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision/awstask"
	"github.com/slipway-project/slipway/internal/provision/graph"
	"github.com/slipway-project/slipway/internal/provision/resource"
	"github.com/slipway-project/slipway/internal/run"
)

// maker makes one resource be as its task says. It is asked again after temporary failures and goes on from what exists.
type maker struct {
	*application
	task  *resource.Task
	have  *resource.Object
	doubt bool // a change may have been carried out although its answer was lost, or has met what is there already
	made  bool
}

func (m *maker) do(ctx context.Context, _ func(string)) (string, error) {
	if m.doubt {
		if err := m.look(ctx); err != nil {
			return "", err
		}
	}
	if m.have == nil {
		o, err := m.create(ctx)
		if err != nil {
			return "", err
		}
		m.have, m.made = &o, true
		m.note(o)
	}
	m.world.Put(*m.have)
	changes, action := resource.Changes(m.task, *m.have, m.world)
	switch {
	case len(changes) == 0:
	case action == resource.Refused:
		return "", errs.New(errs.Conflict, m.task.Key.String()+" differs in what cannot be changed").WithRemedy("run slipway plan")
	case action == resource.Recast:
		return "", errs.New(errs.Conflict, m.task.Key.String()+" is to be made anew").WithRemedy("run the command again")
	default:
		if err := m.task.Update(ctx, m.world, *m.have, changes); err != nil {
			m.doubt = true
			if awsapi.Ambiguous(err) || exists(err) {
				return "", retryable(awsapi.Classify(err))
			}
			return "", awstask.Settle(err)
		}
	}
	if m.made {
		return "created " + m.have.ID, nil
	}
	return summary(changes), nil
}

func (m *maker) ready(ctx context.Context, note func(string)) (string, error) {
	have, _ := m.world.Get(m.task.Key)
	if err := m.task.Ready(ctx, m.world, have, note); err != nil {
		return "", awsapi.Classify(err)
	}
	return have.ID + " is ready", nil
}

// create makes the resource, or adopts what a call made whose answer was lost.
func (m *maker) create(ctx context.Context) (resource.Object, error) {
	o, err := m.task.Create(ctx, m.world)
	if err == nil {
		return o, nil
	}
	switch {
	case exists(err):
		o, found, missing := m.await(ctx, time.Now().Add(m.window))
		if !found && missing == nil {
			missing = conflict(m.task.Key, awsapi.Classify(err))
		}
		return o, missing
	case awsapi.Ambiguous(err) && !m.task.Repeatable:
		if o, found, err := m.await(ctx, time.Now().Add(m.window)); found || err != nil {
			return o, err
		}
		return o, retryable(awsapi.Classify(err))
	case awsapi.Ambiguous(err):
		return o, retryable(awsapi.Classify(err))
	}
	return o, awstask.Settle(err)
}

// exists reports whether AWS refused to make a thing because it is there.
func exists(err error) bool {
	code := awsapi.Code(err)
	return strings.Contains(code, "Duplicate") || strings.HasSuffix(code, "AlreadyExists") || strings.HasSuffix(code, ".Conflict") ||
		code == "Resource.AlreadyAssociated" || code == "RouteAlreadyExists"
}

// await looks for the resource until the deadline.
func (m *maker) await(ctx context.Context, until time.Time) (resource.Object, bool, error) {
	began := time.Now()
	for {
		o, found, err := m.find(ctx, "")
		if found || err != nil {
			return o, found, err
		}
		left := time.Until(until)
		if left <= 0 {
			return o, false, nil
		}
		if err := run.Wait(ctx, min(left, graph.Pace{}.Next(time.Since(began)))); err != nil {
			return o, false, err
		}
	}
}

// look sees what the resource is now; one that has vanished is made anew.
func (m *maker) look(ctx context.Context) error {
	id := ""
	if m.have != nil {
		id = m.have.ID
	}
	o, found, err := m.find(ctx, id)
	if err != nil {
		return err
	}
	m.doubt, m.have = false, nil
	if found {
		m.have = &o
	}
	return nil
}

// find finds the resource among what exists now: the one with the ID, or any where the ID is empty.
func (m *maker) find(ctx context.Context, id string) (resource.Object, bool, error) {
	kind := m.task.Key.Kind()
	for _, f := range m.plan.cloud.Finders() {
		if !slices.Contains(f.Kinds, kind) {
			continue
		}
		objects, err := f.Find(ctx)
		if err != nil {
			return resource.Object{}, false, awsapi.Classify(err)
		}
		for _, o := range objects {
			if o.Key == m.task.Key && (id == "" || o.ID == id) {
				return o.Named(m.world.NameOf), true, nil
			}
		}
	}
	return resource.Object{}, false, nil
}
