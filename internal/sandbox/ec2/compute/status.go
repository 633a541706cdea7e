package compute

import (
	"strconv"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

func stateText(name string) string { return strconv.Itoa(stateCodes[name]) }

type xmlInstanceStatus struct {
	ID       string   `xml:"instanceId"`
	Zone     string   `xml:"availabilityZone"`
	Events   struct{} `xml:"eventsSet"`
	State    xmlState `xml:"instanceState"`
	System   xmlCheck `xml:"systemStatus"`
	Instance xmlCheck `xml:"instanceStatus"`
}

type xmlCheck struct {
	Status  string                      `xml:"status"`
	Details call.Items[xmlReachability] `xml:"details"`
}

type xmlReachability struct {
	Name   string        `xml:"name"`
	Status string        `xml:"status"`
	Since  *awswire.Time `xml:"impairedSince"`
}

// checks returns the results of an instance's two status checks: of the system below it, which fails with its hardware,
// and of the instance, which fails too when its network does not answer.
func checks(s *call.Scope, i *state.Instance) (system, instance xmlCheck) {
	status, detail := "ok", "passed"
	switch {
	case i.State != state.InstanceRunning:
		return xmlCheck{Status: "not-applicable"}, xmlCheck{Status: "not-applicable"}
	case s.Now.Before(i.ChecksDue):
		status, detail = "initializing", "initializing"
	}
	one := func(failed bool) xmlCheck {
		if failed {
			since := awswire.At(i.ImpairedSince.Truncate(time.Minute))
			return xmlCheck{"impaired", call.List(xmlReachability{"reachability", "failed", &since})}
		}
		return xmlCheck{status, call.List(xmlReachability{Name: "reachability", Status: detail})}
	}
	return one(i.Impaired), one(i.Impaired || i.Drill == state.DrillCut)
}

var statusListing = call.Listing[state.Instance, xmlInstanceStatus]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeInstanceStatus", Set: "instanceStatusSet", IDs: "InstanceId", Kind: call.KindInstance,
	All: func(s *call.Scope) []*state.Instance { return call.Sorted(s.Instances) }, Key: instanceID, Tags: call.TagsOf(instanceID),
	Fields: call.Fields[state.Instance]{
		"instance-state-name": call.Of(func(i *state.Instance) string { return i.State }),
		"instance-state-code": call.Of(func(i *state.Instance) string { return stateText(i.State) }),
		"availability-zone":   call.Of(func(i *state.Instance) string { return i.Zone }),
		"system-status.status": call.Text(func(r call.Row[state.Instance]) string {
			system, _ := checks(r.Scope, r.It)
			return system.Status
		}),
		"instance-status.status": call.Text(func(r call.Row[state.Instance]) string {
			_, instance := checks(r.Scope, r.It)
			return instance.Status
		}),
	},
	Narrow: func(p *awswire.Params) func(call.Row[state.Instance]) bool {
		all := p.Bool("IncludeAllInstances", false)
		return func(r call.Row[state.Instance]) bool { return all || r.It.State == state.InstanceRunning }
	},
	Render: func(r call.Row[state.Instance]) xmlInstanceStatus {
		x := xmlInstanceStatus{ID: r.It.ID, Zone: r.It.Zone, State: stateOf(r.It.State)}
		x.System, x.Instance = checks(r.Scope, r.It)
		return x
	},
}
