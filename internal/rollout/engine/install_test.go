package engine

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/rollout/rollouttest"
)

var node = cluster.Node{Name: "linux-1", InstanceID: "i-1", PrivateIP: "172.31.0.4"}

// connect returns a double of a host, the connection to it and its facts.
func connect(t *testing.T, prepare func(*rollouttest.Host)) (*rollouttest.Host, host.Host, host.Facts) {
	t.Helper()
	fleet := rollouttest.New()
	double := fleet.Add(node)
	if prepare != nil {
		prepare(double)
	}
	h, err := fleet.DialOnce(t.Context(), node)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := host.Gather(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return double, h, facts
}

func TestPrepareByChannel(t *testing.T) {
	t.Parallel()
	offers := func(versions ...string) func(*rollouttest.Host) {
		return func(h *rollouttest.Host) { h.Offered["docker.io"] = versions }
	}
	for _, tt := range []struct {
		name    string
		source  Source
		prepare func(*rollouttest.Host)
		want    string // the package, or what the error says
	}{
		{"auto, old distribution", Source{Channel: ChannelAuto}, offers("20.10.24+dfsg1-1"), "docker-ce"},
		{"auto, new distribution", Source{Channel: ChannelAuto}, offers("26.1.5+dfsg1-9"), "docker.io"},
		{"auto, distribution without", Source{Channel: ChannelAuto}, offers(), "docker-ce"},
		{"auto, sandbox", Source{Channel: ChannelAuto, Sandbox: true}, offers("20.10.24+dfsg1-1"), "docker.io"},
		{"distro, old", Source{Channel: ChannelDistro}, offers("20.10.24+dfsg1-1"), "docker.io"},
		{"distro, without", Source{Channel: ChannelDistro}, offers(), "do not have the package docker.io"},
		{"stable", Source{Channel: ChannelStable}, offers("26.1.5+dfsg1-9"), "docker-ce"},
		{"stable, in the sandbox as well", Source{Channel: ChannelStable, Sandbox: true}, offers("26.1.5+dfsg1-9"), "docker-ce"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			double, h, facts := connect(t, tt.prepare)
			offer, _, err := Prepare(t.Context(), h, facts, tt.source)
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) {
					t.Error(err)
				}
				return
			}
			if len(offer.Releases) == 0 || offer.Releases[0].Package != tt.want {
				t.Errorf("offers %v", offer.Releases)
			}
			const source = "deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/debian bookworm stable\n"
			if got := double.Files["/etc/apt/sources.list.d/docker.list"]; (got == source) != (tt.want == "docker-ce") {
				t.Errorf("Docker's repository is %q", got)
			}
		})
	}
}

func TestPrepareBelievesFreshLists(t *testing.T) {
	t.Parallel()
	for age, updates := range map[int]int{0: 1, 3600: 0, 86400: 1} {
		n := 0
		_, h, facts := connect(t, func(d *rollouttest.Host) {
			d.Lists = age
			d.Fail = func(command string) error {
				if strings.HasSuffix(command, " update") {
					n++
				}
				return nil
			}
		})
		offer, _, err := Prepare(t.Context(), h, facts, Source{Channel: ChannelDistro})
		if err != nil || len(offer.Releases) == 0 || n != updates {
			t.Errorf("lists of %d s: read %d times, offers %v, %v", age, n, offer.Releases, err)
		}
	}
}

func TestInstallReadsTheListsAnew(t *testing.T) {
	t.Parallel()
	double, h, facts := connect(t, func(d *rollouttest.Host) { d.Lists, d.Moved = 3600, true })
	if _, err := Install(t.Context(), h, facts, Release{"docker.io", "20.10.24+dfsg1-1+deb12u1"}); err != nil {
		t.Fatal(err)
	}
	if !double.Active {
		t.Error("nothing was installed")
	}
}

func TestInstall(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		release  Release
		offered  map[string][]string
		packages []string
	}{
		{Release{"docker.io", "20.10.24-1"}, map[string][]string{"docker.io": {"20.10.24-1"}}, []string{"docker.io"}},
		{Release{"docker.io", "26.1.5-1"}, map[string][]string{"docker.io": {"26.1.5-1"}, "docker-cli": {"26.1.5-1"}}, []string{"docker.io", "docker-cli"}},
		{Release{"docker-ce", "5:28.2.2-1"}, map[string][]string{"docker-ce": {"5:28.3.0-1", "5:28.2.2-1"}}, []string{"docker-ce", "docker-ce-cli", "containerd.io"}},
	} {
		double, h, facts := connect(t, func(d *rollouttest.Host) { d.Offered, d.Lists = tt.offered, 60 })
		changes, err := Install(t.Context(), h, facts, tt.release)
		if err != nil {
			t.Fatal(err)
		}
		if len(changes) != 2 || double.Installed[tt.release.Package] != tt.release.Version {
			t.Errorf("%s: %v, installed %v", tt.release, changes, double.Installed)
		}
		if diff := cmp.Diff(tt.packages, double.Held); diff != "" {
			t.Errorf("%s holds %s", tt.release, diff)
		}
		if facts, err = host.Gather(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		again, err := Install(t.Context(), h, facts, tt.release)
		held, holdErr := Hold(t.Context(), h, facts)
		if err != nil || holdErr != nil || len(again)+len(held) != 0 {
			t.Errorf("%s a second time: %v %v, %v %v", tt.release, again, held, err, holdErr)
		}
	}
}

func TestAptWaitsForItsLock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, h, facts := connect(t, func(d *rollouttest.Host) { d.AptLocked = 30 })
		began := time.Now()
		if _, _, err := Prepare(t.Context(), h, facts, Source{Channel: ChannelDistro}); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) != time.Minute {
			t.Errorf("waited %s", time.Since(began))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		_, h, facts := connect(t, func(d *rollouttest.Host) { d.AptLocked = 1 << 20 })
		_, _, err := Prepare(t.Context(), h, facts, Source{Channel: ChannelDistro})
		if !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "another apt has been running on linux-1 for more than 5m0s") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAptFailures(t *testing.T) {
	t.Parallel()
	for stderr, want := range map[string]struct {
		kind errs.Kind
		text string
	}{
		"E: Failed to fetch http://deb.debian.org/x  Temporary failure resolving 'deb.debian.org'\n": {errs.Unavailable, "linux-1 cannot reach its package repositories"},
		"E: You don't have enough free space in /var/cache/apt/archives/.\n":                         {errs.Exhausted, "the disk of linux-1 is full"},
		"E: Unable to locate package docker.io\n":                                                    {errs.Internal, "apt-get install failed on linux-1"},
	} {
		_, h, facts := connect(t, func(d *rollouttest.Host) {
			d.Fail = func(command string) error {
				if strings.HasPrefix(command, "apt-get") && strings.Contains(command, " install ") {
					return &host.ExitError{Host: "linux-1", Command: command, Code: 100, Stderr: stderr}
				}
				return nil
			}
		})
		_, err := Install(t.Context(), h, facts, Release{"docker.io", "20.10.24+dfsg1-1+deb12u1"})
		if !errs.Is(err, want.kind) || !strings.Contains(err.Error(), want.text) || len(errs.Remedies(err)) == 0 {
			t.Errorf("%s: got %v (%s)", strings.TrimSpace(stderr), err, errs.KindOf(err))
		}
	}
}

func TestDaemonJSON(t *testing.T) {
	t.Parallel()
	pool := netip.MustParsePrefix("10.72.0.0/13")
	for _, tt := range []struct {
		name   string
		config Config
		want   string
	}{
		{"the usual", Config{LogDriver: "json-file", Metrics: "172.31.0.4:9323", Bridge: pool, Major: 20}, `{
  "default-address-pools": [
    {
      "base": "10.72.0.0/13",
      "size": 24
    }
  ],
  "live-restore": false,
  "log-driver": "json-file",
  "log-opts": {
    "max-file": "3",
    "max-size": "50m"
  },
  "metrics-addr": "172.31.0.4:9323"
}
`},
		{"another log driver, no metrics, images on the data volume", Config{LogDriver: "journald", Bridge: pool, Major: 29}, `{
  "default-address-pools": [
    {
      "base": "10.72.0.0/13",
      "size": 24
    }
  ],
  "features": {
    "containerd-snapshotter": false
  },
  "live-restore": false,
  "log-driver": "journald"
}
`},
	} {
		got, err := daemonJSON(tt.config)
		if diff := cmp.Diff(tt.want, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %v %s", tt.name, err, diff)
		}
	}
}

func TestConfigureAndStart(t *testing.T) {
	t.Parallel()
	double, h, _ := connect(t, nil)
	config := Config{LogDriver: "json-file", Bridge: netip.MustParsePrefix("10.72.0.0/13"), Major: 26}
	done, err := Configure(t.Context(), h, config)
	if err != nil || !done.Restart || !done.Reload || len(done.Changes) != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	changes, err := Start(t.Context(), h, host.EngineFacts{Active: "inactive"}, true, true)
	if err != nil || !slices.Equal(changes, []string{"enabled docker.service", "started docker.service"}) {
		t.Errorf("start: %v, %v", changes, err)
	}
	if !double.Active || !double.Enabled {
		t.Error("the engine does not run, or not after a boot")
	}
	done, err = Configure(t.Context(), h, config)
	if err != nil || done.Restart || done.Reload || len(done.Changes) != 0 {
		t.Errorf("a second time: %+v, %v", done, err)
	}
	changes, err = Start(t.Context(), h, host.EngineFacts{Active: "active", Enabled: true}, false, false)
	if err != nil || len(changes) != 0 {
		t.Errorf("start a second time: %v, %v", changes, err)
	}
}

func TestStartSaysWhyTheEngineDoesNot(t *testing.T) {
	t.Parallel()
	double, h, _ := connect(t, nil)
	double.Journal = "Starting Docker Application Container Engine...\nfailed to start daemon: pool overlaps\nMain process exited\n"
	double.Fail = func(command string) error {
		if strings.HasPrefix(command, "systemctl start") {
			return &host.ExitError{Host: "linux-1", Command: command, Code: 1, Stderr: "Job for docker.service failed."}
		}
		return nil
	}
	_, err := Start(t.Context(), h, host.EngineFacts{Active: "failed", Enabled: true}, false, false)
	if err == nil || !strings.Contains(err.Error(), "the engine of linux-1 does not start: failed to start daemon: pool overlaps") {
		t.Errorf("got %v", err)
	}
}
