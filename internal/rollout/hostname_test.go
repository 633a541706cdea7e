package rollout

import (
	"slices"
	"testing"

	"github.com/slipway-project/slipway/internal/host"
)

func TestEditHosts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, old, want string }{
		{"none", "", "127.0.1.1 linux-1\n"},
		{"no newline at the end", "127.0.0.1 localhost", "127.0.0.1 localhost\n127.0.1.1 linux-1\n"},
		{"another name", "127.0.0.1 localhost\n127.0.1.1 ip-172-31-0-4.ec2.internal ip-172-31-0-4\n::1 localhost\n", "127.0.0.1 localhost\n127.0.1.1 linux-1\n::1 localhost\n"},
		{"already", "127.0.1.1 linux-1\n", "127.0.1.1 linux-1\n"},
	} {
		if got := editHosts(tt.old, "linux-1"); got != tt.want {
			t.Errorf("%s: got %q", tt.name, got)
		}
	}
}

func TestNameHostWithCloudInit(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 1)
	h, err := f.fleet.DialOnce(t.Context(), *f.node("linux-1"))
	if err != nil {
		t.Fatal(err)
	}
	changes, err := nameHost(t.Context(), h, host.Facts{Hostname: "linux-1", CloudInit: "done"})
	if err != nil || !slices.Contains(changes, "wrote /etc/cloud/cloud.cfg.d/99-slipway.cfg") {
		t.Errorf("cloud-init would name the host anew at its next boot: %v, %v", changes, err)
	}
	if slices.Contains(changes, "named the host linux-1") {
		t.Error("a host was named as it is already")
	}
}
