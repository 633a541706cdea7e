package lease

import (
	"crypto/rand"
	"os"
	"os/user"
	"strconv"
	"strings"
)

// ThisProcess returns the holder that this process is.
func ThisProcess() Holder {
	name := "somebody"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	pid := os.Getpid()
	return Holder{Name: name, PID: pid, Started: startOf(pid), Machine: machine(), Run: rand.Text()}
}

// AliveHere tells whether a holder's process lives, where it ran on this machine since its last boot.
func AliveHere(h Holder) (alive, known bool) {
	if h.Machine == "" || h.Machine != machine() || h.Started == "" {
		return false, false
	}
	return startOf(h.PID) == h.Started, true
}

// machine identifies what process numbers of this process mean: the boot and the PID namespace. It is empty where the
// kernel does not tell.
func machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + namespace
}

// startOf returns when a process started, in ticks since boot, or nothing when there is none or it is a zombie.
func startOf(pid int) string {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The command's name is in parentheses and may hold anything; the fields after it are fixed: state is the first,
	// the start the twentieth.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return ""
	}
	return fields[19]
}
