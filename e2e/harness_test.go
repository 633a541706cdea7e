//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// binary is the built slipway, made once by TestMain.
var binary string

// world is one sandbox with its own directories, port and address range, and the environment that leads clients to it.
type world struct {
	dir    string   // state, run directory and documents
	listen string   // of the AWS API
	env    []string // of every command
	cloud  []string // what points AWS's own tools at the sandbox
}

// result is how a command ended.
type result struct {
	args   []string
	stdout string
	stderr string
	code   int
	took   time.Duration
}

func newWorld(t *testing.T, listen string) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "slipway-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kept for inspection: %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove %s: %v", dir, err)
		}
	})
	w := &world{dir: dir, listen: listen}
	w.env = append(os.Environ(),
		"SLIPWAY_SANDBOX_STATE_DIR="+filepath.Join(dir, "state"),
		"SLIPWAY_SANDBOX_RUN_DIR="+filepath.Join(dir, "run"),
		"SLIPWAY_SANDBOX_LISTEN="+listen,
		"XDG_DATA_HOME="+filepath.Join(dir, "data"),
		"HOME="+dir,
		"NO_COLOR=1",
	)
	return w
}

// run runs slipway with a limit of 15 minutes and never fails the test by itself.
func (w *world) run(t *testing.T, args ...string) result {
	t.Helper()
	return w.command(t, "", binary, args...)
}

// must runs slipway and fails the test unless it ends with exit code 0.
func (w *world) must(t *testing.T, args ...string) result {
	t.Helper()
	return w.want(t, 0, args...)
}

// want runs slipway and fails the test unless it ends with the exit code.
func (w *world) want(t *testing.T, code int, args ...string) result {
	t.Helper()
	r := w.run(t, args...)
	if r.code != code {
		t.Fatalf("%s", r.failure(code))
	}
	return r
}

func (w *world) command(t *testing.T, stdin, name string, args ...string) result {
	t.Helper()
	// Cleanups run commands too, when the test's own context has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env, cmd.Dir = w.env, w.dir
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	r := result{args: append([]string{filepath.Base(name)}, args...), stdout: stdout.String(), stderr: stderr.String(), took: time.Since(start)}
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		r.code = exit.ExitCode()
	default:
		t.Fatalf("%s: %v", strings.Join(r.args, " "), err)
	}
	t.Logf("%s: exit %d after %s", strings.Join(r.args, " "), r.code, r.took.Round(10*time.Millisecond))
	return r
}

// aws runs the stock AWS CLI against the sandbox and decodes what it prints into into, if that is not nil.
func (w *world) aws(t *testing.T, into any, args ...string) result {
	t.Helper()
	cli := *w
	cli.env = append(cli.env, w.cloudEnv(t)...)
	// Debian 12's awscli is older than AWS_ENDPOINT_URL.
	r := cli.command(t, "", "/usr/bin/aws", append(args, "--output", "json", "--endpoint-url", "http://"+w.listen)...)
	if into != nil {
		if r.code != 0 {
			t.Fatalf("%s", r.failure(0))
		}
		decode(t, r.stdout, into)
	}
	return r
}

// cloudEnv returns the variables that point AWS's own tools at the sandbox, asked of it once.
func (w *world) cloudEnv(t *testing.T) []string {
	t.Helper()
	if w.cloud == nil {
		for line := range strings.Lines(w.must(t, "sandbox", "env").stdout) {
			name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
			w.cloud = append(w.cloud, name+"="+strings.Trim(value, "'"))
		}
	}
	return w.cloud
}

// write writes a file of the world's directory and returns its path.
func (w *world) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func (r result) failure(want int) string {
	return fmt.Sprintf("%s: exit %d after %s, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(r.args, " "), r.code, r.took.Round(time.Millisecond), want, r.stdout, r.stderr)
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("decode: %v\n%s", err, text)
	}
}

// within asks again until ok says yes, and fails the test when the time is over. It is for what takes its time in the
// real world (a host that boots), never for what should hold at once.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	again := time.NewTicker(time.Second)
	defer again.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s", limit, what)
		case <-again.C:
		}
	}
}
