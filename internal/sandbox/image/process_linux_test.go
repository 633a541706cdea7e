package image

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestBootstrapHasMountsOfItsOwn(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("mounts need root")
	}
	own, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat", "/proc/self/mountinfo")
	cmd.SysProcAttr = apart()
	table, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(table), " shared:") {
		t.Errorf("a mount would show on the machine:\n%s", table)
	}
	cmd = exec.Command("readlink", "/proc/self/ns/mnt")
	cmd.SysProcAttr = apart()
	if theirs, err := cmd.Output(); err != nil || strings.TrimSpace(string(theirs)) == own {
		t.Errorf("mount namespace %s, %v: it is ours", theirs, err)
	}
}

func TestMountsBelowAreTakenOffInReverse(t *testing.T) {
	t.Parallel()
	table := `30 1 0:20 / / rw - ext4 /dev/root rw
31 30 0:21 / /cache/.making-a/sys rw - sysfs sysfs rw
32 31 0:22 / /cache/.making-a/sys/fs/cgroup rw - cgroup2 cgroup2 rw
33 30 0:23 / /cache/.making-ab/sys rw - sysfs sysfs rw
`
	want := []string{"/cache/.making-a/sys/fs/cgroup", "/cache/.making-a/sys"}
	if diff := cmp.Diff(want, mountsBelow(table, "/cache/.making-a")); diff != "" {
		t.Errorf("mounts below (-want +got):\n%s", diff)
	}
}
