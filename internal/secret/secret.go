// Package secret holds values that must never be printed.
//
// It imports only the standard library. A Secret is immutable and safe for concurrent use.
package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// mask is what a secret prints as, everywhere.
const mask = "***"

// Secret is a string that prints as *** through fmt, log/slog, encoding/json and encoding.TextMarshaler.
// Only Reveal gives the value. Two secrets are compared by what Reveal returns, not with ==.
type Secret struct {
	// A pointer, because fmt prints an unexported field of a struct past every method: it then prints an address.
	value *string
}

var (
	_ fmt.Formatter  = Secret{}
	_ slog.LogValuer = Secret{}
	_ json.Marshaler = Secret{}
)

// New returns a secret of the value.
func New(value string) Secret { return Secret{value: &value} }

// Reveal returns the value, for the one call that needs it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String returns ***.
func (s Secret) String() string { return mask }

// Format prints *** for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(mask)) }

// LogValue logs ***.
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }

// MarshalJSON writes "***".
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(mask) }

// MarshalText writes ***.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }
