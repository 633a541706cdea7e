package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/slipway-project/slipway/internal/cluster/strictyaml"
)

// later holds what a document may not say yet, with the message that refuses it: a path, or path=value.
func later() map[string]string {
	return map[string]string{
		"cloud.provider=hosts":     "machines of your own (hosts) are not there yet: use sandbox or aws",
		"network.topology=private": "private nodes are not there yet: use public, and keep network.allow narrow",
		"registry":                 "the trusted registry is not there yet: leave the key out",
		"storage":                  "shared storage is not there yet: leave the key out",
	}
}

// Load decodes and checks the document in data; name is the file's, for messages. The document comes back with its
// defaults filled in.
//
// Every fault is reported at once, as Faults of the kind errs.Invalid, each with its position, its field and what to
// do. The rules that need to know the region are left to Certify.
func Load(name string, data []byte) (*Document, Warnings, error) {
	doc := new(Document)
	decoded := strictyaml.Decode(data, doc, strictyaml.Options{Later: later()})
	doc.source = source{file: name, decoded: decoded}
	doc.fillDefaults()

	var faults Faults
	for _, f := range decoded.Faults {
		faults = append(faults, Finding{File: name, Line: f.Line, Column: f.Column, Field: f.Path, Message: f.Message})
	}
	check := checker{doc: doc}
	if decoded.Readable() {
		check.all()
	}
	faults = append(faults, check.faults...)
	inOrder(faults)
	inOrder(check.warnings)
	if err := faults.err(); err != nil {
		return nil, check.warnings, err
	}
	return doc, check.warnings, nil
}

// Named returns a document that says no more than which cluster is meant, for work that finds everything else by looking.
// It leaves the protection to what the cloud itself protects. Region may be empty for the provider's own; a name or a
// region that no document may have is errs.Invalid.
func Named(provider Provider, region, name string) (*Document, error) {
	text := fmt.Sprintf("version: v1\nname: %q\nmanagers: {count: 1}\nprotect: false\ncloud: {provider: %q", name, provider)
	if region != "" {
		text += fmt.Sprintf(", region: %q", region)
	}
	doc, _, err := Load("", []byte(text+"}\n"))
	var faults Faults
	if errors.As(err, &faults) {
		for i := range faults {
			faults[i].Line = 0 // nobody wrote a file
		}
	}
	return doc, err
}

// inOrder sorts findings as a reader of the document meets them.
func inOrder(f []Finding) {
	slices.SortStableFunc(f, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
