package ec2

import (
	"strconv"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
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
	Status  string                 `xml:"status"`
	Details items[xmlReachability] `xml:"details"`
}

type xmlReachability struct {
	Name   string        `xml:"name"`
	Status string        `xml:"status"`
	Since  *awswire.Time `xml:"impairedSince"`
}

// checks returns the results of an instance's two status checks: of the system below it, which fails with its hardware,
// and of the instance, which fails too when its network does not answer.
func (s *scope) checks(i *state.Instance) (system, instance xmlCheck) {
	status, detail := "ok", "passed"
	switch {
	case i.State != state.InstanceRunning:
		return xmlCheck{Status: "not-applicable"}, xmlCheck{Status: "not-applicable"}
	case s.now.Before(i.ChecksDue):
		status, detail = "initializing", "initializing"
	}
	one := func(failed bool) xmlCheck {
		if failed {
			since := awswire.At(i.ImpairedSince.Truncate(time.Minute))
			return xmlCheck{"impaired", items[xmlReachability]{[]xmlReachability{{"reachability", "failed", &since}}}}
		}
		return xmlCheck{status, items[xmlReachability]{[]xmlReachability{{Name: "reachability", Status: detail}}}}
	}
	return one(i.Impaired), one(i.Impaired || i.Drill == state.DrillCut)
}

var statusListing = listing[state.Instance, xmlInstanceStatus]{ //nolint:gochecknoglobals // a constant table
	action: "DescribeInstanceStatus", set: "instanceStatusSet", ids: "InstanceId", kind: kindInstance,
	all: func(s *scope) []*state.Instance { return sorted(s.Instances) }, key: instanceID, tags: tagsOf(instanceID),
	fields: map[string]func(row[state.Instance]) []string{
		"instance-state-name": text(func(r row[state.Instance]) string { return r.it.State }),
		"instance-state-code": text(func(r row[state.Instance]) string { return stateText(r.it.State) }),
		"availability-zone":   text(func(r row[state.Instance]) string { return r.it.Zone }),
		"system-status.status": text(func(r row[state.Instance]) string {
			system, _ := r.checks(r.it)
			return system.Status
		}),
		"instance-status.status": text(func(r row[state.Instance]) string {
			_, instance := r.checks(r.it)
			return instance.Status
		}),
	},
	narrow: func(p *awswire.Params) func(row[state.Instance]) bool {
		all := p.Bool("IncludeAllInstances", false)
		return func(r row[state.Instance]) bool { return all || r.it.State == state.InstanceRunning }
	},
	render: func(r row[state.Instance]) xmlInstanceStatus {
		x := xmlInstanceStatus{ID: r.it.ID, Zone: r.it.Zone, State: stateOf(r.it.State)}
		x.System, x.Instance = r.checks(r.it)
		return x
	},
}
