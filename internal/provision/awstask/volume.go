package awstask

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/provision/resource"
)

func (c *Cloud) volumesByID(ctx context.Context) (map[string]ec2types.Volume, error) {
	all := map[string]ec2types.Volume{}
	err := pages(ctx, ec2.NewDescribeVolumesPaginator(c.aws.EC2, &ec2.DescribeVolumesInput{Filters: c.mine()}), func(p *ec2.DescribeVolumesOutput) {
		for _, v := range p.Volumes {
			all[aws.ToString(v.VolumeId)] = v
		}
	})
	return all, err
}

// looseVolumes returns the volumes that no instance holds: those of living nodes go with their instances.
func looseVolumes(volumes map[string]ec2types.Volume) []resource.Object {
	var all []resource.Object
	for id, v := range volumes {
		if v.State == ec2types.VolumeStateAvailable || v.State == ec2types.VolumeStateError {
			all = append(all, resource.Object{Key: keyOf(v.Tags, KindVolume, id), ID: id, Created: aws.ToTime(v.CreateTime)})
		}
	}
	return all
}

// DisksGone returns when none of the terminated instances' volumes is left that goes with them: EC2 removes them a little
// later than the instances. One that somebody chose to keep is available then, and not waited for. All are looked for
// together.
func (c *Cloud) DisksGone(ctx context.Context, instances []resource.Object, note func(string)) error {
	var waits []func() error
	var disks []string
	for _, o := range instances {
		for _, disk := range []string{o.Labels[diskRoot], o.Labels[diskData]} {
			if disk == "" {
				continue
			}
			disks = append(disks, disk)
			waits = append(waits, func() error {
				return c.volumes.Wait(ctx, disk, func(v ec2types.Volume, found bool) (bool, error) {
					return !found || v.State == ec2types.VolumeStateAvailable, nil
				})
			})
		}
	}
	if len(disks) == 0 {
		return nil
	}
	note("waits for " + strings.Join(disks, ", ") + " to go")
	return both(waits...)
}

// volumeKind removes detached volumes, but only when the whole cluster goes: somebody may have detached one to save it.
func (c *Cloud) volumeKind() resource.Kind {
	return resource.Kind{
		Name: KindVolume, After: []string{KindInstance}, Leave: true,
		Delete: func(ctx context.Context, have resource.Object, _ func(string)) error {
			_, err := c.aws.EC2.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: aws.String(have.ID)})
			return blocked(gone(err, "InvalidVolume.NotFound"), func() string { return "an instance" })
		},
	}
}
