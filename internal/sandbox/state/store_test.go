package state_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

func put(name, value string) func(*state.Data) error {
	return func(d *state.Data) error {
		d.Region("us-east-1").SSM.Parameters[name] = &state.Parameter{Name: name, Value: value}
		return nil
	}
}

// values returns the region's parameters.
func values(t *testing.T, s *state.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := s.View(func(d *state.Data) error {
		for name, p := range d.Region("us-east-1").SSM.Parameters {
			all[name] = p.Value
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func mustUpdate(t *testing.T, s *state.Store, change func(*state.Data) error) {
	t.Helper()
	if err := s.Update(change); err != nil {
		t.Fatal(err)
	}
}

func mustOpen(t *testing.T, path string) *state.Store {
	t.Helper()
	s, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReopenedStoreHoldsWhatWasUpdated(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "account.json")
	mustUpdate(t, mustOpen(t, path), put("/a", "1"))
	if diff := cmp.Diff(map[string]string{"/a": "1"}, values(t, mustOpen(t, path))); diff != "" {
		t.Errorf("after reopening (-want +got):\n%s", diff)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file, which holds secrets, has mode %v", info.Mode())
	}
}

func TestFailedUpdateChangesNothing(t *testing.T) {
	t.Parallel()
	failure := errors.New("no")
	for name, fail := range map[string]func(s *state.Store) error{
		"error": func(s *state.Store) error {
			return s.Update(func(d *state.Data) error {
				_ = put("/a", "2")(d)
				_ = put("/b", "2")(d)
				return failure
			})
		},
		"panic": func(s *state.Store) (err error) {
			defer func() { err, _ = recover().(error) }()
			return s.Update(func(d *state.Data) error {
				_ = put("/a", "2")(d)
				panic(failure)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := state.InMemory()
			mustUpdate(t, s, put("/a", "1"))
			changed, stop := s.Watch()
			defer stop()
			if err := fail(s); !errors.Is(err, failure) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(map[string]string{"/a": "1"}, values(t, s)); diff != "" {
				t.Errorf("after a failed update (-want +got):\n%s", diff)
			}
			select {
			case <-changed:
				t.Error("a failed update woke a watcher")
			default:
			}
		})
	}
}

// TestUnsavedUpdateChangesNothing: what is not on the disk is not in memory either.
func TestUnsavedUpdateChangesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, filepath.Join(dir, "account.json"))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(put("/a", "1")); err == nil {
		t.Fatal("the update was saved to nowhere")
	}
	if got := values(t, s); len(got) != 0 {
		t.Errorf("the store holds %v", got)
	}
}

func TestWatchWakesOnceForManyChanges(t *testing.T) {
	t.Parallel()
	s := state.InMemory()
	changed, stop := s.Watch()
	mustUpdate(t, s, put("/a", "1"))
	mustUpdate(t, s, put("/a", "2"))
	<-changed
	select {
	case <-changed:
		t.Error("woken twice")
	default:
	}
	mustUpdate(t, s, put("/a", "3"))
	<-changed
	stop()
	mustUpdate(t, s, put("/a", "4"))
	select {
	case <-changed:
		t.Error("woken after the end of the watch")
	default:
	}
}

func TestUnreadableFiles(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"cut": `{"version":1,`, "other form": `{"version":99}`, "empty": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "account.json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := state.Open(path); err == nil || len(errs.Remedies(err)) == 0 || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error that names the file, with a remedy", err)
			}
		})
	}
}

// crashVariable makes the test's program a writer that updates a store until it is killed.
const crashVariable = "STATE_TEST_CRASH"

// TestKilledWriter: a process is killed in the middle of its updates; the file holds all that it had reported and is whole.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	if path := os.Getenv(crashVariable); path != "" {
		s := mustOpen(t, path)
		for i := 1; ; i++ {
			mustUpdate(t, s, put("/n", strconv.Itoa(i)))
			if _, err := os.Stdout.WriteString(strconv.Itoa(i) + "\n"); err != nil {
				return
			}
		}
	}
	path := filepath.Join(t.TempDir(), "account.json")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledWriter$")
	cmd.Env = append(os.Environ(), crashVariable+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reported strings.Builder
	buffer := make([]byte, 64)
	for strings.Count(reported.String(), "\n") < 30 {
		n, err := out.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		reported.Write(buffer[:n])
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	lines := strings.Split(strings.TrimSpace(reported.String()[:strings.LastIndex(reported.String(), "\n")]), "\n")
	last, err := strconv.Atoi(lines[len(lines)-1])
	if err != nil {
		t.Fatal(err)
	}
	saved, err := strconv.Atoi(values(t, mustOpen(t, path))["/n"])
	if err != nil || saved < last {
		t.Errorf("the file holds %d, reported was %d (%v)", saved, last, err)
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &state.Region{Tokens: map[string]state.Token{}}
		made := 0
		once := func(token, fingerprint string) (string, bool, error) {
			return r.Once("RunInstances", token, fingerprint, time.Now(), func() (string, error) {
				made++
				return "i-" + strconv.Itoa(made), nil
			})
		}
		check := func(token, fingerprint, wantID string, wantAgain bool, wantCode string) {
			t.Helper()
			id, again, err := once(token, fingerprint)
			if id != wantID || again != wantAgain || awswire.CodeOf(err) != wantCode {
				t.Errorf("token %q with %q: got %q, %v, %v", token, fingerprint, id, again, err)
			}
		}
		check("", "a", "i-1", false, "")
		check("", "a", "i-2", false, "")
		check("t", "a", "i-3", false, "")
		check("t", "a", "i-3", true, "")
		check("t", "b", "", false, "IdempotentParameterMismatch")
		<-time.After(24 * time.Hour)
		check("t", "a", "i-3", true, "")
		<-time.After(2 * time.Hour)
		check("t", "b", "i-4", false, "")
	})
}

// TestFailedCreationKeepsNoToken: a token that made nothing may be used again, with other parameters too.
func TestFailedCreationKeepsNoToken(t *testing.T) {
	t.Parallel()
	r := &state.Region{Tokens: map[string]state.Token{}}
	failure := errors.New("no")
	if _, _, err := r.Once("X", "t", "a", time.Now(), func() (string, error) { return "", failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if id, again, err := r.Once("X", "t", "b", time.Now(), func() (string, error) { return "id", nil }); id != "id" || again || err != nil {
		t.Errorf("got %q, %v, %v", id, again, err)
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	for _, region := range state.RegionNames() {
		for _, zone := range state.ZoneNames(region) {
			if got, ok := state.RegionOfZone(zone); !ok || got != region {
				t.Errorf("zone %s: got region %s, %v", zone, got, ok)
			}
		}
	}
	for _, zone := range []string{"", "us-east-1", "us-west-1c", "mars-1a"} {
		if region, ok := state.RegionOfZone(zone); ok {
			t.Errorf("%q is a zone of %s", zone, region)
		}
	}
}
