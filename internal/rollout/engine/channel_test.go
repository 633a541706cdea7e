package engine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
)

func TestRelease(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]struct {
		upstream string
		major    int
	}{
		"20.10.24+dfsg1-1+deb12u1":      {"20.10.24", 20},
		"26.1.5+dfsg1-9+b4":             {"26.1.5", 26},
		"27.5.1-0ubuntu3~24.04.2":       {"27.5.1", 27},
		"5:28.2.2-1~debian.12~bookworm": {"28.2.2", 28},
		"5:29.0.0-1~ubuntu.24.04~noble": {"29.0.0", 29},
		"nonsense":                      {"nonsense", 0},
		"1:":                            {"", 0},
	} {
		r := Release{"docker.io", version}
		if r.Upstream() != want.upstream || r.Major() != want.major {
			t.Errorf("%s: %s, %d", version, r.Upstream(), r.Major())
		}
	}
}

func TestParseMadison(t *testing.T) {
	t.Parallel()
	const out = ` docker.io | 24.0.7-0ubuntu4.1 | http://archive.ubuntu.com/ubuntu noble-updates/universe amd64 Packages
 docker.io | 24.0.7-0ubuntu4.1 | http://security.ubuntu.com/ubuntu noble-security/universe amd64 Packages
 docker.io | 24.0.7-0ubuntu4 | http://archive.ubuntu.com/ubuntu noble/universe amd64 Packages
 docker.io | 23.0.1 | http://archive.ubuntu.com/ubuntu noble/universe Sources
 docker-registry | 2.8 | http://archive.ubuntu.com/ubuntu noble/universe amd64 Packages
N: a note
`
	want := []Release{{"docker.io", "24.0.7-0ubuntu4.1"}, {"docker.io", "24.0.7-0ubuntu4"}}
	if diff := cmp.Diff(want, parseMadison(out, "docker.io")); diff != "" {
		t.Error(diff)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	deb := func(v string) Release { return Release{"docker.io", v} }
	ce := func(v string) Release { return Release{"docker-ce", v} }
	for _, tt := range []struct {
		name    string
		current Release // zero: a new cluster
		offers  []Offer
		want    []Release
		notices int
		err     string
	}{
		{"nobody needs one", deb("20.10.24-1"), nil, nil, 0, ""},
		{"a new cluster takes the newest of all", Release{}, []Offer{
			{"a", []Release{ce("28.2-1"), ce("28.1-1")}}, {"b", []Release{ce("28.1-1"), ce("28.0-1")}},
		}, []Release{ce("28.1-1"), ce("28.1-1")}, 0, ""},
		{
			"a new cluster of unlike hosts",
			Release{},
			[]Offer{{"a", []Release{deb("20.10.24-1")}}, {"b", []Release{ce("28.1-1")}}},
			nil, 0,
			"no version of the engine in common: a has docker.io=20.10.24-1; b has docker-ce=28.1-1",
		},
		{"a new node takes the cluster's, not the newest", ce("28.1-1"), []Offer{{"a", []Release{ce("28.2-1"), ce("28.1-1")}}}, []Release{ce("28.1-1")}, 0, ""},
		{"another build of the version", deb("20.10.24+dfsg1-1"), []Offer{{"a", []Release{deb("20.10.24+dfsg1-1+deb12u1")}}}, []Release{deb("20.10.24+dfsg1-1+deb12u1")}, 1, ""},
		{"another patch of the version", deb("26.1.5-1"), []Offer{{"a", []Release{deb("26.2.0-1"), deb("26.1.7-1")}}}, []Release{deb("26.1.7-1")}, 1, ""},
		{"only a later version", deb("20.10.24-1"), []Offer{{"a", []Release{deb("26.1.5-1")}}}, nil, 0, "a cannot get the cluster's engine docker.io=20.10.24-1"},
		{"only another package", deb("20.10.24-1"), []Offer{{"a", []Release{ce("20.10.24-1")}}}, nil, 0, "a cannot get the cluster's engine"},
	} {
		got, notices, err := Choose(tt.current, tt.current != Release{}, tt.offers)
		if diff := cmp.Diff(tt.want, got); diff != "" || len(notices) != tt.notices {
			t.Errorf("%s: notices %q %s", tt.name, notices, diff)
		}
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || !errs.Is(err, errs.Conflict)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.err)
		}
	}
}

func TestClusterRelease(t *testing.T) {
	t.Parallel()
	facts := func(versions ...string) (all []host.EngineFacts) {
		for _, v := range versions {
			f := host.EngineFacts{Packages: map[string]string{"containerd": "1"}}
			if v != "" {
				f.Packages["docker.io"] = v
			}
			all = append(all, f)
		}
		return all
	}
	if _, ok := ClusterRelease(facts("", "")); ok {
		t.Error("a cluster without engines has a release")
	}
	for _, tt := range []struct {
		hosts []host.EngineFacts
		want  string
	}{
		{facts("", "20.10.24-1", ""), "20.10.24-1"},
		{facts("26.1.5-1", "20.10.24-1", "20.10.24-1"), "20.10.24-1"},
		{facts("9.1.0-1", "26.1.5-1"), "26.1.5-1"},
	} {
		if got, ok := ClusterRelease(tt.hosts); !ok || got.Version != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}
