//go:build bench

package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// meter, set in the environment, makes this program run its arguments as a command and write what that took to the file.
const meter = "SLIPWAY_BENCH_METER"

// usage is what a process took.
type usage struct {
	Wall   time.Duration
	CPU    time.Duration // user and system
	Memory int64         // bytes, the most that was resident
	Own    int64         // bytes, the meter's own
	Code   int
}

// TestMain is the meter where it is asked to be one: Linux gives a child the peak of the process that it was forked from,
// and the meter is smaller than any command, where the benchmark itself, which holds the cloud, is not.
func TestMain(m *testing.M) {
	path := os.Getenv(meter)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := measure(path, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(path string, args []string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	began := time.Now()
	err := cmd.Run()
	wall := time.Since(began)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	own, err := ownPeak()
	if err != nil {
		return err
	}
	child, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("this system does not tell what a process used")
	}
	text, err := json.Marshal(usage{
		Wall: wall, CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		Memory: child.Maxrss << 10, Own: own, Code: cmd.ProcessState.ExitCode(),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// ownPeak returns the most that was resident of this process. Its rusage would tell of the one that it was forked from.
func ownPeak() (int64, error) {
	for line := range strings.Lines(read("/proc/self/status")) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("/proc/self/status has no VmHWM")
}

// operator runs commands of the built binary in a folder of its own.
type operator struct {
	binary string
	dir    string
	env    []string
}

// build makes the binary as a release is made, and returns its path.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "slipway")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", binary, "../../cmd/slipway")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// run runs a command and returns what it took, its standard output and its log.
func (o operator) run(t *testing.T, args ...string) (used usage, stdout, log []byte) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(o.dir, "usage.json")
	var out, fault bytes.Buffer
	cmd := exec.CommandContext(t.Context(), self, append([]string{o.binary}, args...)...)
	cmd.Dir, cmd.Env = o.dir, append(o.env, meter+"="+file)
	cmd.Stdout, cmd.Stderr = &out, &fault
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, fault.Bytes())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &used); err != nil {
		t.Fatal(err)
	}
	if used.Code != 0 {
		t.Fatalf("slipway %v ended with exit code %d\n%s", args, used.Code, fault.Bytes())
	}
	if used.Memory <= used.Own {
		t.Fatalf("slipway %v used %d bytes, no more than its meter: the figure tells nothing", args, used.Memory)
	}
	return used, out.Bytes(), fault.Bytes()
}
