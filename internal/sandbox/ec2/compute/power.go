package compute

import (
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/network"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// powerInput names the instances to start, stop, reboot or terminate.
type powerInput struct {
	IDs   []string
	Force bool
}

func decodePower(action string) func(*awswire.Params) powerInput {
	return func(p *awswire.Params) powerInput {
		in := powerInput{IDs: call.RequiredList(p, "InstanceId")}
		if action == "StopInstances" {
			in.Force = p.Bool("Force", false)
			if p.Bool("Hibernate", false) {
				p.Refuse("UnsupportedHibernationConfiguration", "The sandbox does not hibernate instances.")
			}
		}
		return in
	}
}

type xmlStateChange struct {
	ID       string   `xml:"instanceId"`
	Current  xmlState `xml:"currentState"`
	Previous xmlState `xml:"previousState"`
}

// each applies a change to every instance of the input, or to none, and answers with the states before and after.
func each(s *call.Scope, in powerInput, change func(*state.Instance) error) (any, error) {
	var instances []*state.Instance
	for _, id := range in.IDs {
		i, err := call.Find(s.Instances, call.KindInstance, id)
		if err != nil {
			return nil, err
		}
		instances = append(instances, i)
	}
	out := call.Results[xmlStateChange]{Set: "instancesSet"}
	for _, i := range instances {
		before := i.State
		if err := change(i); err != nil {
			return nil, err
		}
		out.Items = append(out.Items, xmlStateChange{i.ID, stateOf(i.State), stateOf(before)})
	}
	return out, nil
}

// wrongState is the refusal of what cannot be done to an instance in its state.
func wrongState(i *state.Instance, what string) error {
	return awswire.Errorf("IncorrectInstanceState", 400, "The instance '%s' is not in a state from which it can be %s: it is %s.", i.ID, what, i.State)
}

func start(s *call.Scope, in powerInput) (any, error) {
	return each(s, in, func(i *state.Instance) error {
		switch i.State {
		case state.InstancePending, state.InstanceRunning:
			return nil
		case state.InstanceStopped:
			return begin(s, i)
		}
		return wrongState(i, "started")
	})
}

// begin makes a new or stopped instance pending.
func begin(s *call.Scope, i *state.Instance) error {
	i.State, i.Reason, i.ReasonCode = state.InstancePending, "", ""
	i.Launched, i.Due = s.Now, s.Now.Add(s.API.Delay(settings.InstanceRun))
	i.ChecksDue = i.Due.Add(s.API.Delay(settings.InstanceStatus))
	i.Booted, i.Reboot, i.ForceStop, i.Impaired = false, false, false, false
	return network.GivePublic(s.Data, s.API.Public, s.NetworkInterfaces[i.Interface])
}

func stop(s *call.Scope, in powerInput) (any, error) {
	return each(s, in, func(i *state.Instance) error {
		switch i.State {
		case state.InstanceStopped:
			return nil
		case state.InstanceStopping:
			i.ForceStop = i.ForceStop || in.Force
			return nil
		case state.InstanceRunning:
			if i.ProtectStop {
				return awswire.Errorf("OperationNotPermitted", 400,
					"The instance '%s' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.", i.ID)
			}
			i.State, i.ForceStop, i.Due = state.InstanceStopping, in.Force, s.Now.Add(s.API.Delay(settings.InstanceStop))
			because(s, i, "User initiated", "Client.UserInitiatedShutdown")
			return nil
		}
		return wrongState(i, "stopped")
	})
}

// because notes why an instance goes down.
func because(s *call.Scope, i *state.Instance, why, code string) {
	i.Reason, i.ReasonCode = why+" ("+s.Now.UTC().Format("2006-01-02 15:04:05 MST")+")", code
}

func reboot(s *call.Scope, in powerInput) (any, error) {
	if _, err := each(s, in, func(i *state.Instance) error {
		if i.State != state.InstanceRunning {
			return wrongState(i, "rebooted")
		}
		i.Reboot = true
		return nil
	}); err != nil {
		return nil, err
	}
	return call.Done()
}

func terminate(s *call.Scope, in powerInput) (any, error) {
	return each(s, in, func(i *state.Instance) error {
		if slices.Contains([]string{state.InstanceShuttingDown, state.InstanceTerminated}, i.State) {
			return nil
		}
		if i.ProtectTerminate {
			return awswire.Errorf("OperationNotPermitted", 400,
				"The instance '%s' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.", i.ID)
		}
		i.State, i.Due = state.InstanceShuttingDown, s.Now.Add(s.API.Delay(settings.InstanceTerminate))
		because(s, i, "User initiated", "Client.UserInitiatedShutdown")
		return nil
	})
}
