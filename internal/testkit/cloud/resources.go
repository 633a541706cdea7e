package cloud

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// Resources lists everything in the account that costs money or blocks something, one line each, sorted: "us-east-1 vpc
// vpc-0abc". Terminated instances are not in it, nor the access keys of the root user and temporary credentials. Compare
// what it returns before and after.
func (c *Cloud) Resources() []string {
	var all []string
	_ = c.Store.View(func(d *state.Data) error { // never fails
		all = d.Resources()
		return nil
	})
	return all
}

// Diff returns the lines that are only in before, with "-", and only in after, with "+".
func Diff(before, after []string) string {
	var b strings.Builder
	for _, line := range before {
		if !slices.Contains(after, line) {
			fmt.Fprintf(&b, "- %s\n", line)
		}
	}
	for _, line := range after {
		if !slices.Contains(before, line) {
			fmt.Fprintf(&b, "+ %s\n", line)
		}
	}
	return b.String()
}
