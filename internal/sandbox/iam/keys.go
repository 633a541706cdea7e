package iam

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// EnsureRoot returns the root user's access key and makes it if there is none.
func EnsureRoot(store *state.Store) (state.Key, error) {
	var root state.Key
	find := func(data *state.Data) error {
		for _, k := range data.IAM.Keys {
			if k.Root {
				root = *k
			}
		}
		return nil
	}
	if err := store.View(find); err != nil || root.ID != "" {
		return root, err
	}
	err := store.Update(func(data *state.Data) error {
		k := newKey("AKIA")
		k.Root = true
		data.IAM.Keys[k.ID] = k
		root = *k
		return nil
	})
	return root, err
}

// Session describes temporary credentials: of a role (with a session name) or of a user.
type Session struct {
	Role string
	Name string // of a role's session
	User string
	Root bool
	Life time.Duration
}

// Grant makes temporary credentials in the data of an Update.
func Grant(data *state.Data, s Session) *state.Key {
	k := newKey("ASIA")
	k.Role, k.Session, k.User, k.Root = s.Role, s.Name, s.User, s.Root
	k.Token = randomText(96)
	k.Expires = k.Created.Add(s.Life)
	for id, old := range data.IAM.Keys { // expired ones stay for a while, to be refused as expired rather than unknown
		if !old.Expires.IsZero() && k.Created.Sub(old.Expires) > keepExpired {
			delete(data.IAM.Keys, id)
		}
	}
	data.IAM.Keys[k.ID] = k
	return k
}

// keepExpired is how long expired credentials are remembered.
const keepExpired = 24 * time.Hour

func newKey(prefix string) *state.Key {
	return &state.Key{
		ID: newID(prefix), Secret: randomText(30), Created: time.Now().UTC().Truncate(time.Second), Active: true,
	}
}

// newID returns an id of IAM: a prefix that says of what, and 16 letters and digits.
func newID(prefix string) string {
	b := make([]byte, 10)
	_, _ = rand.Read(b) // never fails
	return prefix + base32.StdEncoding.EncodeToString(b)
}

func randomText(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}
