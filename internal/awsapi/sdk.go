package awsapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/logging"
)

// sdkLogger takes what the SDK has to say, which it would else write to the standard error among our own lines. None of
// it is news: what fails is returned as well.
type sdkLogger struct{ logger *slog.Logger }

// Logf implements logging.Logger.
func (l sdkLogger) Logf(class logging.Classification, format string, args ...any) {
	l.logger.LogAttrs(context.Background(), slog.LevelDebug, "the SDK says",
		slog.String("class", string(class)), slog.String("text", fmt.Sprintf(format, args...)))
}

func newSDKLogger(logger *slog.Logger) logging.Logger {
	if logger == nil {
		return logging.Nop{}
	}
	return sdkLogger{logger}
}

// plainBodies hides the method WriteTo of request bodies from net/http. The SDK closes a request's body as soon as the
// response begins; net/http, which looks after what it has sent whether there is more, may look then, and WriteTo of the
// SDK's body answers io.EOF, which Read is allowed to and WriteTo is not. net/http takes it for a failed write and cuts
// the connection in the middle of the response. With a fast endpoint on a busy machine that was the end of one connection
// in ten calls, and of every answer that was not read by then; retry.go says what a lost answer costs a creation.
type plainBodies struct{ client aws.HTTPClient }

// Do implements aws.HTTPClient.
func (p plainBodies) Do(r *http.Request) (*http.Response, error) {
	if _, ok := r.Body.(io.WriterTo); ok && r.Body != http.NoBody {
		r = r.WithContext(r.Context()) // a copy
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return p.client.Do(r)
}
