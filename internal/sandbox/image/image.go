package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/obs"
)

// DefaultDir is the cache of images that all sandboxes of a machine share.
const DefaultDir = "/var/cache/slipway/images"

// Debian12 is the name of the image of Debian 12; its user is admin.
const Debian12 = "debian-12"

// expected is how long an image takes to make, as far as measured.
const expected = 80 * time.Second

// Config says where images are kept and who is told.
type Config struct {
	Dir      string // empty for DefaultDir
	Logger   *slog.Logger
	Progress obs.Progress // gets the step "sandbox/image/<name>" while an image is made; nil for nobody
}

// Path returns the directory of the named image, NotFound while it was not made.
func Path(cfg Config, name string) (string, error) {
	r, err := find(name)
	if err != nil {
		return "", err
	}
	key, err := r.key(name)
	if err != nil {
		return "", err
	}
	path := filepath.Join(cmp.Or(cfg.Dir, DefaultDir), key)
	if _, err := os.Stat(path); err != nil {
		return "", errs.Wrap(errs.NotFound, err, fmt.Sprintf("image %s was not made yet", name)).
			WithRemedy("Run slipway sandbox start, which makes it.")
	}
	return path, nil
}

// Ensure returns the directory of the named image and makes the image first where it is missing, which takes about a
// minute and 300 MB. Of several callers at once, in other processes too, one makes it and the others wait.
func Ensure(ctx context.Context, cfg Config, name string) (string, error) {
	cfg.Dir = cmp.Or(cfg.Dir, DefaultDir)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if cfg.Progress == nil {
		cfg.Progress = obs.NoProgress
	}
	if path, err := Path(cfg, name); err == nil {
		return path, nil
	}
	r, err := find(name)
	if err != nil {
		return "", err
	}
	key, err := r.key(name)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return "", fmt.Errorf("make image directory: %w", err)
	}
	step := obs.Event{Step: "sandbox/image/" + name, Title: "image " + name, Expected: expected}
	emit := func(state obs.StepState, detail string, err error) {
		step.Time, step.State, step.Detail, step.Err = time.Now(), state, detail, err
		cfg.Progress.Emit(step)
	}
	emit(obs.StepRunning, "makes it by mmdebstrap, once", nil)
	path, err := makeLocked(ctx, cfg, r, name, key)
	if err != nil {
		emit(obs.StepFailed, "", err)
		return "", fmt.Errorf("make image %s: %w", name, err)
	}
	emit(obs.StepDone, "made", nil)
	return path, nil
}

// makeLocked makes the image in a directory that is renamed when it is whole, unless another process did meanwhile.
// Older images of the name go, unless a sandbox runs: its holder may be of a program that knows the older recipe.
func makeLocked(ctx context.Context, cfg Config, r recipe, name, key string) (string, error) {
	unlock, err := lock(ctx, filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	path := filepath.Join(cfg.Dir, key)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := removeUnfinished(cfg.Dir); err != nil {
		cfg.Logger.Warn("failed to clean image directory", "err", err)
	}
	// Apart from what the mmdebstrap of a killed run may still write to.
	making := filepath.Join(cfg.Dir, unfinished+key+"-"+strconv.Itoa(os.Getpid()))
	started := time.Now()
	if err := bootstrap(ctx, r, making, cfg.Logger); err != nil {
		return "", errors.Join(err, remove(making))
	}
	if err := os.Rename(making, path); err != nil {
		return "", fmt.Errorf("put image in place: %w", err)
	}
	cfg.Logger.Info("image made", "path", path, "took", time.Since(started).Round(time.Second))
	lives, err := sandboxLives()
	if err == nil && !lives {
		err = prune(cfg.Dir, name, key)
	}
	if err != nil {
		cfg.Logger.Warn("failed to remove old images", "err", err)
	}
	return path, nil
}

// lock waits for the lock file.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of images: %w", err)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("lock images: %w", err)
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("wait for another process that makes an image: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// missing reports whether the error says that a file is not there.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
