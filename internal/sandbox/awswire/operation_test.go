package awswire

import (
	"context"
	"errors"
	"testing"
)

// call runs an action with one required and one unread-unless-known parameter, and reports whether it acted.
func call(t *testing.T, protocol Protocol, text string, authorize func([]Access) error) (acted bool, err error) {
	t.Helper()
	action := Operation[string]{
		Name: "Make", Mutates: true,
		Decode: func(p *Params) string { p.String("ClientToken"); return p.Required("Name") },
		Access: func(_ *Request, name string) []Access {
			return []Access{{Resource: "arn:thing/" + name}, {Action: "iam:PassRole"}}
		},
		Handle: func(context.Context, *Request, string) (any, error) { acted = true; return nil, nil },
	}.Action()
	service := &Service{Name: "ec2", Protocol: protocol, Actions: Table(action)}
	_, err = service.Actions["Make"].Handle(t.Context(), &Request{Service: service, Action: "Make", Params: query(t, text), Authorize: authorize})
	return acted, err
}

// TestNothingActsBeforeEverythingWasChecked: the order of a call is decode, refuse, authorise, dry run, act.
func TestNothingActsBeforeEverythingWasChecked(t *testing.T) {
	t.Parallel()
	deny := func([]Access) error { return Errorf("Denied", 403, "no") }
	for name, test := range map[string]struct {
		protocol  Protocol
		query     string
		authorize func([]Access) error
		code      string
		acts      bool
	}{
		"fine":                      {EC2Query, "Name=a", nil, "", true},
		"unknown parameter":         {EC2Query, "Name=a&Colour=red", nil, "UnknownParameter", false},
		"unknown before denied":     {EC2Query, "Name=a&Colour=red", deny, "UnknownParameter", false},
		"missing":                   {AWSQuery, "", nil, "ValidationError", false},
		"denied":                    {EC2Query, "Name=a", deny, "Denied", false},
		"denied before dry run":     {EC2Query, "Name=a&DryRun=true", deny, "Denied", false},
		"dry run":                   {EC2Query, "Name=a&DryRun=true", nil, "DryRunOperation", false},
		"no dry run":                {EC2Query, "Name=a&DryRun=false", nil, "", true},
		"dry run is EC2's only":     {AWSQuery, "Name=a&DryRun=true", nil, "ValidationError", false},
		"dry run that is no answer": {EC2Query, "Name=a&DryRun=perhaps", nil, "InvalidParameterValue", false},
	} {
		acted, err := call(t, test.protocol, test.query, test.authorize)
		if acted != test.acts || CodeOf(err) != test.code {
			t.Errorf("%s: acted %v, error %v", name, acted, err)
		}
	}
}

func TestAccessNamesTheAction(t *testing.T) {
	t.Parallel()
	var wanted []Access
	_, err := call(t, EC2Query, "Name=a", func(all []Access) error { wanted = all; return errors.New("stop") })
	if err == nil || len(wanted) != 2 || wanted[0].Action != "ec2:Make" || wanted[0].Resource != "arn:thing/a" || wanted[1].Action != "iam:PassRole" {
		t.Errorf("asked for %+v (%v)", wanted, err)
	}
}

func TestTableRefusesTwins(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("two actions of one name were taken")
		}
	}()
	Table(Action{Name: "A"}, Action{Name: "A"})
}
