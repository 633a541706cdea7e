//go:build linux

package blockdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// marks is a directory with an empty file for each loop device that the sandboxes of this machine had the kernel make,
// named by its number. Whatever is not in it was there before, or is another program's, and stays. All sandboxes share
// it, since one may use a device that another had made; it is there only while it holds a mark.
type marks struct{ dir string }

func (m marks) path(number int) string { return filepath.Join(m.dir, strconv.Itoa(number)) }

func (m marks) has(number int) bool {
	_, err := os.Lstat(m.path(number))
	return err == nil
}

// add sets a mark. Another sandbox may remove the empty directory at any time.
func (m marks) add(number int) error {
	for {
		if err := os.MkdirAll(m.dir, 0o700); err != nil {
			return fmt.Errorf("note loop device: %w", err)
		}
		err := os.WriteFile(m.path(number), nil, 0o600)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("note loop device: %w", err)
		}
	}
}

// remove takes a mark off.
func (m marks) remove(number int) error {
	if err := os.Remove(m.path(number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget loop device: %w", err)
	}
	return nil
}

// numbers returns the devices that are marked.
func (m marks) numbers() ([]int, error) {
	entries, err := os.ReadDir(m.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read list of loop devices: %w", err)
	}
	var all []int
	for _, entry := range entries {
		if number, err := strconv.Atoi(entry.Name()); err == nil {
			all = append(all, number)
		}
	}
	return all, nil
}

// close removes the directory if it is empty.
func (m marks) close() error {
	err := os.Remove(m.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) {
		return fmt.Errorf("remove list of loop devices: %w", err)
	}
	return nil
}
