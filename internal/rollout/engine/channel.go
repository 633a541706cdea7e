package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
)

// Channel says where the engine comes from.
type Channel string

// The channels of the document.
const (
	ChannelAuto   Channel = "auto"   // the distribution's where it is version 24 or later, else docker-ce; in the sandbox the distribution's
	ChannelDistro Channel = "distro" // the distribution's docker.io
	ChannelStable Channel = "stable" // docker-ce of download.docker.com
)

// autoMajor is the first version of a distribution's package that channel auto takes.
const autoMajor = 24

// Release is a package of the engine in one version.
type Release struct {
	Package string // docker.io or docker-ce
	Version string // as apt knows it: 20.10.24+dfsg1-1+deb12u1, 5:28.2.2-1~debian.12~bookworm
}

// The packages of the engine.
const (
	packageDistro = "docker.io"
	packageStable = "docker-ce"
)

// Upstream returns the engine's own version: no epoch, no packager's suffix.
func (r Release) Upstream() string {
	v := r.Version
	if _, after, ok := strings.Cut(v, ":"); ok {
		v = after
	}
	if i := strings.IndexAny(v, "+-~"); i >= 0 {
		v = v[:i]
	}
	return v
}

// Major returns the first number of the engine's version; 0 if it cannot be read.
func (r Release) Major() int {
	first, _, _ := strings.Cut(r.Upstream(), ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return n
}

// String returns package and version as apt-get takes them.
func (r Release) String() string { return r.Package + "=" + r.Version }

// Installed returns the release that is installed on a host; docker-ce before docker.io, if ever there are both.
func Installed(f host.EngineFacts) (Release, bool) {
	for _, name := range []string{packageStable, packageDistro} {
		if version, ok := f.Packages[name]; ok {
			return Release{name, version}, true
		}
	}
	return Release{}, false
}

// ClusterRelease returns the release that a cluster's hosts run: that of most of them, and of those the newest. New nodes take it.
func ClusterRelease(hosts []host.EngineFacts) (Release, bool) {
	count := map[Release]int{}
	for _, f := range hosts {
		if r, ok := Installed(f); ok {
			count[r]++
		}
	}
	var all []Release
	for r := range count {
		all = append(all, r)
	}
	if len(all) == 0 {
		return Release{}, false
	}
	return slices.MaxFunc(all, func(a, b Release) int {
		return cmp.Or(cmp.Compare(count[a], count[b]), compareUpstream(a, b), cmp.Compare(a.Version, b.Version))
	}), true
}

// Offer is what one host's repositories offer, newest first, after Prepare.
type Offer struct {
	Node     string
	Releases []Release
}

// Choose returns the release for each of the hosts that have no engine yet, in their order. It is the cluster's where there is one; a host
// whose repositories no longer have it takes another build or patch of the same version, which is remarked on. Without a cluster's release it is
// the newest that all of them offer.
func Choose(current Release, exists bool, offers []Offer) (chosen []Release, notices []string, err error) {
	if len(offers) == 0 {
		return nil, nil, nil
	}
	if !exists {
		for _, r := range offers[0].Releases {
			if !slices.ContainsFunc(offers, func(o Offer) bool { return !slices.Contains(o.Releases, r) }) {
				return slices.Repeat([]Release{r}, len(offers)), nil, nil
			}
		}
		return nil, nil, errs.New(errs.Conflict, "the hosts' repositories have no version of the engine in common: "+describe(offers)).
			WithRemedy("give all nodes the same image, or the same repositories, and run again")
	}
	for _, o := range offers {
		r, ok := nearest(current, o.Releases)
		if !ok {
			return nil, nil, errs.New(errs.Conflict, fmt.Sprintf("%s cannot get the cluster's engine %s: its repositories have %s", o.Node, current, list(o.Releases))).
				WithRemedy("give " + o.Node + " a repository that has " + current.String() + ", or bring the cluster's engines to a version that it has")
		}
		if r != current {
			notices = append(notices, fmt.Sprintf("%s gets %s: its repositories no longer have the cluster's %s", o.Node, r, current))
		}
		chosen = append(chosen, r)
	}
	return chosen, notices, nil
}

// nearest returns the wanted release, or else the newest of the same package and of the same version up to the patch.
func nearest(wanted Release, offered []Release) (Release, bool) {
	if slices.Contains(offered, wanted) {
		return wanted, true
	}
	same := func(minor bool) (Release, bool) {
		for _, r := range offered {
			if r.Package == wanted.Package && (r.Upstream() == wanted.Upstream() || minor && minorOf(r) == minorOf(wanted)) {
				return r, true
			}
		}
		return Release{}, false
	}
	if r, ok := same(false); ok {
		return r, true
	}
	return same(true)
}

// minorOf returns the first two numbers of the version.
func minorOf(r Release) string {
	parts := strings.SplitN(r.Upstream(), ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// compareUpstream compares two versions number by number.
func compareUpstream(a, b Release) int {
	return slices.CompareFunc(strings.Split(a.Upstream(), "."), strings.Split(b.Upstream(), "."), func(x, y string) int {
		m, _ := strconv.Atoi(x) // what is not a number sorts first
		n, _ := strconv.Atoi(y)
		return cmp.Compare(m, n)
	})
}

func describe(offers []Offer) string {
	parts := make([]string, len(offers))
	for i, o := range offers {
		parts[i] = o.Node + " has " + list(o.Releases)
	}
	return strings.Join(parts, "; ")
}

func list(releases []Release) string {
	if len(releases) == 0 {
		return "none"
	}
	names := make([]string, len(releases))
	for i, r := range releases {
		names[i] = r.String()
	}
	return strings.Join(names, ", ")
}

// parseMadison reads what `apt-cache madison` prints, newest first: "docker.io | 20.10.24+dfsg1-1 | http://deb.debian.org/debian bookworm/main amd64 Packages".
func parseMadison(out, name string) []Release {
	var all []Release
	for line := range strings.Lines(out) {
		fields := strings.Split(line, "|")
		if len(fields) != 3 || strings.TrimSpace(fields[0]) != name || strings.Contains(fields[2], "Sources") {
			continue
		}
		if r := (Release{name, strings.TrimSpace(fields[1])}); r.Version != "" && !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all
}
