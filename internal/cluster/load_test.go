package cluster_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/testkit/golden"
)

// documents returns the names of the documents in testdata with the ending.
func documents(t *testing.T, ending string) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*" + ending)
	if err != nil || len(paths) == 0 {
		t.Fatalf("there is no testdata/*%s (%v)", ending, err)
	}
	return paths
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// lines writes warnings as the golden files hold them.
func lines(w cluster.Warnings) string {
	var b strings.Builder
	for _, f := range w {
		b.WriteString("warning: " + f.String() + "\n")
	}
	return b.String()
}

// TestNamed: a name that could match other clusters, or slip something into the document, is refused.
func TestNamed(t *testing.T) {
	t.Parallel()
	doc, err := cluster.Named(cluster.ProviderSandbox, "", "demo")
	if err != nil || doc.Name != "demo" || doc.Cloud.Region != "us-east-1" || doc.Protected() {
		t.Errorf("got %+v, %v", doc, err)
	}
	if doc, err = cluster.Named(cluster.ProviderAWS, "eu-west-1", "demo"); err != nil || doc.Cloud.Region != "eu-west-1" || doc.Protected() {
		t.Errorf("got %+v, %v", doc, err)
	}
	for _, wrong := range [][2]string{{"us-east-1", "*"}, {"us-east-1", ""}, {"us-east-1", "demo\nprotect: true"}, {"us-*", "demo"}} {
		if doc, err := cluster.Named(cluster.ProviderAWS, wrong[0], wrong[1]); !errs.Is(err, errs.Invalid) || strings.Contains(err.Error(), ":1:") {
			t.Errorf("region %q, name %q: got %+v, %v, want %s without a line", wrong[0], wrong[1], doc, err, errs.Invalid)
		}
	}
}

// TestGoodDocuments loads every good document; its warnings are in the golden file, where it has any.
func TestGoodDocuments(t *testing.T) {
	t.Parallel()
	for _, path := range documents(t, ".good.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			_, warnings, err := cluster.Load("cluster.yaml", read(t, path))
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, strings.TrimSuffix(path, ".yaml")+".txt", lines(warnings))
		})
	}
}

// TestBadDocuments loads every bad document; all its faults and warnings are in the golden file.
func TestBadDocuments(t *testing.T) {
	t.Parallel()
	for _, path := range documents(t, ".bad.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			doc, warnings, err := cluster.Load("cluster.yaml", read(t, path))
			if doc != nil || !errs.Is(err, errs.Invalid) {
				t.Fatalf("Load = %v, %v; want no document and an invalid error", doc, err)
			}
			golden.Check(t, strings.TrimSuffix(path, ".yaml")+".txt", err.Error()+"\n"+lines(warnings))
		})
	}
}

func TestExamplesAreSamples(t *testing.T) {
	t.Parallel()
	for _, provider := range []cluster.Provider{cluster.ProviderSandbox, cluster.ProviderAWS} {
		sample, err := cluster.Sample(provider)
		if err != nil {
			t.Fatal(err)
		}
		doc, warnings, err := cluster.Load("sample", sample)
		if err != nil || len(warnings) > 0 || doc.Cloud.Provider != provider {
			t.Errorf("the sample for %s: %v, %v", provider, warnings, err)
		}
	}
	if _, err := cluster.Sample("gcp"); !errs.Is(err, errs.NotFound) {
		t.Errorf("Sample(gcp) = %v, want not found", err)
	}
}

func TestLoadFillsDefaults(t *testing.T) {
	t.Parallel()
	doc, _, err := cluster.Load("cluster.yaml", read(t, "testdata/least.good.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	machine := []string{"198.18.0.0/15"}
	if diff := cmp.Diff(cluster.Allow{SSH: machine, HTTPS: machine}, doc.Network.Allow); diff != "" {
		t.Errorf("allow of the sandbox (-want +got):\n%s", diff)
	}
	if doc.Protected() || doc.Cloud.Region != "us-east-1" || doc.Cloud.Zones.Count != 3 {
		t.Errorf("cloud of the sandbox = %+v, protected %t", doc.Cloud, doc.Protected())
	}
	want := cluster.Managers{
		Count: 3, Type: "m5.xlarge",
		Root: cluster.Disk{Size: 40, Type: "gp3"}, Data: cluster.Disk{Size: 100, Type: "gp3"},
	}
	if diff := cmp.Diff(want, doc.Managers); diff != "" {
		t.Errorf("managers (-want +got):\n%s", diff)
	}

	aws := cluster.Defaults(cluster.ProviderAWS)
	if !aws.Protected() || aws.Cloud.Region != "" || aws.Network.Allow.SSH != nil {
		t.Errorf("defaults in AWS: protected %t, region %q, SSH from %v", aws.Protected(), aws.Cloud.Region, aws.Network.Allow.SSH)
	}
}

func TestWhatIsWrittenStays(t *testing.T) {
	t.Parallel()
	doc, _, err := cluster.Load("cluster.yaml", []byte(
		"version: v1\nname: demo\ncloud: {provider: sandbox}\nmanagers: {}\nprotect: true\nengine: {metrics: false}\nnetwork: {allow: {ssh: [], https: [10.0.0.0/8]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if !doc.Protected() || *doc.Engine.Metrics || len(doc.Network.Allow.SSH) != 0 || doc.Network.Allow.HTTPS[0] != "10.0.0.0/8" {
		t.Errorf("what the document says was replaced by defaults: %+v", doc)
	}
}

func TestFaultsAsData(t *testing.T) {
	t.Parallel()
	_, _, err := cluster.Load("c.yaml", read(t, "testdata/two-zones.bad.yaml"))
	var faults cluster.Faults
	if !errors.As(err, &faults) || len(faults) != 2 {
		t.Fatalf("Load = %v, want two faults", err)
	}
	got := faults[0]
	got.Message = ""
	want := cluster.Finding{File: "c.yaml", Line: 3, Column: 35, Field: "cloud.zones", Rule: "INFRA-2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("finding (-want +got):\n%s", diff)
	}
}

func TestSchemaAndReference(t *testing.T) {
	t.Parallel()
	if !bytes.Contains(cluster.Schema(), []byte(`"allowUncertified"`)) || !bytes.Contains(cluster.Reference(), []byte("`allowUncertified`")) {
		t.Error("the schema or the reference page lacks a key of the document")
	}
}

// FuzzLoad sends anything to Load: it must not panic, and say of what it refuses that it is invalid.
func FuzzLoad(f *testing.F) {
	for _, ending := range []string{".good.yaml", ".bad.yaml"} {
		paths, err := filepath.Glob("testdata/*" + ending)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, _, err := cluster.Load("fuzz.yaml", data)
		if err != nil {
			if doc != nil || !errs.Is(err, errs.Invalid) {
				t.Fatalf("Load = %v, %v", doc, err)
			}
			return
		}
		// What Load accepts, the functions that build on it must bear.
		specs := doc.NodeSpecs(doc.Cloud.Zones.Pick([]string{"a", "b", "c", "d", "e", "f"}))
		overlay, bridge := doc.Network.Pools()
		if len(specs) < 1 || overlay.Overlaps(bridge) || doc.Network.Subnet(0).Overlaps(doc.Network.Subnet(1)) {
			t.Fatalf("%d nodes, pools %s and %s", len(specs), overlay, bridge)
		}
	})
}
