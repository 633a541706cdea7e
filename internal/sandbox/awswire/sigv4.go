package awswire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Signature is the Authorization header of a request signed with AWS Signature Version 4.
type Signature struct {
	AccessKey string
	Date      string // 20261123
	Region    string
	Service   string
	Headers   []string // names of the signed headers, lower case, sorted
	Value     string   // 64 hexadecimal digits
	Time      time.Time
}

// ErrNotSigned says that a request has no Authorization header.
var ErrNotSigned = errors.New("the request is not signed")

const algorithm = "AWS4-HMAC-SHA256"

// ParseSignature reads a request's Authorization and X-Amz-Date headers.
func ParseSignature(r *http.Request) (Signature, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return Signature{}, ErrNotSigned
	}
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return Signature{}, fmt.Errorf("the Authorization header does not begin with %s", algorithm)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[key] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return Signature{}, fmt.Errorf("the credential must be KEY/DATE/REGION/SERVICE/aws4_request, got %q", fields["Credential"])
	}
	when, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return Signature{}, fmt.Errorf("X-Amz-Date must be like 20261123T140000Z, got %q", r.Header.Get("X-Amz-Date"))
	}
	s := Signature{
		AccessKey: scope[0], Date: scope[1], Region: scope[2], Service: scope[3],
		Headers: strings.Split(fields["SignedHeaders"], ";"), Value: fields["Signature"], Time: when,
	}
	switch {
	case s.Value == "" || fields["SignedHeaders"] == "":
		return Signature{}, errors.New("the Authorization header lacks SignedHeaders or Signature")
	case !slices.Contains(s.Headers, "host"):
		return Signature{}, errors.New("the header Host must be signed")
	case s.Date != when.Format("20060102"):
		return Signature{}, errors.New("the date of the credential's scope is not that of X-Amz-Date")
	}
	return s, nil
}

// Matches reports whether the signature is that of the request and body under the secret key.
func (s Signature) Matches(r *http.Request, body []byte, secret string) bool {
	scope := strings.Join([]string{s.Date, s.Region, s.Service, "aws4_request"}, "/")
	toSign := strings.Join([]string{algorithm, r.Header.Get("X-Amz-Date"), scope, hexSum([]byte(s.canonical(r, body)))}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.Date, s.Region, s.Service, "aws4_request", toSign} {
		key = mac(key, part)
	}
	return hmac.Equal([]byte(hex.EncodeToString(key)), []byte(s.Value))
}

// canonical is the request as the signer saw it.
func (s Signature) canonical(r *http.Request, body []byte) string {
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	var headers strings.Builder
	for _, name := range s.Headers {
		fmt.Fprintf(&headers, "%s:%s\n", name, headerValue(r, name))
	}
	return strings.Join([]string{
		r.Method, path, canonicalQuery(r.URL.Query()), headers.String(), strings.Join(s.Headers, ";"), hexSum(body),
	}, "\n")
}

func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return fmt.Sprint(r.ContentLength)
	}
	values := slices.Clone(r.Header.Values(name))
	for i, v := range values {
		values[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(values, ",")
}

func canonicalQuery(query url.Values) string {
	return strings.ReplaceAll(query.Encode(), "+", "%20") // Encode sorts by key
}

func mac(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
