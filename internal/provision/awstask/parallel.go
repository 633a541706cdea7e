package awstask

import (
	"context"
	"errors"
	"sync"
)

// each calls do for 0 to n-1, at most 16 at once, and joins what fails.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	slots := make(chan struct{}, 16)
	failures := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if failures[i] = ctx.Err(); failures[i] == nil {
				failures[i] = do(ctx, i)
			}
		})
	}
	wait.Wait()
	return errors.Join(failures...)
}

// both calls the functions at once and joins what fails.
func both(do ...func() error) error {
	failures := make([]error, len(do))
	var wait sync.WaitGroup
	for i, f := range do {
		wait.Go(func() { failures[i] = f() })
	}
	wait.Wait()
	return errors.Join(failures...)
}
