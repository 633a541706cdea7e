package awsapi

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
)

// Call is one finished call to AWS, its retries included.
type Call struct {
	Service   string // as IAM names it: ec2, elasticloadbalancing, iam, ssm, sts
	Operation string // RunInstances
	Mutating  bool   // it may have changed something
	Took      time.Duration
	Err       error // nil, or as the SDK returned it
}

// Action returns the call as IAM names it, for example ec2:RunInstances.
func (c Call) Action() string { return c.Service + ":" + c.Operation }

// Mutating reports whether an operation of AWS may change something: everything that does not begin like a read.
func Mutating(operation string) bool {
	return !slices.ContainsFunc([]string{"Describe", "Get", "List", "Search", "Simulate", "Lookup"}, func(prefix string) bool {
		return strings.HasPrefix(operation, prefix)
	})
}

// Counter counts calls. Its Observe goes into Options; the zero value is ready.
type Counter struct {
	mu     sync.Mutex
	counts Counts
}

// Counts says how many calls were made.
type Counts struct {
	Reads    int            `json:"reads"`
	Mutating int            `json:"mutating"`
	Failed   int            `json:"failed"` // of both
	ByAction map[string]int `json:"byAction"`
}

// Observe counts a call.
func (c *Counter) Observe(call Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts.ByAction == nil {
		c.counts.ByAction = map[string]int{}
	}
	c.counts.ByAction[call.Action()]++
	if call.Mutating {
		c.counts.Mutating++
	} else {
		c.counts.Reads++
	}
	if call.Err != nil {
		c.counts.Failed++
	}
}

// Counts returns what was counted until now.
func (c *Counter) Counts() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := c.counts
	counts.ByAction = map[string]int{}
	for action, n := range c.counts.ByAction {
		counts.ByAction[action] = n
	}
	return counts
}

// logCalls logs what changes something as Info and the rest as Debug.
func logCalls(logger *slog.Logger) func(Call) {
	return func(call Call) {
		level := slog.LevelDebug
		if call.Mutating {
			level = slog.LevelInfo
		}
		attrs := []slog.Attr{slog.String("action", call.Action()), slog.Duration("took", call.Took)}
		if call.Err != nil {
			attrs = append(attrs, slog.Any("err", call.Err))
		}
		logger.LogAttrs(context.Background(), level, "aws call", attrs...)
	}
}

// observeCalls reports each call when it is over.
func observeCalls(observe []func(Call)) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		if len(observe) == 0 {
			return nil
		}
		// After the service's own metadata was put into the context, and around everything else.
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("SlipwayObserve",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
				middleware.InitializeOutput, middleware.Metadata, error,
			) {
				began := time.Now()
				out, metadata, err := next.HandleInitialize(ctx, in)
				call := callOf(ctx)
				call.Took, call.Err = time.Since(began), err
				for _, o := range observe {
					o(call)
				}
				return out, metadata, err
			}), middleware.After)
	}
}

// callOf names the call that a context belongs to.
func callOf(ctx context.Context) Call {
	operation := awsmiddleware.GetOperationName(ctx)
	return Call{
		Service:   serviceName(awsmiddleware.GetServiceID(ctx)),
		Operation: operation,
		Mutating:  Mutating(operation),
	}
}

// serviceName turns the SDK's name of a service into the one of its IAM actions.
func serviceName(id string) string {
	switch id {
	case "Elastic Load Balancing v2":
		return "elasticloadbalancing"
	default:
		return strings.ToLower(id)
	}
}
