// Command gen writes what is derived from the types of the cluster document: the JSON schema, the reference page, and
// the examples, which are the samples of `slipway init`. `make generate` runs it in internal/cluster; its test fails
// when the committed output is not current.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

// write writes every generated file; dir is the folder of the package cluster.
func write(dir string) error {
	files, err := generate(dir)
	if err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make folder of %s: %w", path, err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}

// generate returns the content of every generated file by its path relative to dir.
func generate(dir string) (map[string][]byte, error) {
	src, err := readSource(dir)
	if err != nil {
		return nil, err
	}
	doc, err := model(src)
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(doc)
	if err != nil {
		return nil, err
	}
	examples := map[string][]byte{}
	for _, name := range []string{"sandbox.yaml", "aws.yaml"} {
		if examples[name], err = os.ReadFile(filepath.Join(dir, "samples", name)); err != nil {
			return nil, fmt.Errorf("read sample: %w", err)
		}
	}
	page := referenceOf(doc, src, examples["aws.yaml"])
	return map[string][]byte{
		"generated/cluster.schema.json":            schema,
		"generated/cluster-document.md":            page,
		"../../docs/reference/cluster.schema.json": schema,
		"../../docs/reference/cluster-document.md": page,
		"../../examples/sandbox.yaml":              examples["sandbox.yaml"],
		"../../examples/aws.yaml":                  examples["aws.yaml"],
	}, nil
}
