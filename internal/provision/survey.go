package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision/awstask"
	"github.com/slipway-project/slipway/internal/provision/lease"
	"github.com/slipway-project/slipway/internal/provision/resource"
	"github.com/slipway-project/slipway/internal/run"
)

// survey is everything that a plan is made from.
type survey struct {
	found     resource.Found
	leases    []lease.Record
	facts     cluster.CloudFacts
	publicKey string
	images    map[string]awstask.Image // for new nodes, by architecture
	notices   []string
}

// survey reads the cluster, the region and the key at once, checks the document against the region, and then decides
// which images new nodes boot from.
func (p *Provisioner) survey(ctx context.Context, cloud *awstask.Cloud, doc *cluster.Document) (*survey, error) {
	s := &survey{images: map[string]awstask.Image{}}
	newest := map[string]string{}
	err := together(
		func() (err error) { s.found, s.leases, err = p.discover(ctx, cloud); return err },
		func() error {
			key, err := p.deps.PublicKey(ctx)
			s.publicKey = string(key)
			return err
		},
		func() (err error) {
			if s.facts, err = p.Facts(ctx, doc); err != nil {
				return err
			}
			warnings, err := doc.Certify(s.facts)
			for _, w := range warnings {
				s.notices = append(s.notices, w.String())
			}
			if err != nil {
				return err
			}
			for _, arch := range architectures(doc, s.facts) {
				if newest[arch], err = cloud.NewestImage(ctx, doc.Cloud.Image, arch); err != nil {
					return err
				}
			}
			return nil
		},
	)
	if err != nil {
		return nil, err
	}
	for arch, id := range newest {
		if err := s.chooseImage(ctx, cloud, doc, arch, id); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func architectures(doc *cluster.Document, facts cluster.CloudFacts) []string {
	var all []string
	for _, n := range doc.NodeSpecs(nil) {
		all = append(all, facts.Types[n.Type].Arch)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// chooseImage lets new nodes boot what the cluster's nodes booted, as long as the region has it: a vendor's release must
// not make a cluster of two kinds. A newer image is a notice.
func (s *survey) chooseImage(ctx context.Context, cloud *awstask.Cloud, doc *cluster.Document, arch, newest string) error {
	reference := doc.Cloud.Image
	used, ok := s.imageInUse(reference, arch)
	if ok && used != newest {
		s.notices = append(s.notices, fmt.Sprintf("%s has a newer image, %s; the nodes keep %s", reference, newest, used))
	}
	if !s.lacksNode(doc, arch) {
		s.images[arch] = awstask.Image{Reference: reference, ID: cmp.Or(used, newest)}
		return nil
	}
	image, err := cloud.LookUpImage(ctx, reference, cmp.Or(used, newest))
	if ok && used != newest && errs.Is(err, errs.NotFound) {
		s.notices = append(s.notices, fmt.Sprintf("the nodes' image %s is withdrawn: new nodes boot %s", used, newest))
		image, err = cloud.LookUpImage(ctx, reference, newest)
	}
	if errs.Is(err, errs.NotFound) {
		return errs.Wrap(errs.Invalid, err, "cloud.image "+reference).WithRemedy("name an image that the region has")
	}
	s.images[arch] = image
	return err
}

// lacksNode reports whether a node of the architecture has no instance.
func (s *survey) lacksNode(doc *cluster.Document, arch string) bool {
	have := map[resource.Key]bool{}
	for _, o := range s.found.Objects {
		have[o.Key] = true
	}
	return slices.ContainsFunc(doc.NodeSpecs(nil), func(n cluster.NodeSpec) bool {
		return s.facts.Types[n.Type].Arch == arch && !have[awstask.InstanceKey(n.Name)]
	})
}

// imageInUse returns what the cluster's newest instance of the reference and architecture booted.
func (s *survey) imageInUse(reference, arch string) (string, bool) {
	var newest *resource.Object
	for i, o := range s.found.Objects {
		fits := o.Key.Kind() == awstask.KindInstance && o.Fields["image"] == reference && s.facts.Types[o.Fields["type"]].Arch == arch
		if fits && (newest == nil || o.Created.After(newest.Created)) {
			newest = &s.found.Objects[i]
		}
	}
	if newest == nil {
		return "", false
	}
	return newest.Labels["image"], true
}

// discover finds everything of the cluster. Where a run has just died, what it did last may not be visible yet: then it
// waits as long as that may take and looks again, for a plan that is made from half of a cluster is wrong.
func (p *Provisioner) discover(ctx context.Context, cloud *awstask.Cloud) (resource.Found, []lease.Record, error) {
	found, leases, err := discover(ctx, cloud)
	wait := p.unsettled(leases)
	if err != nil || wait <= 0 {
		return found, leases, err
	}
	if err := run.Wait(ctx, wait); err != nil {
		return found, nil, err
	}
	return discover(ctx, cloud)
}

// unsettled returns for how long something that a dead run did may still be invisible. It may have worked for one beat
// more than its lease shows.
func (p *Provisioner) unsettled(leases []lease.Record) time.Duration {
	var wait time.Duration
	for _, r := range leases {
		if r.Holder.Run != p.config.Holder.Run && lease.Dead(r, p.config.Alive, lease.DeadAfter) {
			wait = max(wait, min(p.config.Window, lease.Every+p.config.Window-r.Age))
		}
	}
	return wait
}

// discover finds everything of the cluster, all kinds at once. A kind whose read is denied is noted, not failed.
func discover(ctx context.Context, cloud *awstask.Cloud) (resource.Found, []lease.Record, error) {
	found := resource.Found{Denied: map[string]error{}}
	var leases []lease.Record
	var mu sync.Mutex
	var reads []func() error
	for _, f := range cloud.Finders() {
		reads = append(reads, func() error {
			objects, err := f.Find(ctx)
			err = awsapi.Classify(err)
			mu.Lock()
			defer mu.Unlock()
			if errs.Is(err, errs.Forbidden) {
				for _, kind := range f.Kinds {
					found.Denied[kind] = err
				}
				return nil
			}
			found.Objects = append(found.Objects, objects...)
			return err
		})
	}
	reads = append(reads, func() (err error) {
		leases, err = cloud.Leases().List(ctx)
		if errs.Is(err, errs.Forbidden) {
			mu.Lock()
			defer mu.Unlock()
			found.Denied[kindLease] = err
			return nil
		}
		return err
	})
	if err := together(reads...); err != nil {
		return found, nil, err
	}
	names := map[string]string{}
	for _, o := range found.Objects {
		names[o.ID] = o.Key.Name()
	}
	for i, o := range found.Objects {
		found.Objects[i] = o.Named(func(id string) string { return names[id] })
	}
	return found, leases, nil
}

// together calls the functions at once and returns the failures, each said once: what fails all reads alike, as missing
// credentials do, is one problem.
func together(do ...func() error) error {
	failures := make([]error, len(do))
	var wait sync.WaitGroup
	for i, f := range do {
		wait.Go(func() { failures[i] = f() })
	}
	wait.Wait()
	var all []error
	for _, err := range failures {
		if kind := errs.KindOf(err); err != nil && (kind == errs.Unauthenticated || kind == errs.Unavailable) {
			return err
		}
		if err != nil && !slices.ContainsFunc(all, func(e error) bool { return e.Error() == err.Error() }) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
