package main

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/server"
	"github.com/slipway-project/slipway/internal/sandbox/settings"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// clouds gives each script that asks for one an AWS account of its own.
type clouds struct{ t *testing.T }

// command is the script command cloud:
//
//	cloud start               an account, and the variables that point AWS's tools at it
//	cloud fail CODE [ACTION]  answer every call, or those of the action, with the error code
//	cloud heal                answer calls again
//	cloud slow                changes take a fiftieth of the time that they take on AWS
//	cloud await ACTION        until the action was called
//	cloud untouched           no call has changed anything since the start or cloud forget
//	cloud forget              forget the calls so far
//	cloud empty               the account holds nothing
func (c clouds) command(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: cloud start|fail|heal|slow|await|forget|untouched|empty")
	}
	if args[0] == "start" {
		c.start(ts)
		return
	}
	account := accountOf(ts).cloud
	if account == nil {
		ts.Fatalf("cloud start comes first")
	}
	switch args[0] {
	case "fail":
		account.Interfere(failing(args[1:]))
	case "heal":
		account.Interfere(nil)
	case "slow":
		ts.Check(account.Settings.Set(settings.Values{Latency: settings.AWS, Scale: 0.02}))
	case "await":
		await(ts, account, args[1])
	case "untouched":
		if calls := account.Mutating(); len(calls) > 0 {
			ts.Fatalf("calls changed something: %v", calls)
		}
	case "forget":
		account.ForgetCalls()
	case "empty":
		if diff := cmp.Diff([]string(nil), account.Resources()); diff != "" {
			ts.Fatalf("the account holds something (-want +got):\n%s", diff)
		}
	default:
		ts.Fatalf("unknown: cloud %s", args[0])
	}
}

// accountKey is where a script's account is kept.
type accountKey struct{}

// account is a script's place for its cloud; nil until it is started.
type account struct{ cloud *cloud.Cloud }

func accountOf(ts *testscript.TestScript) *account {
	a, ok := ts.Value(accountKey{}).(*account)
	if !ok {
		ts.Fatalf("the script has no place for an account")
	}
	return a
}

func (c clouds) start(ts *testscript.TestScript) {
	account := cloud.Start(c.t, cloud.Options{})
	accountOf(ts).cloud = account
	ts.Setenv("AWS_ENDPOINT_URL", account.Serve(c.t))
	ts.Setenv("AWS_ACCESS_KEY_ID", account.Root.ID)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", account.Root.Secret)
}

// await returns when the action was called, before or from now on.
func await(ts *testscript.TestScript, account *cloud.Cloud, action string) {
	called := make(chan struct{})
	var once sync.Once
	note := func() { once.Do(func() { close(called) }) }
	account.Interfere(func(call server.Call, _ int) cloud.Fault {
		if call.Action == action {
			note()
		}
		return cloud.Fault{}
	})
	if slices.ContainsFunc(account.Calls(), func(call server.Call) bool { return call.Action == action }) {
		note()
	}
	patience := time.NewTimer(time.Minute)
	defer patience.Stop()
	select {
	case <-called:
	case <-patience.C:
		ts.Fatalf("nobody called %s", action)
	}
}

// failing answers calls with an error: CODE for all of them, CODE and ACTION for some.
func failing(args []string) func(server.Call, int) cloud.Fault {
	status := 400
	if strings.Contains(args[0], "Unauthorized") || strings.Contains(args[0], "AccessDenied") {
		status = 403
	}
	return func(call server.Call, _ int) cloud.Fault {
		if len(args) > 1 && !slices.Contains(args[1:], call.Action) {
			return cloud.Fault{}
		}
		return cloud.Fault{Err: awswire.Errorf(args[0], status, "a test answers so")}
	}
}
