package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/slipway-project/slipway/internal/secret"
)

// holder holds a secret in every way that a type of ours may.
type holder struct {
	Token   secret.Secret
	Pointer *secret.Secret
	List    []secret.Secret
	ByName  map[string]secret.Secret
	Any     any
	hidden  secret.Secret
}

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	const value = "hunter2"
	s := secret.New(value)
	h := holder{Token: s, Pointer: &s, List: []secret.Secret{s}, ByName: map[string]secret.Secret{"a": s}, Any: s, hidden: s}

	var printed []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v"} {
		for _, v := range []any{s, &s} {
			if verb == "%T %v" {
				printed = append(printed, fmt.Sprintf(verb, v, v))
				continue
			}
			printed = append(printed, fmt.Sprintf(verb, v))
		}
	}
	// fmt prints unexported fields past every method.
	printed = append(printed, fmt.Sprintf("%v %+v %#v", h, h, h), fmt.Sprintf("%v %+v", &h, &h.List), fmt.Sprint(s, &s), s.String())
	for _, handler := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(handler(&b)).Info("logged", "token", s, "pointer", &s, "list", h.List)
		printed = append(printed, b.String())
	}
	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	keyed, err := json.Marshal(map[secret.Secret]int{s: 1})
	if err != nil {
		t.Fatal(err)
	}
	printed = append(printed, string(encoded), string(keyed))

	hex := fmt.Sprintf("%x", value)
	for _, p := range printed {
		if strings.Contains(p, value) || strings.Contains(strings.ToLower(p), hex) {
			t.Errorf("the secret is printed: %s", p)
		}
		if !strings.Contains(p, "***") {
			t.Errorf("nothing stands in the secret's place: %s", p)
		}
	}
}

func TestReveal(t *testing.T) {
	t.Parallel()
	if s := secret.New("hunter2"); s.Reveal() != "hunter2" || s.IsZero() {
		t.Errorf("Reveal = %q, IsZero = %t", s.Reveal(), s.IsZero())
	}
	if !(secret.Secret{}).IsZero() || !secret.New("").IsZero() {
		t.Error("a secret of nothing is not zero")
	}
}
