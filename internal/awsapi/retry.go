package awsapi

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// errNotRepeated is joined to the error of a call whose outcome is not known and that would do its work twice.
var errNotRepeated = errors.New("the answer was lost, and the call was not repeated because it may have been carried out")

// attempts is how often one call is tried. Throttled calls need several: the shared limiter does the waiting.
const attempts = 8

// retryer is the SDK's standard one, but slowed by a limiter that all calls share, and never repeating a creation whose
// answer was lost.
type retryer struct {
	aws.RetryerV2
	limit *limiter
}

func newRetryer(limit *limiter) *retryer {
	return &retryer{limit: limit, RetryerV2: retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Backoff = retry.BackoffDelayerFunc(backoff)
	})}
}

// backoff returns a random delay below 100 ms doubled with each attempt, and below 5 s.
func backoff(attempt int, _ error) (time.Duration, error) {
	most := min(100*time.Millisecond<<min(attempt, 10), 5*time.Second)
	return most/4 + rand.N(most*3/4), nil //nolint:gosec // spreads load, keeps no secret
}

// IsErrorRetryable reports whether the SDK should try again. An endpoint that refuses connections is for the caller to
// tell at once, and so is a lack of capacity.
func (r *retryer) IsErrorRetryable(err error) bool {
	return !unreachable(err) && !lacking(err) && r.RetryerV2.IsErrorRetryable(err)
}

// GetAttemptToken waits for the service's speed limit.
func (r *retryer) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	release, err := r.RetryerV2.GetAttemptToken(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.limit.wait(ctx); err != nil {
		return nil, err
	}
	return func(err error) error {
		if throttled(err) {
			r.limit.refused()
		} else if err == nil {
			r.limit.succeeded()
		}
		return release(err)
	}, nil
}

// GetRetryToken refuses to repeat a creation that may have been carried out.
func (r *retryer) GetRetryToken(ctx context.Context, err error) (func(error) error, error) {
	if !repeatable(awsmiddleware.GetOperationName(ctx)) && !throttled(err) {
		return nil, errNotRepeated
	}
	return r.RetryerV2.GetRetryToken(ctx, err)
}

// repeatable reports whether carrying an operation out twice is the same as once. RunInstances always has a client
// token; changes and deletions state what shall be, tags too; creations make a second thing, or are refused the second time.
func repeatable(operation string) bool {
	if operation == "RunInstances" || operation == "CreateTags" {
		return true
	}
	for _, prefix := range []string{"Create", "Allocate", "Import", "Authorize", "Put", "Add", "Attach", "Associate"} {
		if strings.HasPrefix(operation, prefix) {
			return false
		}
	}
	return true
}

// Ambiguous reports whether a failed call may have been carried out all the same: its answer was lost.
func Ambiguous(err error) bool {
	if err == nil || throttled(err) || unreachable(err) || lacking(err) {
		return false
	}
	if errors.Is(err, errNotRepeated) {
		return true
	}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		var garbled *smithy.DeserializationError
		return response.HTTPStatusCode() >= 500 || errors.As(err, &garbled)
	}
	var sent interface{ ConnectionError() bool }
	return errors.As(err, &sent) && sent.ConnectionError()
}

// unreachable reports whether no connection to the endpoint could be made.
func unreachable(err error) bool {
	var dns *net.DNSError
	var op *net.OpError
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
}

// lacking reports whether AWS has no room for what was asked for. It answers so with the status of its own failures, but
// nothing was made, and asking again at once does not help.
func lacking(err error) bool { return strings.HasPrefix(Code(err), codeLacking) }

// codeLacking begins the codes of what AWS has no room for: InsufficientInstanceCapacity, InsufficientFreeAddressesInSubnet.
const codeLacking = "Insufficient"

func throttled(err error) bool {
	return err != nil && retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err) == aws.TrueTernary
}
