package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// errLocked says that another process holds the lock.
var errLocked = errors.New("another process holds the lock")

// lock is an advisory lock on a file; it ends with the process at the latest.
type lock struct{ file *os.File }

// tryLock takes the lock at once, or returns errLocked.
func tryLock(path string) (*lock, error) { return takeLock(path, unix.LOCK_EX|unix.LOCK_NB) }

// waitLock takes the lock as soon as it is free.
func waitLock(ctx context.Context, path string) (*lock, error) {
	type result struct {
		lock *lock
		err  error
	}
	taken := make(chan result, 1)
	go func() {
		l, err := takeLock(path, unix.LOCK_EX)
		taken <- result{l, err}
	}()
	select {
	case r := <-taken:
		return r.lock, r.err
	case <-ctx.Done():
		go func() { // give it back when it comes after all
			if r := <-taken; r.lock != nil {
				r.lock.release()
			}
		}()
		return nil, ctx.Err()
	}
}

func takeLock(path string, how int) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock %s: %w", path, err)
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err == nil {
		return &lock{f}, nil
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errLocked
	}
	return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
}

// release gives the lock back.
func (l *lock) release() { _ = l.file.Close() } // closing cannot fail in a way that keeps the lock
