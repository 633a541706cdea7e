package image

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// unfinished begins the name of a directory that is no image yet, or none any more.
const unfinished = ".making-"

// hash is what follows an image's name in the name of its directory.
var hash = regexp.MustCompile(`^[0-9a-f]{16}$`)

// prune removes the images that other recipes of the name made. No host may run on one of them.
func prune(dir, name, key string) error {
	others, _ := filepath.Glob(filepath.Join(dir, name+"-*")) // the pattern is well formed
	for _, other := range others {
		base := filepath.Base(other)
		if base == key || !hash.MatchString(strings.TrimPrefix(base, name+"-")) {
			continue
		}
		doomed := filepath.Join(dir, unfinished+base)
		if err := os.Rename(other, doomed); err != nil { // half of an image must not look like one
			return fmt.Errorf("remove old image: %w", err)
		}
		if err := remove(doomed); err != nil {
			return fmt.Errorf("remove old image: %w", err)
		}
	}
	return nil
}

// removeUnfinished removes what killed runs left. One of them may not be quite dead yet, so that it is tried again by
// the next.
func removeUnfinished(dir string) error {
	leftovers, _ := filepath.Glob(filepath.Join(dir, unfinished+"*")) // the pattern is well formed
	for _, leftover := range leftovers {
		if err := remove(leftover); err != nil {
			return fmt.Errorf("remove what a killed run left: %w", err)
		}
	}
	return nil
}

// remove removes a directory, but nothing of what is mounted below it: that may be the machine's own.
func remove(dir string) error {
	if err := unmountBelow(dir); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}
