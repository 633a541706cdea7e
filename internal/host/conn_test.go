package host

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
)

func TestRun(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)

	out, err := h.Run(t.Context(), Command{Args: []string{"printf", "%s|", "a b", "$HOME", "it's", "", "*"}})
	if err != nil || string(out.Stdout) != "a b|$HOME|it's||*|" {
		t.Errorf("arguments arrived as %q, %v", out.Stdout, err)
	}
	out, err = h.Run(t.Context(), Command{Args: []string{"cat"}, Stdin: strings.NewReader("from here")})
	if err != nil || out.Text() != "from here" {
		t.Errorf("standard input arrived as %q, %v", out.Stdout, err)
	}
	out, err = h.Run(t.Context(), Command{Args: []string{"sh", "-c", "echo $GREETING"}, Env: map[string]string{"GREETING": "good day"}})
	if err != nil || out.Text() != "good day" {
		t.Errorf("environment arrived as %q, %v", out.Stdout, err)
	}
	out, err = h.Run(t.Context(), Script("echo $2; echo oops >&2; exit 7", "x", "second one"))
	if ExitCode(err) != 7 || out.Text() != "second one" {
		t.Errorf("got %q and %v, want code 7", out.Stdout, err)
	}
	if err == nil || !strings.Contains(err.Error(), "on manager-1: exit code 7: oops") {
		t.Errorf("the error does not tell where and why: %v", err)
	}
}

func TestRunEndsWithContext(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	ready, writer := io.Pipe()
	go func() {
		_, _ = ready.Read(make([]byte, 1))
		cancel()
	}()
	// The command's input is read only once the command runs.
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	_, err := h.Run(ctx, Command{Args: []string{"cat"}, Stdin: &onRead{first: func() { _ = writer.Close() }, never: never}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if _, err := h.Run(t.Context(), Command{Args: []string{"true"}}); err != nil {
		t.Errorf("the connection did not survive: %v", err)
	}
}

// onRead is an input that never comes; it tells when somebody begins to wait for it.
type onRead struct {
	once  sync.Once
	first func()
	never chan struct{} // closed when the test is over
}

func (o *onRead) Read([]byte) (int, error) {
	o.once.Do(o.first)
	<-o.never
	return 0, io.EOF
}

func TestRunManyAtOnce(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)
	var all sync.WaitGroup
	for range maxSessions + 4 {
		all.Go(func() {
			if _, err := h.Run(t.Context(), Command{Args: []string{"true"}}); err != nil {
				t.Errorf("more commands than sshd allows sessions: %v", err)
			}
		})
	}
	all.Wait()
}

func TestPut(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)
	path := filepath.Join(t.TempDir(), "etc", "docker", "daemon.json")
	put := func(content string, mode fs.FileMode) bool {
		t.Helper()
		changed, err := h.Put(t.Context(), File{Path: path, Mode: mode, Content: []byte(content)})
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	if !put("one\n", 0o644) {
		t.Error("a new file is no change")
	}
	before := stat(t, path)
	dir := stat(t, filepath.Dir(path))
	if put("one\n", 0o644) {
		t.Error("the same file is a change")
	}
	if after := stat(t, path); !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Error("the same file was written again")
	}
	if !stat(t, filepath.Dir(path)).ModTime().Equal(dir.ModTime()) {
		t.Error("something was written beside a file that is as wanted")
	}
	if !put("one\n", 0o600) || stat(t, path).Mode().Perm() != 0o600 {
		t.Error("another mode is no change")
	}
	if !put("two\n", 0o600) {
		t.Error("another content is no change")
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "two\n" {
		t.Errorf("the file holds %q, %v", content, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("temporary files stayed: %v, %v", entries, err)
	}
}

// TestPutOfARunThatDies: the host sees the end of standard input when the program that writes to it is killed.
func TestPutOfARunThatDies(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)
	path := filepath.Join(t.TempDir(), "a", "b", "fstab")
	if _, err := h.Put(t.Context(), File{Path: path, Mode: 0o644, Content: []byte("old\n")}); err != nil {
		t.Fatal(err)
	}
	if mode := stat(t, filepath.Dir(filepath.Dir(path))).Mode().Perm(); mode != 0o755 {
		t.Errorf("a directory above the file was made with mode %o", mode)
	}
	for _, arrived := range []string{"", "new"} {
		c := write(File{Path: path, Mode: 0o644, Content: []byte("new\nlines\n")})
		c.Stdin = strings.NewReader(arrived)
		if _, err := h.Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "did not arrive whole") {
			t.Errorf("%q of the content is %v", arrived, err)
		}
		if content, err := os.ReadFile(path); err != nil || string(content) != "old\n" {
			t.Errorf("the file holds %q, %v", content, err)
		}
	}
}

func stat(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)
	_, err := h.Run(t.Context(), Command{Args: []string{"sh", "-c", "cat /proc/self/status >/dev/full"}})
	if !errs.Is(err, errs.Exhausted) || len(errs.Remedies(err)) == 0 {
		t.Errorf("a full disk is %v (%s)", err, errs.KindOf(err))
	}
}

func TestDialEngine(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	s.stub(t, "docker", `[ "$*" = "system dial-stdio" ] && exec cat`)
	h := s.connect(t)
	conn, err := h.DialEngine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "ping" {
		t.Errorf("got %q, %v", answer, err)
	}
	if err := conn.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestDialEngineSaysWhyItFails(t *testing.T) {
	t.Parallel()
	s := startSSHD(t)
	s.stub(t, "docker", `echo "Cannot connect to the Docker daemon" >&2; exit 1`)
	h := s.connect(t)
	conn, err := h.DialEngine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 2 { // the second read must not wait for ever
		if _, err := conn.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "Cannot connect to the Docker daemon") {
			t.Errorf("reading says %v", err)
		}
	}
}

func TestLostConnection(t *testing.T) {
	t.Parallel()
	h := startSSHD(t).connect(t)
	conn, ok := h.(*Conn)
	if !ok {
		t.Fatalf("a connection is %T", h)
	}
	if err := conn.client.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := h.Run(ctx, Command{Args: []string{"true"}})
	if !errs.Is(err, errs.Unavailable) || !errs.Retryable(err) || !strings.Contains(err.Error(), "manager-1 was lost") {
		t.Errorf("got %v (%s)", err, errs.KindOf(err))
	}
}
