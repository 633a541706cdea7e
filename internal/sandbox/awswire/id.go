package awswire

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
)

// NewID returns a new id of an EC2 resource: the prefix, a hyphen and 17 hexadecimal digits.
func NewID(prefix string) string { return prefix + "-" + randomHex(9)[:17] }

// NewRequestID returns a random UUID.
func NewRequestID() string {
	h := randomHex(16)
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:])
}

// NewHex returns n random hexadecimal digits, as at the end of a load balancer's ARN.
func NewHex(n int) string { return randomHex(n/2 + 1)[:n] }

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails: it ends the program rather
	return hex.EncodeToString(b)
}
