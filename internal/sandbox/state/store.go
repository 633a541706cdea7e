package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/slipway-project/slipway/internal/errs"
)

// Store keeps a Data, in memory and in one file. A change is on the disk before Update returns, so the death of the
// process at any moment loses nothing that somebody was told.
type Store struct {
	path string // empty for a store in memory only

	mu    sync.RWMutex
	data  *Data
	saved []byte // data as of the last successful Update, to return to after a failed one

	watchMu  sync.Mutex
	watchers map[chan struct{}]struct{}
}

// InMemory returns an empty store without a file.
func InMemory() *Store {
	s := &Store{data: &Data{}, watchers: map[chan struct{}]struct{}{}}
	s.data.Normalize()
	s.saved, _ = json.Marshal(s.data) // plain structs always marshal
	return s
}

// Open reads the store's file, or begins an empty store if there is none.
func Open(path string) (*Store, error) {
	s := InMemory()
	s.path = path
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read sandbox state %s: %w", path, err)
	}
	data, err := decode(content)
	if err != nil {
		return nil, errs.Wrap(errs.Internal, err, "read sandbox state "+path).
			WithRemedy("`slipway sandbox reset` begins an empty sandbox; it ends every host in this one")
	}
	s.data, s.saved = data, content
	return s, nil
}

// View calls read with the data, which it must not change or keep. Views run beside one another.
func (s *Store) View(read func(*Data) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return read(s.data)
}

// Update calls change with the data and saves what it did. If change fails, or saving does, everything is as it was
// before. Updates run one after the other; change must not wait for anything.
func (s *Store) Update(change func(*Data) error) error {
	if err := s.update(change); err != nil {
		return err
	}
	s.notify()
	return nil
}

func (s *Store) update(change func(*Data) error) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := false
	defer func() { // after an error and after a panic alike
		if !done {
			s.data, _ = decode(s.saved) // it was encoded by this program
		}
	}()
	if err := change(s.data); err != nil {
		return err
	}
	content, err := json.Marshal(s.data)
	if err != nil {
		return fmt.Errorf("encode sandbox state: %w", err)
	}
	if s.path != "" {
		if err := WriteFile(s.path, content); err != nil {
			return fmt.Errorf("save sandbox state: %w", err)
		}
	}
	s.saved, done = content, true
	return nil
}

// Watch returns a channel that holds a value whenever something was changed since it was last received from, and a
// function that ends the watch.
func (s *Store) Watch() (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	s.watchers[ch] = struct{}{}
	return ch, func() {
		s.watchMu.Lock()
		defer s.watchMu.Unlock()
		delete(s.watchers, ch)
	}
}

func (s *Store) notify() {
	s.watchMu.Lock()
	defer s.watchMu.Unlock()
	for ch := range s.watchers {
		select {
		case ch <- struct{}{}:
		default: // it has not looked at the last change yet
		}
	}
}

func decode(content []byte) (*Data, error) {
	data := &Data{}
	if err := json.Unmarshal(content, data); err != nil {
		return nil, err
	}
	if data.Version != formVersion {
		return nil, fmt.Errorf("the file has version %d of the state's form, this program knows %d", data.Version, formVersion)
	}
	data.Normalize()
	return data, nil
}

// WriteFile replaces a file in one step: whoever reads it sees the old content or the new, and none but its owner may.
func WriteFile(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".state-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
