package catalog_test

import (
	"strings"
	"testing"

	"github.com/slipway-project/slipway/internal/sandbox/catalog"
)

func TestInstanceTypes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		vcpus, memory int
		nitro         bool
	}{
		"m5.xlarge": {4, 16384, true}, "m5.large": {2, 8192, true}, "c5.xlarge": {4, 8192, true}, "t2.medium": {2, 4096, false},
		"t3.medium": {2, 4096, true}, "m4.large": {2, 8192, false}, "r5.large": {2, 16384, true}, "m3.medium": {1, 3840, false},
	} {
		got, ok := catalog.FindInstanceType(name)
		if !ok || got.VCPUs != want.vcpus || got.MemoryMiB != want.memory || got.Nitro != want.nitro {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	if _, ok := catalog.FindInstanceType("m4.medium"); ok {
		t.Error("m4.medium never existed")
	}
	seen := map[string]bool{}
	for _, it := range catalog.InstanceTypes() {
		if seen[it.Name] || it.VCPUs == 0 || it.MemoryMiB == 0 || it.ClockGHz == 0 {
			t.Errorf("twice or incomplete: %+v", it)
		}
		seen[it.Name] = true
	}
}

func TestImagesDifferFromRegionToRegion(t *testing.T) {
	t.Parallel()
	here, there := catalog.Images("us-east-1"), catalog.Images("eu-west-1")
	if len(here) == 0 || here[0].ID == there[0].ID || !strings.HasPrefix(here[0].ID, "ami-") || len(here[0].ID) != len("ami-")+17 {
		t.Errorf("images: %+v, %+v", here, there)
	}
	for _, image := range here {
		if found, ok := catalog.FindImage("us-east-1", image.ID); !ok || found != image {
			t.Errorf("%s is not found", image.ID)
		}
	}
	if _, ok := catalog.FindImage("us-east-1", there[0].ID); ok {
		t.Error("an image of another region is found")
	}
	if id := catalog.Parameters("us-east-1")["/aws/service/debian/release/12/latest/amd64"]; id != here[0].ID {
		t.Errorf("the parameter names %q, not the newest image %s", id, here[0].ID)
	}
}
