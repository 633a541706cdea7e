//go:build linux

package hosts

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/sandbox/cgroups"
)

// The descriptors that the supervisor gives to Init.
const (
	configFd = 3 // JSON of initConfig
	reportFd = 4 // takes the text of an error; closes without one once systemd runs
)

// environment returns all that systemd inherits.
func environment() []string {
	return []string{
		"container=slipway",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TERM=linux",
		"LANG=C.UTF-8",
	}
}

// Init turns the calling process, the first of its PID, mount, UTS and IPC namespaces, into the init of a host. It
// returns only when that failed, and has reported the error to the supervisor by then.
func Init() error {
	runtime.LockOSThread() // unshare and capabilities are a thread's own, and exec takes those of its caller
	report := os.NewFile(reportFd, "report")
	unix.CloseOnExec(reportFd)
	err := become()
	_, writeErr := report.WriteString(err.Error())
	return errors.Join(err, writeErr)
}

func become() error {
	var c initConfig
	if err := json.NewDecoder(os.NewFile(configFd, "config")).Decode(&c); err != nil {
		return fmt.Errorf("read configuration of host: %w", err)
	}
	if err := unix.Close(configFd); err != nil {
		return fmt.Errorf("close configuration of host: %w", err)
	}
	if err := cgroups.New(c.Sandbox, c.Hierarchies).Enter(c.Host); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("make cgroup namespace: %w", err)
	}
	unix.Umask(0)
	if err := unix.Sethostname([]byte(c.Hostname)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	root := filepath.Join(c.Dir, "root")
	for _, step := range []func(initConfig, string) error{mountRoot, mountKernel, makeDev, mountCgroups, maskFacts, enterRoot} {
		if err := step(c, root); err != nil {
			return err
		}
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	unix.Umask(0o022)
	return fmt.Errorf("run init: %w", unix.Exec("/sbin/init", []string{"/sbin/init"}, environment()))
}

// dropCapabilities takes away for good what would reach through to the machine: its modules and its clock.
func dropCapabilities() error {
	for _, capability := range []uintptr{unix.CAP_SYS_MODULE, unix.CAP_SYS_TIME} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", capability, err)
		}
	}
	return nil
}
