package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
)

// readyVariable tells a daemon the descriptor that it reports to, once it is ready or has failed.
const readyVariable = "SLIPWAY_SANDBOX_READY_FD"

// EnsureRunning returns the status of the sandbox's daemon and starts one, in the background and independent of this
// process, if none runs. Of several callers at once, one starts it and all get the same. It needs the command
// `slipway sandbox daemon` in this program.
func EnsureRunning(ctx context.Context, cfg Config) (*Status, error) {
	cfg = cfg.withDefaults()
	client := NewClient(cfg.RunDir)
	if s, err := client.Status(ctx); err == nil {
		return s, nil
	}
	for _, dir := range []string{cfg.StateDir, cfg.RunDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, errs.Wrap(kindOfFault(err), err, "make the sandbox's directory").WithRemedy("The sandbox needs root: use sudo.")
		}
	}
	starting, err := waitLock(ctx, cfg.startLock())
	if err != nil {
		return nil, err
	}
	defer starting.release()
	if s, err := client.Status(ctx); err == nil { // somebody else was first
		return s, nil
	}
	if err := start(ctx, cfg); err != nil {
		return nil, err
	}
	return client.Status(ctx)
}

// start runs a daemon and waits until it is ready.
func start(ctx context.Context, cfg Config) error {
	log, err := os.OpenFile(cfg.logFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the sandbox's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the daemon has its own descriptor
	reader, writer, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make a pipe: %w", err)
	}
	defer func() { _ = reader.Close() }()
	self, err := os.Executable()
	if err != nil {
		return errors.Join(fmt.Errorf("find this program: %w", err), writer.Close())
	}
	// Without the context: the daemon outlives it.
	cmd := exec.Command(self, append([]string{"sandbox"}, cfg.arguments()...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{writer} // becomes descriptor 3
	cmd.Env = append(os.Environ(), readyVariable+"=3")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start the sandbox's daemon: %w", err), writer.Close())
	}
	if err := writer.Close(); err != nil { // else the pipe would not end with the daemon
		return fmt.Errorf("close pipe: %w", err)
	}
	go func() { _ = cmd.Wait() }() // so that it is no zombie if it ends before this process
	return awaitReady(ctx, reader, cfg)
}

// awaitReady waits for the daemon's report; its death ends the pipe without one.
func awaitReady(ctx context.Context, reader *os.File, cfg Config) error {
	type result struct {
		report []byte
		err    error
	}
	reported := make(chan result, 1)
	go func() {
		b, err := io.ReadAll(reader)
		reported <- result{b, err}
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case r := <-reported:
		switch {
		case r.err != nil:
			return fmt.Errorf("wait for the sandbox's daemon: %w", r.err)
		case len(bytes.TrimSpace(r.report)) == 0:
			return errs.New(errs.Internal, "the sandbox's daemon ended while it started").WithRemedy("Its log is " + cfg.logFile() + ".")
		}
		var f failure
		if err := json.Unmarshal(r.report, &f); err != nil {
			return fmt.Errorf("read the daemon's report: %w", err)
		}
		if f.Kind != "" {
			return f.err()
		}
		return nil
	}
}

// Reporter returns the Deps.Ready of a daemon that EnsureRunning started, nil of another one.
func Reporter(getenv func(string) string) func(error) {
	fd, err := strconv.Atoi(getenv(readyVariable))
	if err != nil {
		return nil
	}
	unix.CloseOnExec(fd) // the holder must not keep the pipe open
	pipe := os.NewFile(uintptr(fd), "ready")
	return func(err error) {
		var f failure // nothing in it says: ready
		if err != nil {
			f = failureOf(err)
		}
		_ = json.NewEncoder(pipe).Encode(f) // if the starter is gone, nobody waits
		_ = pipe.Close()
	}
}
