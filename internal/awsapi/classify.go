package awsapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/slipway-project/slipway/internal/errs"
)

// Code returns AWS's error code in err's chain, or nothing.
func Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// IsCode reports whether AWS answered with one of the codes.
func IsCode(err error, codes ...string) bool { return err != nil && slices.Contains(codes, Code(err)) }

// Classify turns what the SDK returned into an error of Slipway's vocabulary that names the action, AWS's code and,
// for a refusal, the permission that is missing. An error that is classed already, or of a context that ended, comes
// back as it is. The SDK's error stays in the chain, so Code and Ambiguous still answer.
func Classify(err error) error {
	var known *errs.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		if op, ok := err.(*smithy.OperationError); ok && op != nil { //nolint:errorlint // only the SDK's own wrapping is taken off
			return known
		}
		return err
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded) && !sent(err):
		return err
	case unreachable(err):
		return errs.Wrap(errs.Unavailable, short{err, connectionText(err)}, "the AWS endpoint cannot be reached").WithRetry().
			WithRemedy("check the endpoint and the network; for provider sandbox: slipway sandbox status")
	}
	code := Code(err)
	if code == "" {
		if Ambiguous(err) || sent(err) {
			return errs.Wrap(errs.Unavailable, short{err, connectionText(err)}, action(err)+" got no answer").WithRetry()
		}
		return errs.Wrap(errs.Internal, err, action(err)+" failed")
	}
	kind, remedy := kindOf(code, err)
	if kind == errs.Forbidden {
		missing := missingAction(err)
		return errs.Wrap(errs.Forbidden, detail(err), "no permission for "+missing).WithRemedy("allow " + missing + " in the IAM policy of whoever runs Slipway")
	}
	e := errs.Wrap(kind, detail(err), fmt.Sprintf("%s answered %s", action(err), code)).WithRemedy(remedy)
	if kind == errs.Unavailable {
		e = e.WithRetry()
	}
	return e
}

// kindOf returns the kind of a code and what to do about it. Codes that say more than their shape does come first.
func kindOf(code string, err error) (errs.Kind, string) {
	switch code {
	case "AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException",
		"InvalidAccessKeyId", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature":
		return errs.Unauthenticated, "the access key is not accepted: check AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired":
		return errs.Unauthenticated, "the credentials have expired: log in again, for example: aws sso login"
	case "OptInRequired":
		return errs.Unauthenticated, "enable the region or the service for this account"
	case "UnauthorizedOperation", "AccessDenied", "AccessDeniedException":
		return errs.Forbidden, ""
	case "InsufficientFreeAddressesInSubnet":
		return errs.Exhausted, "the zone's subnet has no free address: remove what else uses it, or make a cluster with a wider network.cidr"
	case "ConcurrentModification", "EntityTemporarilyUnmodifiable": // IAM, while it spreads another change
		return errs.Unavailable, ""
	case "UnsupportedOperation", "Unsupported", "InvalidAction":
		return errs.Invalid, ""
	case "OperationNotPermitted", "DependencyViolation", "DeleteConflict", "IncorrectState", "IncorrectInstanceState",
		"IdempotentParameterMismatch", "EntityAlreadyExists", "ParameterAlreadyExists", "Resource.AlreadyAssociated":
		return errs.Conflict, ""
	case "NoSuchEntity", "ParameterNotFound", "NoSuchEntityException":
		return errs.NotFound, ""
	}
	switch {
	case throttled(err):
		return errs.Unavailable, "AWS throttles this account: try again later"
	case strings.HasPrefix(code, codeLacking):
		return errs.Exhausted, "the zone has no room for this instance type now: wait, or take another type or other zones"
	case strings.HasSuffix(code, "LimitExceeded"), strings.HasPrefix(code, "TooMany"), strings.HasSuffix(code, "LimitExceededException"),
		strings.HasSuffix(code, "QuotaExceeded"):
		return errs.Exhausted, "ask AWS for a higher quota (Service Quotas), or remove what is not needed"
	case strings.HasSuffix(code, "NotFound"), strings.Contains(code, "NotFound."), strings.HasSuffix(code, ".Unknown"):
		return errs.NotFound, ""
	case strings.Contains(code, "Duplicate"), strings.Contains(code, "InUse"), strings.HasSuffix(code, ".Conflict"), strings.HasSuffix(code, "AlreadyExists"):
		return errs.Conflict, ""
	case status(err) >= 500:
		return errs.Unavailable, ""
	case strings.HasPrefix(code, "Invalid"), strings.HasPrefix(code, "Validation"), strings.HasPrefix(code, "Missing"), strings.HasPrefix(code, "Malformed"):
		return errs.Invalid, ""
	default:
		return errs.Internal, ""
	}
}

// action names the failed call as IAM does, for example ec2:CreateVpc.
func action(err error) string {
	var op *smithy.OperationError
	if errors.As(err, &op) {
		return serviceName(op.Service()) + ":" + op.Operation()
	}
	return "an AWS call"
}

// notAuthorized finds the missing action in AWS's message, which may be another one than the call's.
var notAuthorized = regexp.MustCompile(`(?i)not authorized to perform:? ([a-z0-9-]+:[A-Za-z0-9*]+)`)

func missingAction(err error) string {
	if m := notAuthorized.FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	return action(err)
}

func status(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

// sent reports whether the transport failed, rather than the service.
func sent(err error) bool {
	var send *smithyhttp.RequestSendError
	return errors.As(err, &send)
}

// short prints little of an error whose whole text repeats what is said already.
type short struct {
	error
	text string
}

func (s short) Error() string { return s.text }
func (s short) Unwrap() error { return s.error }

// detail is AWS's own message with the request's id.
func detail(err error) error {
	text := ""
	var api smithy.APIError
	if errors.As(err, &api) {
		text = strings.TrimSpace(api.ErrorMessage())
	}
	var id interface{ ServiceRequestID() string }
	if errors.As(err, &id) && id.ServiceRequestID() != "" {
		text = strings.TrimSpace(text + " (request " + id.ServiceRequestID() + ")")
	}
	if text == "" {
		return short{err, "no message"}
	}
	return short{err, text}
}

// connectionText leaves the SDK's prefixes away: dial tcp 127.0.0.1:4570: connect: connection refused.
func connectionText(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		return u.URL + ": " + u.Err.Error()
	}
	return err.Error()
}
