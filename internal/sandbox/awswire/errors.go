package awswire

import (
	"errors"
	"fmt"
)

// APIError is a refusal as AWS words it: a code that clients branch on, a message for people, an HTTP status.
type APIError struct {
	Code    string
	Status  int
	Message string
}

// Error returns code and message.
func (e *APIError) Error() string { return e.Code + ": " + e.Message }

// Errorf returns a refusal with the AWS error code and HTTP status.
func Errorf(code string, status int, format string, args ...any) *APIError {
	return &APIError{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the AWS error code in err's chain, "" if there is none.
func CodeOf(err error) string {
	var e *APIError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
