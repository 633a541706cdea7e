package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"slipway": main})
}

// TestScripts runs the real program, each script in a folder of its own, with no sandbox, no credentials and no home
// but the script's.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[accountKey{}] = &account{}
			for name, value := range map[string]string{
				"HOME":                        env.WorkDir,
				"XDG_DATA_HOME":               filepath.Join(env.WorkDir, "data"),
				"AWS_CONFIG_FILE":             filepath.Join(env.WorkDir, "no-aws-config"),
				"AWS_EC2_METADATA_DISABLED":   "true",
				"AWS_REGION":                  "us-east-1",
				"SLIPWAY_SANDBOX_STATE_DIR":   filepath.Join(env.WorkDir, "sandbox"),
				"SLIPWAY_SANDBOX_RUN_DIR":     filepath.Join(env.WorkDir, "run"),
				"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(env.WorkDir, "no-aws-credentials"),
			} {
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "cloud": clouds{t}.command},
	})
}

// exits runs a command and wants its exit code: exits 3 slipway validate. Its output is there for stdout and stderr.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGS...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%v ended with exit code %d, want %d", args[1:], got, want)
	}
}
