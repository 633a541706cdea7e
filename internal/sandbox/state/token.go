package state

import (
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
)

// tokenLife is how long a client token is remembered. AWS says at least 24 hours; it outlives the object that it made.
const tokenLife = 25 * time.Hour

// Token is what a client token was used for.
type Token struct {
	Fingerprint string    `json:"fingerprint"` // of the request's parameters
	ID          string    `json:"id"`          // of what was made
	Used        time.Time `json:"used"`
}

// Once makes something for a client token, at most once: the first call with a token runs create and remembers the id
// that it returns; the same call again gets that id without running it (the second result is true then); another
// call with the same token is refused with IdempotentParameterMismatch. Without a token create always runs.
func (r *Region) Once(action, token, fingerprint string, now time.Time, create func() (string, error)) (string, bool, error) {
	if token == "" {
		id, err := create()
		return id, false, err
	}
	key := action + "/" + token
	if known, ok := r.Tokens[key]; ok && now.Sub(known.Used) < tokenLife {
		if known.Fingerprint != fingerprint {
			return "", false, awswire.Errorf("IdempotentParameterMismatch", 400,
				"The client token '%s' was used before, with other parameters", token)
		}
		return known.ID, true, nil
	}
	id, err := create()
	if err != nil {
		return "", false, err
	}
	r.Tokens[key] = Token{Fingerprint: fingerprint, ID: id, Used: now}
	for old, t := range r.Tokens {
		if now.Sub(t.Used) >= tokenLife {
			delete(r.Tokens, old)
		}
	}
	return id, false, nil
}
