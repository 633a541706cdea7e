package awswire

// Protocol is a way to write requests and answers.
type Protocol uint8

// The protocols.
const (
	EC2Query Protocol = iota // form in, <XResponse><requestId> out; lists as Name.1
	AWSQuery                 // form in, <XResponse><XResult> out; lists as Name.member.1
	JSON11                   // JSON in and out; the action in X-Amz-Target
)

// Dialect is how one protocol's services word the refusals that do not belong to an action. Each service of AWS has
// grown its own; the three sets here are those of EC2, of the query services (IAM, STS, ELB) and of the JSON services.
type Dialect struct {
	InvalidAction    string
	MissingParameter string
	InvalidParameter string
	UnknownParameter string
	InvalidToken     string // of NextToken and Marker

	MissingAuth    Refusal // the request is not signed
	MalformedAuth  Refusal // the Authorization header cannot be read
	UnknownKey     Refusal // no such access key
	BadSignature   Refusal // the signature does not match
	SkewedClock    Refusal // signed too long ago or in the future
	ExpiredToken   Refusal // the temporary credentials have expired
	AccessDenied   Refusal // the policies do not allow it
	Throttled      Refusal
	Internal       Refusal
	DryRunPossible bool // knows the parameter DryRun
}

// Refusal is a code with its HTTP status.
type Refusal struct {
	Code   string
	Status int
}

// Errorf returns the refusal with a message.
func (r Refusal) Errorf(format string, args ...any) *APIError {
	return Errorf(r.Code, r.Status, format, args...)
}

// dialects by protocol.
var dialects = [...]Dialect{ //nolint:gochecknoglobals // a constant table
	EC2Query: {
		InvalidAction: "InvalidAction", MissingParameter: "MissingParameter", InvalidParameter: "InvalidParameterValue",
		UnknownParameter: "UnknownParameter", InvalidToken: "InvalidNextToken",
		MissingAuth: Refusal{"MissingAuthenticationToken", 403}, MalformedAuth: Refusal{"AuthFailure", 401},
		UnknownKey: Refusal{"AuthFailure", 401}, BadSignature: Refusal{"AuthFailure", 401},
		SkewedClock: Refusal{"RequestExpired", 400}, ExpiredToken: Refusal{"RequestExpired", 400},
		AccessDenied: Refusal{"UnauthorizedOperation", 403}, Throttled: Refusal{"RequestLimitExceeded", 503},
		Internal: Refusal{"InternalError", 500}, DryRunPossible: true,
	},
	AWSQuery: {
		InvalidAction: "InvalidAction", MissingParameter: "ValidationError", InvalidParameter: "ValidationError",
		UnknownParameter: "ValidationError", InvalidToken: "ValidationError",
		MissingAuth: Refusal{"MissingAuthenticationToken", 403}, MalformedAuth: Refusal{"IncompleteSignature", 400},
		UnknownKey: Refusal{"InvalidClientTokenId", 403}, BadSignature: Refusal{"SignatureDoesNotMatch", 403},
		SkewedClock: Refusal{"SignatureDoesNotMatch", 403}, ExpiredToken: Refusal{"ExpiredToken", 403},
		AccessDenied: Refusal{"AccessDenied", 403}, Throttled: Refusal{"Throttling", 400},
		Internal: Refusal{"ServiceFailure", 500},
	},
	JSON11: {
		InvalidAction: "UnknownOperationException", MissingParameter: "ValidationException", InvalidParameter: "ValidationException",
		UnknownParameter: "ValidationException", InvalidToken: "InvalidNextToken",
		MissingAuth: Refusal{"MissingAuthenticationTokenException", 400}, MalformedAuth: Refusal{"IncompleteSignatureException", 400},
		UnknownKey: Refusal{"UnrecognizedClientException", 400}, BadSignature: Refusal{"InvalidSignatureException", 400},
		SkewedClock: Refusal{"InvalidSignatureException", 400}, ExpiredToken: Refusal{"ExpiredTokenException", 400},
		AccessDenied: Refusal{"AccessDeniedException", 400}, Throttled: Refusal{"ThrottlingException", 400},
		Internal: Refusal{"InternalServerError", 500},
	},
}

// DialectOf returns how the services of a protocol word their refusals.
func DialectOf(p Protocol) *Dialect { return &dialects[p] }
