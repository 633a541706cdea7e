package awsapi

import (
	"context"

	"github.com/aws/smithy-go/middleware"
)

// Fence is asked before every mutating call, each retry of it included. Its error ends the call before anything is sent.
type Fence func(ctx context.Context, action string) error

// fenceCalls puts the fence into the part of the stack that runs once for each attempt.
func fenceCalls(fence Fence) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("SlipwayFence",
			func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
				middleware.FinalizeOutput, middleware.Metadata, error,
			) {
				if call := callOf(ctx); call.Mutating {
					if err := fence(ctx, call.Action()); err != nil {
						return middleware.FinalizeOutput{}, middleware.Metadata{}, err
					}
				}
				return next.HandleFinalize(ctx, in)
			}), "Retry", middleware.After)
	}
}
