package host

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const debianFacts = "motd that a profile prints\n" +
	"clock\t1795444372.500000000\nhostname\tmanager-1\nkernel\t6.1.0-40-cloud-amd64\nmachine\tx86_64\ninit\tsystemd\nsystemd\tyes\n" +
	"os_id\tdebian\nos_version\t12\nos_codename\tbookworm\nos_name\tDebian GNU/Linux 12 (bookworm)\narch\tamd64\ncpus\t4\nmemory_kib\t16071080\n" +
	"free\t/ 41019616 30519616\nfree\t/var/lib/docker 103081248 100000000\n" +
	"ebs\t/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0aaa /dev/nvme0n1 42949672960 0 \n" +
	"ebs\t/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0bbb /dev/nvme1n1 107374182400 107374182400 ext4\n" +
	"mount\t/dev/nvme0n1p1 / ext4\nmount\t/dev/nvme1n1 /var/lib/docker ext4\nmount\t/dev/sda1 /mnt/a\\040b vfat\n" +
	"mtu\t9001\naddress\t127.0.0.1\naddress\t172.31.0.10\nipvs\tyes\n" +
	"package\tdocker.io 20.10.24+dfsg1-1+deb12u1\npackage\tcontainerd 1.6.20~ds1-1+deb12u1\nunfinished\tdocker-cli\nheld\tdocker.io\ndocker_cli\t/usr/bin/docker\n" +
	"package_lists\t7200\ndocker_unit\tactive enabled\ndaemon_json\te3b0c44298fc1c149afbf4c8996fb924\ndocker_outdated\tyes\ncloud_init\tdone\nend\tfacts\n"

func TestParseFacts(t *testing.T) {
	t.Parallel()
	raw, err := parseFacts([]byte(debianFacts))
	if err != nil {
		t.Fatal(err)
	}
	want := Facts{
		Hostname: "manager-1", Kernel: "6.1.0-40-cloud-amd64", Arch: "amd64", Init: "systemd", Systemd: true, CPUs: 4, MemoryMiB: 15694, MTU: 9001,
		OS: OS{"debian", "12", "bookworm", "Debian GNU/Linux 12 (bookworm)"}, Addresses: []string{"127.0.0.1", "172.31.0.10"}, IPVS: true, CloudInit: "done", ListsAge: 2 * time.Hour,
		Volumes: []Volume{
			{ID: "vol-0aaa", Link: "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0aaa", Device: "/dev/nvme0n1", Bytes: 40 << 30},
			{ID: "vol-0bbb", Link: "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0bbb", Device: "/dev/nvme1n1", Bytes: 100 << 30, Filesystem: "ext4", FilesystemBytes: 100 << 30},
		},
		Mounts: []Mount{{"/dev/nvme0n1p1", "/", "ext4"}, {"/dev/nvme1n1", "/var/lib/docker", "ext4"}, {"/dev/sda1", "/mnt/a b", "vfat"}},
		Free:   map[string]Space{"/": {40058, 29804}, "/var/lib/docker": {100665, 97656}},
		Engine: EngineFacts{
			Packages: map[string]string{"docker.io": "20.10.24+dfsg1-1+deb12u1", "containerd": "1.6.20~ds1-1+deb12u1"}, Held: []string{"docker.io"}, Unfinished: []string{"docker-cli"},
			CLI: "/usr/bin/docker", Active: "active", Enabled: true, DaemonJSON: "e3b0c44298fc1c149afbf4c8996fb924", Outdated: true,
		},
	}
	if diff := cmp.Diff(want, raw.facts); diff != "" {
		t.Error(diff)
	}
	if !raw.clock.Equal(time.Unix(1795444372, 500000000)) {
		t.Errorf("the clock is %s", raw.clock)
	}
}

func TestParseFactsOfABareHost(t *testing.T) {
	t.Parallel()
	raw, err := parseFacts([]byte("clock\t1795444372.%N\nmachine\taarch64\ninit\tsh\nsystemd\tyes\nmemory_kib\t\ndocker_unit\tinactive \nfuture\tthing\nend\tfacts\n"))
	if err != nil {
		t.Fatal(err)
	}
	if f := raw.facts; f.Arch != "arm64" || f.Systemd || f.Engine.Enabled || f.Engine.Active != "inactive" || f.MemoryMiB != 0 {
		t.Errorf("got %+v", f)
	}
}

func TestParseFactsRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ out, text string }{
		"nothing":        {"", "not complete"},
		"cut off":        {strings.TrimSuffix(debianFacts, "end\tfacts\n"), "not complete"},
		"strange clock":  {"clock\tnoon\nend\tfacts\n", "parse fact clock"},
		"strange memory": {"memory_kib\t-5\nend\tfacts\n", "parse fact memory_kib"},
		"short mount":    {"mount\t/dev/sda\nend\tfacts\n", "parse fact mount"},
		"strange volume": {"ebs\t/dev/sda /dev/sda 5 0\nend\tfacts\n", "not the link of an EBS volume"},
		"negative size":  {"ebs\t/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol1 /dev/sda -5 0\nend\tfacts\n", "not a number of bytes"},
	} {
		if _, err := parseFacts([]byte(tt.out)); err == nil || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: got %v, want %q", name, err, tt.text)
		}
	}
}

func FuzzParseFacts(f *testing.F) {
	f.Add([]byte(debianFacts))
	f.Add([]byte("clock\t-1.5\nend\tfacts"))
	f.Add([]byte("free\t/ 1 2\nebs\t\nend\t"))
	f.Fuzz(func(t *testing.T, out []byte) {
		raw, err := parseFacts(out)
		if err != nil {
			return
		}
		got := raw.facts
		if got.CPUs < 0 || got.MemoryMiB < 0 || got.MTU < 0 {
			t.Errorf("a count is negative: %+v", got)
		}
		for _, v := range got.Volumes {
			if v.Bytes < 0 || !strings.HasPrefix(v.ID, "vol-") || VolumeLink(v.ID) == VolumeLink("") {
				t.Errorf("volume %+v", v)
			}
		}
	})
}

func TestSkew(t *testing.T) {
	t.Parallel()
	began := time.Now()
	ended := began.Add(time.Second)
	for _, tt := range []struct {
		clock time.Time
		want  time.Duration
	}{
		{began.Add(500 * time.Millisecond), 0},
		{began.Add(-time.Minute), -time.Minute},
		{ended.Add(time.Minute), time.Minute},
	} {
		if got := skew(tt.clock, began, ended); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

func TestVolumeAndMountLookup(t *testing.T) {
	t.Parallel()
	raw, err := parseFacts([]byte(debianFacts + "mount\t/dev/nvme9n1 /var/lib/docker ext4\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := raw.facts.VolumeByID("vol-0bbb"); !ok || v.Link != VolumeLink("vol-0bbb") {
		t.Errorf("got %+v", v)
	}
	if _, ok := raw.facts.VolumeByID("vol-0ccc"); ok {
		t.Error("found a volume that is not there")
	}
	if m, ok := raw.facts.MountAt("/var/lib/docker"); !ok || m.Source != "/dev/nvme9n1" {
		t.Errorf("the mount that covers is %+v", m)
	}
}
