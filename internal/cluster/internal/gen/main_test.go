package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packageDir is the folder of the package cluster, seen from here.
const packageDir = "../.."

// TestGeneratedFilesAreCurrent fails when the types changed and `make generate` was not run.
func TestGeneratedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	files, err := generate(packageDir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(packageDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not current: run make generate (-generated +committed):\n%s", name, diff)
		}
	}
}

func TestEveryFieldIsDocumented(t *testing.T) {
	t.Parallel()
	visitModel(t, func(path string, n *node) {
		if n.key != "" && n.doc == "" {
			t.Errorf("%s has no comment", path)
		}
	})
}

// TestCommentsTellTheDefaults compares what the comments say with what Load fills in.
func TestCommentsTellTheDefaults(t *testing.T) {
	t.Parallel()
	visitModel(t, func(path string, n *node) {
		// The sizes of disks differ by use, so that the comments of root and data tell them.
		if n.def == nil || n.def == false || strings.HasSuffix(path, ".size") {
			return
		}
		value, err := json.Marshal(n.def)
		if err != nil {
			t.Fatal(err)
		}
		if want := "Default " + strings.Trim(string(value), `"`); !strings.Contains(n.doc, want) {
			t.Errorf("the comment of %s does not say %q: %q", path, want, n.doc)
		}
	})
}

func visitModel(t *testing.T, visit func(path string, n *node)) {
	t.Helper()
	src, err := readSource(packageDir)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := model(src)
	if err != nil {
		t.Fatal(err)
	}
	visitNode(doc, "", visit)
}

func visitNode(n *node, path string, visit func(path string, n *node)) {
	visit(path, n)
	for _, f := range n.fields {
		visitNode(f, strings.TrimPrefix(path+"."+f.key, "."), visit)
	}
	if n.item != nil {
		visitNode(n.item, path+"[]", visit)
	}
}

func TestSchemaIsClosedAndComplete(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(packageDir, "generated/cluster.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s struct {
		Closed     *bool                      `json:"additionalProperties"`
		Required   []string                   `json:"required"`
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	if s.Closed == nil || *s.Closed {
		t.Error("the schema admits unknown keys")
	}
	if diff := cmp.Diff([]string{"version", "name", "cloud", "managers"}, s.Required); diff != "" {
		t.Errorf("required keys (-want +got):\n%s", diff)
	}
	if len(s.Properties) != 11 {
		t.Errorf("the schema has %d keys, want 11", len(s.Properties))
	}
}

// TestOneDocumentHasEveryKey keeps the good document with everything in it complete.
func TestOneDocumentHasEveryKey(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(packageDir, "testdata/everything.good.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	visitModel(t, func(path string, n *node) {
		if !strings.Contains(string(text), n.key+":") {
			t.Errorf("testdata/everything.good.yaml lacks %s", path)
		}
	})
}
