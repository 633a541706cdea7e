package daemon

import (
	"context"

	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// ApplyDrill is what the control API does with a drill.
func ApplyDrill(store *state.Store, drill Drill, instance string) error {
	return (&daemon{store: store}).drill(drillRequest{drill, instance})
}

// WaitGone waits until no daemon holds the lock.
func WaitGone(ctx context.Context, cfg Config) error {
	l, err := waitLock(ctx, cfg.withDefaults().daemonLock())
	if err != nil {
		return err
	}
	l.release()
	return nil
}

// RemoveState removes what a sandbox has in its state directory.
func RemoveState(dir string) error { return removeSandbox(dir, stateNames()) }
