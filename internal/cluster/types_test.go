package cluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
)

// region is a region with a few types of each sort.
func region() cluster.CloudFacts {
	nitro := func(vcpus, gib int) cluster.InstanceType {
		return cluster.InstanceType{VCPUs: vcpus, MemoryMiB: gib << 10, Nitro: true, Arch: "amd64"}
	}
	return cluster.CloudFacts{
		Zones: []string{"us-east-1a", "us-east-1b", "us-east-1c"},
		Types: map[string]cluster.InstanceType{
			"m5.large": nitro(2, 8), "m5.xlarge": nitro(4, 16), "m5.2xlarge": nitro(8, 32),
			"c5.large": nitro(2, 4), "c5.xlarge": nitro(4, 8), "t3.nano": nitro(2, 0), "t3.medium": nitro(2, 4),
			"m4.xlarge": {VCPUs: 4, MemoryMiB: 16 << 10}, "m3.medium": {VCPUs: 1, MemoryMiB: 3840}, "x1.odd": {VCPUs: 64, MemoryMiB: 1 << 20},
		},
	}
}

func document(managers, workers, more string) string {
	return fmt.Sprintf("version: v1\nname: demo\ncloud: {provider: sandbox}\nmanagers: {type: %s}\nworkers: [{name: w, count: 1, type: %s}]\n%s", managers, workers, more)
}

func TestCertifyTypes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		managers, workers, more string
		faults, warnings        []string
	}{
		"recommended": {managers: "m5.xlarge", workers: "m5.large"},
		"least": {
			managers: "m5.large", workers: "c5.large",
			warnings: []string{"cluster.yaml:4:18: managers.type: m5.large has 2 vCPU and 8 GiB; 4 vCPU and 16 GiB are recommended for a manager (SIZE-3)"},
		},
		"unknown": {
			managers: "m5.xlarg", workers: "q9.enormous",
			faults: []string{
				"cluster.yaml:4:18: managers.type: the region has no instance type m5.xlarg; did you mean m5.xlarge?",
				"cluster.yaml:5:37: workers[0].type: the region has no instance type q9.enormous",
			},
		},
		"too small": {
			managers: "c5.large", workers: "t3.nano",
			faults: []string{
				"cluster.yaml:4:18: managers.type: c5.large has 2 vCPU and 4 GiB; a manager needs 2 vCPU and 8 GiB or more: use c5.xlarge (SIZE-1)",
				"cluster.yaml:5:37: workers[0].type: t3.nano has 2 vCPU and 0 GiB; a worker needs 2 vCPU and 4 GiB or more: use t3.medium (SIZE-2)",
			},
		},
		"too small, and allowed": {
			managers: "c5.large", workers: "m5.large", more: "allowUncertified: true\n",
			warnings: []string{"cluster.yaml:4:18: managers.type: c5.large has 2 vCPU and 4 GiB; a manager needs 2 vCPU and 8 GiB or more: use c5.xlarge (SIZE-1)"},
		},
		"Xen, whatever is allowed": {
			managers: "m4.xlarge", workers: "m3.medium", more: "allowUncertified: true\n",
			faults: []string{
				"cluster.yaml:4:18: managers.type: m4.xlarge is a Xen type, which hides the ids of volumes from the host: use m5.xlarge",
				"cluster.yaml:5:37: workers[0].type: m3.medium is a Xen type, which hides the ids of volumes from the host: use m5.large",
			},
		},
		"Xen without a successor": {
			managers: "x1.odd", workers: "m5.large",
			faults: []string{"cluster.yaml:4:18: managers.type: x1.odd is a Xen type, which hides the ids of volumes from the host"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, _, err := cluster.Load("cluster.yaml", []byte(document(tt.managers, tt.workers, tt.more)))
			if err != nil {
				t.Fatal(err)
			}
			warnings, err := doc.Certify(region())
			checkFindings(t, tt.faults, tt.warnings, warnings, err)
		})
	}
}

func TestCertifyZones(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cloud, managers string
		zones           []string
		faults          []string
	}{
		"three of three": {cloud: "{provider: sandbox}", zones: []string{"us-east-1a", "us-east-1b", "us-east-1c"}},
		"two in the region": {
			cloud: "{provider: sandbox}", zones: []string{"us-east-1a", "us-east-1b"},
			faults: []string{"cluster.yaml:3:8: cloud.zones: 3 zones are asked for, and the region has 2: use another region or fewer zones (INFRA-2)"},
		},
		"an unknown name": {
			cloud: "{provider: sandbox, zones: [us-east-1a, us-east-1b, us-east-1z]}", zones: []string{"us-east-1a", "us-east-1b"},
			faults: []string{"cluster.yaml:3:60: cloud.zones[2]: the region has no zone us-east-1z; it has us-east-1a, us-east-1b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, _, err := cluster.Load("cluster.yaml", []byte("version: v1\nname: demo\ncloud: "+tt.cloud+"\nmanagers: {}\n"))
			if err != nil {
				t.Fatal(err)
			}
			facts := region()
			facts.Zones = tt.zones
			warnings, err := doc.Certify(facts)
			checkFindings(t, tt.faults, nil, warnings, err)
		})
	}
}

func checkFindings(t *testing.T, wantFaults, wantWarnings []string, warnings cluster.Warnings, err error) {
	t.Helper()
	var gotWarnings []string
	for _, w := range warnings {
		gotWarnings = append(gotWarnings, w.String())
	}
	if diff := cmp.Diff(wantWarnings, gotWarnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if len(wantFaults) == 0 {
		if err != nil {
			t.Errorf("faults: %v, want none", err)
		}
		return
	}
	if !errs.Is(err, errs.Invalid) {
		t.Fatalf("err = %v, want an invalid error", err)
	}
	if diff := cmp.Diff(strings.Join(wantFaults, "\n"), err.Error()); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}
