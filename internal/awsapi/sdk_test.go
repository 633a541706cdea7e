package awsapi

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/logging"
)

// spy is an HTTP client that looks at the bodies of the requests it passes on.
type spy struct {
	next      aws.HTTPClient
	writersTo int
	bodies    []string
}

func (s *spy) Do(r *http.Request) (*http.Response, error) {
	if _, ok := r.Body.(io.WriterTo); ok {
		s.writersTo++
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.bodies = append(s.bodies, string(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	return s.next.Do(r)
}

// TestConnectionsOutliveBodies: net/http never sees a request body that ends the connection when it is closed early.
func TestConnectionsOutliveBodies(t *testing.T) {
	t.Parallel()
	seen := &spy{next: &service{answers: []answer{vpcsSeen}}}
	c := New(aws.Config{
		Region: "us-east-1", HTTPClient: seen, BaseEndpoint: aws.String("http://aws.test"),
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
	}, Options{})
	if err := describeVPCs(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if seen.writersTo > 0 {
		t.Error("the body can still write itself")
	}
	if len(seen.bodies) != 1 || !strings.Contains(seen.bodies[0], "Action=DescribeVpcs") {
		t.Errorf("sent %q", seen.bodies)
	}
}

func TestNoBodyStaysNone(t *testing.T) {
	t.Parallel()
	seen := &spy{next: &service{answers: []answer{vpcsSeen}}}
	r := httptest.NewRequest(http.MethodGet, "http://aws.test", nil)
	r.Body = http.NoBody
	answer, err := (plainBodies{seen}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if seen.writersTo != 1 {
		t.Error("a request without a body was given one, and would be sent in chunks")
	}
}

func TestSDKSpeaksThroughOurLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	newSDKLogger(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))).Logf(logging.Warn, "lost %d", 3)
	if text := out.String(); !strings.Contains(text, `"level":"DEBUG"`) || !strings.Contains(text, `"text":"lost 3"`) {
		t.Errorf("logged %s", text)
	}
	newSDKLogger(nil).Logf(logging.Warn, "to nobody")
}
