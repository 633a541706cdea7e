package awsapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// answer is what the fake service gives to one request.
type answer struct {
	status int
	body   string
	err    error // of the transport, instead
}

// service is an HTTP client that answers in turn, the last answer for ever.
type service struct {
	mu      sync.Mutex
	answers []answer
	calls   int
}

func (s *service) Do(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.answers[min(s.calls, len(s.answers)-1)]
	s.calls++
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(bytes.NewBufferString(a.body)), Request: r}, nil
}

// clients returns clients of the service.
func clients(s *service, o Options) *Clients {
	return New(aws.Config{
		Region: "us-east-1", HTTPClient: s, BaseEndpoint: aws.String("http://aws.test"),
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
	}, o)
}

func failure(code, message string) answer {
	return answer{status: 400, body: "<Response><Errors><Error><Code>" + code + "</Code><Message>" + message + "</Message></Error></Errors><RequestID>req-1</RequestID></Response>"}
}

var (
	refused  = answer{err: &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}}
	cut      = answer{err: io.ErrUnexpectedEOF}
	broken   = answer{status: 500, body: "<Response><Errors><Error><Code>InternalError</Code><Message>oops</Message></Error></Errors></Response>"}
	vpcMade  = answer{status: 200, body: `<CreateVpcResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><vpc><vpcId>vpc-1</vpcId></vpc></CreateVpcResponse>`}
	tagged   = answer{status: 200, body: `<CreateTagsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><return>true</return></CreateTagsResponse>`}
	vpcsSeen = answer{status: 200, body: `<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><vpcSet/></DescribeVpcsResponse>`}
)

// noCredentials has none to give.
type noCredentials struct{ err error }

func (n noCredentials) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{}, n.err
}

func TestMutating(t *testing.T) {
	t.Parallel()
	for operation, want := range map[string]bool{
		"DescribeVpcs": false, "GetRole": false, "ListRoles": false, "CreateVpc": true, "PutParameter": true, "RunInstances": true, "AttachVolume": true,
	} {
		if got := Mutating(operation); got != want {
			t.Errorf("%s: got %t", operation, got)
		}
	}
}
