//go:build linux

package blockdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
)

const gibibyte = 1 << 30

var validID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

// Files is a directory of volumes, one sparse file each.
type Files struct{ Dir string }

// Path returns the file of the volume, whether it exists or not.
func (f Files) Path(id string) (string, error) {
	if !validID.MatchString(id) {
		return "", errs.New(errs.Invalid, fmt.Sprintf("volume id %q is not made of a-z, 0-9 and dashes", id))
	}
	return filepath.Join(f.Dir, id+".img"), nil
}

// Create makes the volume's file, or makes it larger; it never shrinks one.
func (f Files) Create(id string, sizeGiB int) error {
	path, err := f.Path(id)
	if err != nil {
		return err
	}
	if sizeGiB <= 0 {
		return errs.New(errs.Invalid, fmt.Sprintf("volume %s: size %d GiB is not above 0", id, sizeGiB))
	}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return fmt.Errorf("make volume directory: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("create volume %s: %w", id, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("create volume %s: %w", id, err)
	}
	size := int64(sizeGiB) * gibibyte
	if info.Size() >= size {
		return nil
	}
	if err := file.Truncate(size); err != nil {
		return tooLarge(id, err)
	}
	return nil
}

// Delete removes the volume's file.
func (f Files) Delete(id string) error {
	path, err := f.Path(id)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete volume %s: %w", id, err)
	}
	return nil
}

func tooLarge(id string, err error) error {
	if errors.Is(err, unix.EFBIG) || errors.Is(err, unix.ENOSPC) {
		return errs.Wrap(errs.Exhausted, err, fmt.Sprintf("volume %s is larger than this machine's file system allows", id))
	}
	return fmt.Errorf("grow volume %s: %w", id, err)
}
