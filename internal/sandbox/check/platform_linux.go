package check

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// volumesPath is where the sandbox keeps its volumes unless it is told otherwise.
const volumesPath = "/var/lib"

// platform asks the system.
func platform() system {
	s := system{OS: runtime.GOOS, UID: os.Geteuid(), DiskPath: filepath.Clean(volumesPath)}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range bytes.Lines(text) {
			if rest, ok := bytes.CutPrefix(line, []byte("MemAvailable:")); ok {
				kib, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64) // 0 shows as too little
				s.MemoryMiB = kib >> 10
			}
		}
	}
	var stat unix.Statfs_t
	if unix.Statfs(volumesPath, &stat) == nil {
		s.DiskMiB = int64(stat.Bavail) * stat.Bsize >> 20
	}
	return s
}
