package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/host"
	"github.com/slipway-project/slipway/internal/run"
)

// Source says where a host's engine may come from.
type Source struct {
	Channel Channel
	Sandbox bool // the host is one of the sandbox's: auto means the distribution's
}

// Prepare makes a host without an engine ready to install one, and returns what its repositories offer.
func Prepare(ctx context.Context, h host.Host, facts host.Facts, source Source) (Offer, []string, error) {
	offer := Offer{Node: h.Name()}
	a := apt{h}
	if err := settle(ctx, a, facts); err != nil {
		return offer, nil, err
	}
	if source.Channel != ChannelStable {
		releases, err := a.distribution(ctx, facts.ListsAge)
		if err != nil {
			return offer, nil, err
		}
		if source.Channel == ChannelDistro || source.Sandbox || len(releases) > 0 && releases[0].Major() >= autoMajor {
			offer.Releases = releases
			return offer, nil, a.someOffer(offer, packageDistro)
		}
	}
	changes, err := addRepository(ctx, a, facts)
	if err != nil {
		return offer, changes, err
	}
	offer.Releases, err = a.offered(ctx, packageStable)
	if err != nil {
		return offer, changes, err
	}
	return offer, changes, a.someOffer(offer, packageStable)
}

// freshLists is how old apt's package lists may be and still be believed.
const freshLists = 24 * time.Hour

// distribution returns what the distribution offers. Reading its lists takes a host of two processors many seconds, so fresh ones are believed.
func (a apt) distribution(ctx context.Context, age time.Duration) ([]Release, error) {
	if age > 0 && age < freshLists {
		if releases, err := a.offered(ctx, packageDistro); err != nil || len(releases) > 0 {
			return releases, err
		}
	}
	if err := a.get(ctx, "update"); err != nil {
		return nil, err
	}
	return a.offered(ctx, packageDistro)
}

// settle waits for the first boot to be over, and ends what an interrupted dpkg left half done.
func settle(ctx context.Context, a apt, facts host.Facts) error {
	if facts.CloudInit == "running" || facts.CloudInit == "not started" {
		// Its exit code tells of faults that are not ours to judge; what matters to us, apt's sources, is seen by apt.
		if _, err := a.run(ctx, "timeout", "300", "cloud-init", "status", "--wait"); err != nil && host.ExitCode(err) == -1 {
			return fmt.Errorf("wait for cloud-init of %s: %w", a.host.Name(), err)
		}
	}
	began := time.Now()
	for {
		_, err := a.run(ctx, "dpkg", "--configure", "-a")
		if err == nil || !dpkgLocked(err) || time.Since(began) >= lockPatience {
			return a.explain("check", err)
		}
		if err := run.Wait(ctx, 2*time.Second); err != nil {
			return err
		}
	}
}

func dpkgLocked(err error) bool {
	return locked(err) || strings.Contains(err.Error(), "was locked by another process") || strings.Contains(err.Error(), "dpkg frontend lock")
}

// someOffer refuses a host whose repositories do not have the engine at all.
func (a apt) someOffer(offer Offer, name string) error {
	if len(offer.Releases) > 0 {
		return nil
	}
	return errs.New(errs.Unavailable, fmt.Sprintf("the repositories of %s do not have the package %s", a.host.Name(), name)).
		WithRemedy("check its way out and its apt sources (slipway ssh " + a.host.Name() + " -- sudo apt-get update), or choose another engine.channel")
}

// addRepository adds Docker's own repository for the host's distribution.
func addRepository(ctx context.Context, a apt, facts host.Facts) (changes []string, err error) {
	const keyring = "/etc/apt/keyrings/docker.asc"
	base := "https://download.docker.com/linux/" + facts.OS.ID
	if facts.ListsAge == 0 {
		if err := a.get(ctx, "update"); err != nil {
			return nil, err
		}
	}
	if err := a.install(ctx, "ca-certificates", "curl"); err != nil {
		return nil, err
	}
	if _, err := a.host.Run(ctx, host.Script(keyScript, base+"/gpg", keyring)); err != nil {
		return nil, errs.Wrap(errs.Unavailable, err, a.host.Name()+" cannot fetch the key of Docker's repository").WithRetry().
			WithRemedy("check the host's way out to " + base + ", or set engine.channel to distro")
	}
	source := fmt.Sprintf("deb [arch=%s signed-by=%s] %s %s stable\n", facts.Arch, keyring, base, facts.OS.Codename)
	changed, err := a.host.Put(ctx, host.File{Path: "/etc/apt/sources.list.d/docker.list", Mode: 0o644, Content: []byte(source)})
	if err != nil {
		return nil, err
	}
	if changed {
		changes = append(changes, "added Docker's repository")
	}
	return changes, a.get(ctx, "update")
}

// keyScript fetches a repository's key, unless it is there.
const keyScript = `set -e
[ -s "$2" ] && exit 0
mkdir -p -m 0755 "$(dirname "$2")"
t=$(mktemp)
trap 'rm -f "$t"' EXIT
curl -fsSL --retry 3 --max-time 60 -o "$t" "$1"
chmod 0644 "$t"
mv "$t" "$2"
`

// Install installs a release and holds it, so that no upgrade of the host changes the engine behind the cluster's back. The engine starts
// when it is installed: its data volume must be mounted and Configure must have run before.
func Install(ctx context.Context, h host.Host, facts host.Facts, release Release) (changes []string, err error) {
	a := apt{h}
	packages, err := a.family(ctx, release)
	if err != nil {
		return nil, err
	}
	if installed, ok := Installed(facts.Engine); !ok {
		if err := a.install(ctx, packages...); err != nil {
			return nil, err
		}
		changes = append(changes, "installed "+release.String())
	} else if installed != release {
		return nil, errs.New(errs.Conflict, fmt.Sprintf("%s has %s, not %s", h.Name(), installed, release))
	}
	held, err := hold(ctx, a, facts.Engine.Held, packages)
	return append(changes, held...), err
}

// Hold holds the engine's packages of a host that has them.
func Hold(ctx context.Context, h host.Host, facts host.Facts) (changes []string, err error) {
	var packages []string
	for _, name := range []string{packageDistro, "docker-cli", packageStable, "docker-ce-cli", "containerd.io"} {
		if _, ok := facts.Engine.Packages[name]; ok {
			packages = append(packages, name)
		}
	}
	return hold(ctx, apt{h}, facts.Engine.Held, packages)
}

// family returns the packages that make up a release, each with its version where it shares the engine's.
func (a apt) family(ctx context.Context, release Release) ([]string, error) {
	if release.Package == packageStable {
		return []string{release.String(), "docker-ce-cli=" + release.Version, "containerd.io"}, nil
	}
	// From Debian 13 on the client is a package of its own, which the engine only recommends.
	client, err := a.offered(ctx, "docker-cli")
	if err != nil {
		return nil, err
	}
	packages := []string{release.String()}
	if cli := (Release{"docker-cli", release.Version}); slices.Contains(client, cli) {
		packages = append(packages, cli.String())
	}
	return packages, nil
}

// hold holds those of the packages, with or without version, that are not held.
func hold(ctx context.Context, a apt, held, packages []string) ([]string, error) {
	var missing []string
	for _, p := range packages {
		name, _, _ := strings.Cut(p, "=")
		if !slices.Contains(held, name) {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	if _, err := a.run(ctx, append([]string{"apt-mark", "hold"}, missing...)...); err != nil {
		return nil, fmt.Errorf("hold engine's packages on %s: %w", a.host.Name(), err)
	}
	return []string{"held " + strings.Join(missing, ", ")}, nil
}
