package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
)

// grace is how long mmdebstrap may take to clean up when it is interrupted.
const grace = 10 * time.Second

// bootstrap makes the root file system of the recipe in the directory.
func bootstrap(ctx context.Context, r recipe, dir string, logger *slog.Logger) error {
	sources, err := machineSources("/etc/apt", r.Suite)
	if err != nil {
		return err
	}
	args := append([]string{"--mode=root", "--format=directory", "--include=" + strings.Join(r.Packages, ",")}, r.Options...)
	args = append(args, proxyOptions(ctx)...)
	args = append(args, `--customize-hook=chroot "$1" useradd --create-home --shell /bin/bash --groups sudo `+r.User)
	args = append(args, r.Suite, dir)
	cmd := exec.CommandContext(ctx, "mmdebstrap", args...)
	if sources != "" {
		cmd.Args = append(cmd.Args, "-")
		cmd.Stdin = strings.NewReader(sources)
	}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = apart()
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = grace
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		logger.Error("failed to run mmdebstrap", "err", err, "output", output.String())
		return explain(err, output.String())
	}
	if err := finish(r, dir); err != nil {
		return err
	}
	// For root alone: programs in it that run as root, sudo for one, grow old here. The mode of a host's / is its volume's.
	return os.Chmod(dir, 0o700)
}

// finish writes the recipe's own files over what the packages installed.
func finish(r recipe, dir string) error {
	for _, pattern := range r.Remove {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return fmt.Errorf("find %s in image: %w", pattern, err)
		}
		for _, path := range paths {
			if err := os.RemoveAll(path); err != nil {
				return fmt.Errorf("clean image: %w", err)
			}
		}
	}
	for _, f := range r.Files {
		path := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write into image: %w", err)
		}
		if err := os.Remove(path); err != nil && !missing(err) { // it may be a link that leads out of the image
			return fmt.Errorf("write into image: %w", err)
		}
		if err := os.WriteFile(path, []byte(f.Text), 0o600); err != nil {
			return fmt.Errorf("write into image: %w", err)
		}
		if err := os.Chmod(path, os.FileMode(f.Mode)); err != nil {
			return fmt.Errorf("write into image: %w", err)
		}
	}
	for name, target := range r.Links {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.RemoveAll(path), os.Symlink(target, path)); err != nil {
			return fmt.Errorf("link in image: %w", err)
		}
	}
	return nil
}

// explain turns mmdebstrap's failure into an error for people.
func explain(err error, output string) error {
	var tail []string
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "E:") || strings.HasPrefix(line, "W:") || strings.HasPrefix(line, "Err:") {
			tail = append(tail, strings.TrimSpace(line))
		}
	}
	if len(tail) > 3 {
		tail = tail[len(tail)-3:]
	}
	said := strings.Join(tail, "; ")
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errs.Wrap(errs.Unavailable, err, "mmdebstrap is not installed").WithRemedy("Run: apt-get install mmdebstrap")
	case strings.Contains(output, unix.ENOSPC.Error()):
		return errs.Wrap(errs.Exhausted, err, "this machine's disk is full: "+said)
	case strings.Contains(output, "Could not resolve") || strings.Contains(output, "Failed to fetch") || strings.Contains(output, "Could not connect"):
		return errs.Wrap(errs.Unavailable, err, "the package mirror does not answer: "+said).
			WithRemedy("Check that apt-get update works on this machine.").WithRetry()
	default:
		return errs.Wrap(errs.Internal, err, "mmdebstrap failed: "+said)
	}
}

// proxyOptions hands the machine's proxy and mirror settings of apt on to mmdebstrap's.
func proxyOptions(ctx context.Context) []string {
	output, err := exec.CommandContext(ctx, "apt-config", "dump", "--no-empty", "Acquire").Output()
	if err != nil {
		return nil // no apt here: there is nothing to hand on
	}
	var options []string
	for line := range strings.Lines(string(output)) {
		name, _, _ := strings.Cut(line, " ")
		switch lower := strings.ToLower(name); {
		case strings.HasPrefix(lower, "acquire::http::proxy"), strings.HasPrefix(lower, "acquire::https::proxy"),
			lower == "acquire::check-valid-until", lower == "acquire::check-date":
			options = append(options, "--aptopt="+strings.TrimSuffix(strings.TrimSpace(line), ";"))
		}
	}
	return options
}
