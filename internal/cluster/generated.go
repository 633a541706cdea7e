package cluster

import (
	_ "embed" // for the directives below
	"slices"
)

//go:generate go run ./internal/gen

//go:embed generated/cluster.schema.json
var schema []byte

//go:embed generated/cluster-document.md
var reference []byte

// Schema returns the JSON schema of the document, for editors.
func Schema() []byte { return slices.Clone(schema) }

// Reference returns the reference page of the document, in Markdown.
func Reference() []byte { return slices.Clone(reference) }
