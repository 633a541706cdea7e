package server_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// codeOf returns the AWS error code that a client got.
func codeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// calls are one reading call of each of the protocols' services.
func calls(cfg aws.Config) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"sts": func(ctx context.Context) error {
			_, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			return err
		},
		"ec2": func(ctx context.Context) error {
			_, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
			return err
		},
		"iam": func(ctx context.Context) error {
			_, err := iam.NewFromConfig(cfg).ListRoles(ctx, &iam.ListRolesInput{})
			return err
		},
		"ssm": func(ctx context.Context) error {
			_, err := ssm.NewFromConfig(cfg).DescribeParameters(ctx, &ssm.DescribeParametersInput{})
			return err
		},
	}
}

func TestRefusedCredentials(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		key, secret, token string
		region             string
		want               map[string]string
	}{
		"unknown key": {key: "AKIANOBODY", want: map[string]string{
			"sts": "InvalidClientTokenId", "iam": "InvalidClientTokenId", "ssm": "UnrecognizedClientException", "ec2": "AuthFailure",
		}},
		"wrong secret": {secret: "wrong", want: map[string]string{
			"sts": "SignatureDoesNotMatch", "iam": "SignatureDoesNotMatch", "ssm": "InvalidSignatureException", "ec2": "AuthFailure",
		}},
		"a session token that was not given out": {token: "made up", want: map[string]string{
			"sts": "InvalidClientTokenId", "iam": "InvalidClientTokenId", "ssm": "UnrecognizedClientException", "ec2": "AuthFailure",
		}},
		"unknown region": {region: "mars-north-1", want: map[string]string{
			"sts": "SignatureDoesNotMatch", "ssm": "InvalidSignatureException", "ec2": "AuthFailure",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cloud.Start(t, cloud.Options{})
			or := func(v, def string) string {
				if v == "" {
					return def
				}
				return v
			}
			cfg := c.As(or(test.region, "us-east-1"), or(test.key, c.Root.ID), or(test.secret, c.Root.Secret), test.token)
			for service, want := range test.want {
				if got := codeOf(calls(cfg)[service](t.Context())); got != want {
					t.Errorf("%s: got code %q, want %q", service, got, want)
				}
			}
			if n := len(c.Calls()); n != 0 {
				t.Errorf("%d calls reached an action", n)
			}
		})
	}
}

func TestTemporaryCredentialsExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		out, err := sts.NewFromConfig(c.AWS("us-east-1")).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(900)})
		if err != nil {
			t.Fatal(err)
		}
		k := out.Credentials
		cfg := c.As("us-east-1", *k.AccessKeyId, *k.SecretAccessKey, *k.SessionToken)
		for service, call := range calls(cfg) {
			if err := call(t.Context()); err != nil {
				t.Errorf("%s before expiry: %v", service, err)
			}
		}
		<-time.After(15*time.Minute + time.Second)
		for service, want := range map[string]string{"sts": "ExpiredToken", "iam": "ExpiredToken", "ssm": "ExpiredTokenException", "ec2": "RequestExpired"} {
			if got := codeOf(calls(cfg)[service](t.Context())); got != want {
				t.Errorf("%s after expiry: got code %q, want %q", service, got, want)
			}
		}
	})
}

// signed returns a signed request whose parts a test can spoil before it is sent.
func signed(t *testing.T, c *cloud.Cloud) *http.Request {
	t.Helper()
	var caught *http.Request
	cfg := c.AWS("us-east-1")
	cfg.HTTPClient = clientFunc(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		caught = r.Clone(context.Background())
		caught.Body = io.NopCloser(strings.NewReader(string(body)))
		return nil, context.Canceled
	})
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	_ = calls(cfg)["sts"](t.Context()) // only its request is wanted
	if caught == nil {
		t.Fatal("the client sent nothing")
	}
	if caught.Host == "" {
		caught.Host = caught.URL.Host
	}
	return caught
}

type clientFunc func(*http.Request) (*http.Response, error)

func (f clientFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestSpoiltSignatures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		spoil  func(*http.Request)
		status int
		want   string
	}{
		"as it was":    {func(*http.Request) {}, 200, "GetCallerIdentityResult"},
		"not signed":   {func(r *http.Request) { r.Header.Del("Authorization") }, 403, "MissingAuthenticationToken"},
		"other body":   {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("Action=GetCallerIdentity")) }, 403, "SignatureDoesNotMatch"},
		"other host":   {func(r *http.Request) { r.Host = "elsewhere" }, 403, "SignatureDoesNotMatch"},
		"other path":   {func(r *http.Request) { r.URL.Path = "/x" }, 403, "SignatureDoesNotMatch"},
		"added query":  {func(r *http.Request) { r.URL.RawQuery = "a=b" }, 403, "SignatureDoesNotMatch"},
		"other date":   {func(r *http.Request) { r.Header.Set("X-Amz-Date", "20200101T000000Z") }, 400, "IncompleteSignature"},
		"no date":      {func(r *http.Request) { r.Header.Del("X-Amz-Date") }, 400, "IncompleteSignature"},
		"other scheme": {func(r *http.Request) { r.Header.Set("Authorization", "Basic YTpi") }, 400, "IncompleteSignature"},
		"short scope": {func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c")
		}, 400, "IncompleteSignature"},
		"host unsigned":  {func(r *http.Request) { replace(r, "host;", "") }, 400, "IncompleteSignature"},
		"other service":  {func(r *http.Request) { replace(r, "/sts/", "/iam/") }, 403, "SignatureDoesNotMatch"},
		"absent service": {func(r *http.Request) { replace(r, "/sts/", "/s3/") }, 404, "no service &#39;s3&#39;"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cloud.Start(t, cloud.Options{})
			r := signed(t, c)
			test.spoil(r)
			w := httptest.NewRecorder()
			c.Sandbox.API().ServeHTTP(w, r)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, test.status, test.want)
			}
		})
	}
}

func replace(r *http.Request, from, to string) {
	r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), from, to, 1))
}

func TestSkewedClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		r := signed(t, c)
		body, _ := io.ReadAll(r.Body)
		for _, test := range []struct {
			wait   time.Duration
			status int
		}{{4 * time.Minute, 200}, {2 * time.Minute, 403}} {
			<-time.After(test.wait)
			r.Body = io.NopCloser(strings.NewReader(string(body)))
			w := httptest.NewRecorder()
			c.Sandbox.API().ServeHTTP(w, r)
			if w.Code != test.status {
				t.Errorf("after %s more: got %d %s, want %d", test.wait, w.Code, w.Body, test.status)
			}
		}
	})
}
