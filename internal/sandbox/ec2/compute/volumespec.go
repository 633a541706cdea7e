package compute

import (
	"cmp"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
)

// volumeSpec says what a volume is to be. Zero fields are at their defaults.
type volumeSpec struct {
	SizeGiB    int
	Type       string
	IOPS       int
	Throughput int // MiB/s
	Encrypted  bool
	Snapshot   string
}

// volumeType is what AWS allows of one type of volume.
type volumeType struct {
	minGiB, maxGiB         int
	minIOPS, maxIOPS       int // 0: IOPS cannot be chosen
	defaultIOPS            int
	perGiB                 int // most IOPS for each GiB
	needsIOPS              bool
	defaultThroughput, max int // 0: throughput cannot be chosen
}

var volumeTypes = map[string]volumeType{ //nolint:gochecknoglobals // a constant table
	"gp3":      {minGiB: 1, maxGiB: 16384, minIOPS: 3000, maxIOPS: 16000, defaultIOPS: 3000, perGiB: 500, defaultThroughput: 125, max: 1000},
	"gp2":      {minGiB: 1, maxGiB: 16384},
	"io1":      {minGiB: 4, maxGiB: 16384, minIOPS: 100, maxIOPS: 64000, perGiB: 50, needsIOPS: true},
	"io2":      {minGiB: 4, maxGiB: 65536, minIOPS: 100, maxIOPS: 256000, perGiB: 1000, needsIOPS: true},
	"st1":      {minGiB: 125, maxGiB: 16384},
	"sc1":      {minGiB: 125, maxGiB: 16384},
	"standard": {minGiB: 1, maxGiB: 1024},
}

// decodeVolumeSpec reads the parameters that CreateVolume and a launch's block devices share; they call the size differently.
func decodeVolumeSpec(p *awswire.Params, size string) volumeSpec {
	if key := p.String("KmsKeyId"); key != "" && !p.Bool("Encrypted", false) {
		p.Refuse("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	if snapshot := p.String("SnapshotId"); snapshot != "" {
		p.Refuse("InvalidSnapshot.NotFound", "The snapshot '%s' does not exist.", snapshot)
	}
	return volumeSpec{
		SizeGiB: p.IntBetween(size, 0, 1, 65536), Type: p.String("VolumeType"), IOPS: p.Int("Iops", 0), Throughput: p.Int("Throughput", 0),
		Encrypted: p.Bool("Encrypted", false),
	}
}

// over returns the spec with what it does not say taken from below.
func (v volumeSpec) over(below volumeSpec) volumeSpec {
	v.SizeGiB = cmp.Or(v.SizeGiB, below.SizeGiB)
	v.Type = cmp.Or(v.Type, below.Type)
	v.Snapshot = cmp.Or(v.Snapshot, below.Snapshot)
	return v
}

// complete fills in the defaults and refuses what AWS does.
func (v volumeSpec) complete() (volumeSpec, error) {
	v.Type = cmp.Or(v.Type, "gp2")
	t, ok := volumeTypes[v.Type]
	switch {
	case !ok:
		return v, call.Invalid("Value (%s) for parameter volumeType is invalid. Unknown volume type.", v.Type)
	case v.SizeGiB == 0:
		return v, awswire.Errorf("MissingParameter", 400, "The request must contain the parameter size or snapshotId")
	case v.SizeGiB < t.minGiB || v.SizeGiB > t.maxGiB:
		return v, call.Invalid("Volume of %dGiB is invalid; a volume of type %s has %d to %d GiB.", v.SizeGiB, v.Type, t.minGiB, t.maxGiB)
	case v.IOPS != 0 && t.minIOPS == 0:
		return v, awswire.Errorf("InvalidParameterCombination", 400, "The parameter iops is not supported for %s volumes.", v.Type)
	case v.IOPS == 0 && t.needsIOPS:
		return v, awswire.Errorf("MissingParameter", 400, "The parameter iops must be specified for %s volumes.", v.Type)
	case v.Throughput != 0 && t.max == 0:
		return v, awswire.Errorf("InvalidParameterCombination", 400, "The parameter throughput is not supported for %s volumes.", v.Type)
	}
	v.IOPS = cmp.Or(v.IOPS, t.defaultIOPS)
	v.Throughput = cmp.Or(v.Throughput, t.defaultThroughput)
	switch {
	case t.minIOPS > 0 && (v.IOPS < t.minIOPS || v.IOPS > t.maxIOPS):
		return v, call.Invalid("Volume iops of %d is invalid; %s takes %d to %d.", v.IOPS, v.Type, t.minIOPS, t.maxIOPS)
	case t.perGiB > 0 && v.IOPS > t.defaultIOPS && v.IOPS > t.perGiB*v.SizeGiB:
		return v, call.Invalid("Iops to volume size ratio of %d:%d is too high; the maximum is %d IOPS per GiB.", v.IOPS, v.SizeGiB, t.perGiB)
	case t.max > 0 && (v.Throughput < t.defaultThroughput || v.Throughput > t.max):
		return v, call.Invalid("Throughput of %d MiB/s is invalid; %s takes %d to %d.", v.Throughput, v.Type, t.defaultThroughput, t.max)
	}
	if v.Type == "gp2" {
		v.IOPS = min(max(100, 3*v.SizeGiB), 16000)
	}
	return v, nil
}
