//go:build linux

package cage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/sandbox/hosts"
)

// serveWord, after "holder", names the second stage.
const serveWord = "serve"

// RunHolder is the body of the hidden command "holder"; args is what followed that word. It returns when the cage ends.
//
// The holder is two processes. The first is PID 1 of the cage: it does nothing but start the second and reap every
// orphan, so that the second, which does the work, can wait for its own children undisturbed. When either ends, the
// kernel ends everything inside.
func RunHolder(ctx context.Context, args []string) error {
	for _, fd := range []int{outsideFd, readyFd, lockFd, lifelineFd} {
		unix.CloseOnExec(fd) // hosts get none of them
	}
	if len(args) == 1 && args[0] == serveWord {
		return runServe(ctx)
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return fmt.Errorf("read configuration of the cage: %w", err)
	}
	ready := os.NewFile(readyFd, "ready")
	err = hold(ctx, text, ready)
	if err != nil {
		_, writeErr := ready.WriteString(err.Error()) // nobody listens any more once it served
		return errors.Join(err, ignorePipe(writeErr))
	}
	return nil
}

// RunHostInit is the body of the hidden command "host-init"; args is what followed that word. It returns only an error:
// otherwise the process has become the host's init.
func RunHostInit(_ []string) error { return hosts.Init() }

// hold starts the second stage and reaps until it ends, the lifeline does, or the context.
func hold(ctx context.Context, text []byte, ready *os.File) error {
	var cfg Config
	if err := json.Unmarshal(text, &cfg); err != nil {
		return fmt.Errorf("read configuration of the cage: %w", err)
	}
	if os.Getpid() != 1 {
		return errors.New("the holder is started by the sandbox only")
	}
	if err := ownMounts(cfg); err != nil {
		return err
	}
	words := cfg.command("holder", serveWord)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make pipe: %w", err)
	}
	cmd.Stdin = read
	held := os.NewFile(lockFd, "lock")
	cmd.ExtraFiles = []*os.File{os.NewFile(outsideFd, "outside"), ready, held}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run second stage of the holder: %w", err)
	}
	read.Close()
	if _, err := io.Copy(write, bytes.NewReader(text)); err != nil {
		return fmt.Errorf("configure second stage of the holder: %w", err)
	}
	write.Close()
	ready.Close()
	held.Close()

	ended := make(chan error, 2)
	go func() { ended <- reap(cmd.Process.Pid) }()
	if cfg.Lifeline {
		go func() {
			_, err := io.Copy(io.Discard, os.NewFile(lifelineFd, "lifeline")) // blocks until the other end is gone
			ended <- err
		}()
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}

// reap waits for every child, orphans that were adopted included, until the one of the process id has ended.
func reap(pid int) error {
	for {
		var status unix.WaitStatus
		child, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for children: %w", err)
		case child == pid && status.Signaled():
			return fmt.Errorf("second stage of the holder: killed by signal %d", status.Signal())
		case child == pid && status.ExitStatus() != 0:
			return fmt.Errorf("second stage of the holder: exit status %d", status.ExitStatus())
		case child == pid:
			return nil
		}
	}
}

// ownMounts makes the mount namespace the cage's own. Mounts that the machine makes or takes away still show here, so
// that the cage keeps nothing of the machine's busy; what is mounted here never shows on the machine.
func ownMounts(cfg Config) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make mounts the cage's own: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc of the cage: %w", err)
	}
	if err := unix.Mount("tmpfs", cfg.privateDir(), "tmpfs", unix.MS_NOSUID|unix.MS_NOEXEC, "mode=700"); err != nil {
		return fmt.Errorf("mount private directory of the cage: %w", err)
	}
	return nil
}

func ignorePipe(err error) error {
	if errors.Is(err, unix.EPIPE) || errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
