//go:build e2e

package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// machineState is everything of this machine that a sandbox could leave behind, as lines that can be compared.
type machineState map[string][]string

// lookAtMachine lists the namespaced processes, cgroups, mounts, loop devices, links, addresses, routes, rules, network
// settings and firewall rules of this machine.
func lookAtMachine(t *testing.T) machineState {
	t.Helper()
	return machineState{
		"processes in other namespaces": namespacedProcesses(t),
		"cgroups":                       cgroups(t),
		"mounts":                        mounts(t),
		"loop devices":                  loops(t),
		"device nodes":                  glob(t, "/dev/loop*"),
		"named network namespaces":      glob(t, "/run/netns/*"),
		"links":                         output(t, "ip", "-o", "link", "show"),
		"addresses":                     output(t, "ip", "-o", "addr", "show"),
		"routes":                        output(t, "ip", "route", "show", "table", "all"),
		"policy rules":                  output(t, "ip", "rule", "show"),
		"firewall":                      output(t, "nft", "list", "ruleset"),
		"network settings":              files(t, "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/all/forwarding", "/proc/sys/net/ipv4/conf/all/rp_filter"),
	}
}

// difference tells what is in after and was not before, and the reverse; empty when the machine is as it was.
func (before machineState) difference(after machineState) string {
	var b strings.Builder
	for what, was := range before {
		for _, line := range after[what] {
			if !slices.Contains(was, line) {
				fmt.Fprintf(&b, "%s: left behind: %s\n", what, line)
			}
		}
		for _, line := range was {
			if !slices.Contains(after[what], line) {
				fmt.Fprintf(&b, "%s: gone: %s\n", what, line)
			}
		}
	}
	return b.String()
}

// namespacedProcesses lists processes in another PID, mount or network namespace than this test, and slirp4netns and
// our own binary wherever they run.
func namespacedProcesses(t *testing.T) []string {
	t.Helper()
	own := map[string]string{}
	for _, ns := range []string{"pid", "mnt", "net"} {
		own[ns] = readlink("/proc/self/ns/" + ns)
	}
	var found []string
	for _, dir := range glob(t, "/proc/[0-9]*") {
		comm := strings.TrimSpace(string(slurp(dir + "/comm")))
		cmdline := strings.ReplaceAll(strings.TrimRight(string(slurp(dir+"/cmdline")), "\x00"), "\x00", " ")
		if cmdline == "" {
			continue // a kernel thread, or a process that just ended
		}
		strange := comm == "slirp4netns" || readlink(dir+"/exe") == binary
		for ns, link := range own {
			if theirs := readlink(dir + "/ns/" + ns); theirs != "" && theirs != link {
				strange = true
			}
		}
		if strange {
			found = append(found, filepath.Base(dir)+" "+cmdline)
		}
	}
	return found
}

// cgroups lists the control groups that bear the project's name, as all of a sandbox do: those of other programs come and
// go by themselves.
func cgroups(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(path, "slipway") {
			dirs = append(dirs, path)
		}
		return nil // a cgroup may vanish while it is walked
	})
	if err != nil {
		t.Fatalf("walk cgroups: %v", err)
	}
	return dirs
}

func mounts(t *testing.T) []string {
	t.Helper()
	var points []string
	for line := range strings.Lines(string(slurp("/proc/self/mountinfo"))) {
		fields := strings.Fields(line)
		points = append(points, strings.Join(fields[3:6], " "))
	}
	return points
}

func loops(t *testing.T) []string {
	t.Helper()
	var bound []string
	for _, file := range glob(t, "/sys/block/loop*/loop/backing_file") {
		bound = append(bound, file+" "+strings.TrimSpace(string(slurp(file))))
	}
	return bound
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatalf("glob %s: %v", pattern, err)
	}
	return found
}

func files(t *testing.T, names ...string) []string {
	t.Helper()
	var lines []string
	for _, name := range names {
		lines = append(lines, name+" = "+strings.TrimSpace(string(slurp(name))))
	}
	return lines
}

func output(t *testing.T, name string, args ...string) []string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

// slurp reads a file of /proc or /sys that may have vanished meanwhile: then it is empty.
func slurp(name string) []byte {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return data
}

func readlink(name string) string {
	target, err := os.Readlink(name)
	if err != nil {
		return ""
	}
	return target
}
