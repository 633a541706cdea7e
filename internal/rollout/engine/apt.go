package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/run"
)

// lockPatience is how long another apt, such as that of unattended-upgrades at first boot, is waited for.
const lockPatience = 5 * time.Minute

// apt runs package commands on a host.
type apt struct{ host host.Host }

// get runs apt-get without questions. It waits for the locks that dpkg's front ends take; the lock of the package lists has no such
// option, so a run that met it is made again.
func (a apt) get(ctx context.Context, args ...string) error {
	command := append([]string{
		"apt-get", "-q", "-y",
		"-o", fmt.Sprintf("DPkg::Lock::Timeout=%d", int(lockPatience.Seconds())),
		"-o", "Dpkg::Options::=--force-confold",
		"-o", "Acquire::Retries=3",
		"-o", "Acquire::http::Timeout=30",
	}, args...)
	began := time.Now()
	for {
		_, err := a.run(ctx, command...)
		if err == nil || !locked(err) || time.Since(began) >= lockPatience {
			return a.explain(args[0], err)
		}
		if err := run.Wait(ctx, 2*time.Second); err != nil {
			return err
		}
	}
}

// install installs packages. When a package that the lists promise is not there any more, the lists are read anew.
func (a apt) install(ctx context.Context, packages ...string) error {
	args := append([]string{"install", "--no-install-recommends"}, packages...)
	err := a.get(ctx, args...)
	var exit *host.ExitError
	if err == nil || !errors.As(err, &exit) || !strings.Contains(exit.Stderr, "404") {
		return err
	}
	if err := a.get(ctx, "update"); err != nil {
		return err
	}
	return a.get(ctx, args...)
}

// run runs one command of the package system as root.
func (a apt) run(ctx context.Context, args ...string) (host.Output, error) {
	return a.host.Run(ctx, host.Command{Args: args, Root: true, Env: map[string]string{
		"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "NEEDRESTART_MODE": "l", "NEEDRESTART_SUSPEND": "1",
	}})
}

// offered returns the versions of a package that the host's repositories have, newest first.
func (a apt) offered(ctx context.Context, name string) ([]Release, error) {
	out, err := a.run(ctx, "apt-cache", "madison", name)
	if err != nil {
		return nil, fmt.Errorf("ask repositories of %s for %s: %w", a.host.Name(), name, err)
	}
	return parseMadison(string(out.Stdout), name), nil
}

func locked(err error) bool {
	var exit *host.ExitError
	return errors.As(err, &exit) && (strings.Contains(exit.Stderr, "Could not get lock") || strings.Contains(exit.Stderr, "is another process using it"))
}

// explain gives a failure of apt-get a kind and a remedy.
func (a apt) explain(verb string, err error) error {
	var exit *host.ExitError
	if !errors.As(err, &exit) || errs.Is(err, errs.Exhausted) {
		return err
	}
	node := a.host.Name()
	has := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(exit.Stderr, part) {
				return true
			}
		}
		return false
	}
	switch {
	case has("You don't have enough free space", "not enough free space"):
		return errs.Wrap(errs.Exhausted, err, "the disk of "+node+" is full").
			WithRemedy("free space on / of " + node + ", or give it a bigger root volume, and run again")
	case has("Could not get lock"):
		return errs.Wrap(errs.Unavailable, err, fmt.Sprintf("another apt has been running on %s for more than %s", node, lockPatience)).WithRetry().
			WithRemedy("wait for it to end (slipway ssh " + node + " -- ps -C apt,apt-get,dpkg,unattended-upgr) and run again")
	case has("Temporary failure resolving", "Failed to fetch", "Could not connect", "Unable to connect", "Connection timed out"):
		return errs.Wrap(errs.Unavailable, err, node+" cannot reach its package repositories").WithRetry().
			WithRemedy("check the host's way out and its DNS, and run again")
	default:
		return errs.Wrap(errs.Internal, err, "apt-get "+verb+" failed on "+node).
			WithRemedy("see what apt says there: slipway ssh " + node + " -- sudo apt-get " + verb)
	}
}
