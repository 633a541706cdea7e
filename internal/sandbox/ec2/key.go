package ec2

import (
	"crypto/md5" //nolint:gosec // AWS's form of a fingerprint, no secret depends on it
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlKeyPair struct {
	ID          string       `xml:"keyPairId"`
	Name        string       `xml:"keyName"`
	Type        string       `xml:"keyType,omitempty"`
	Fingerprint string       `xml:"keyFingerprint"`
	PublicKey   string       `xml:"publicKey,omitempty"`
	Created     awswire.Time `xml:"createTime"`
	Tags        items[tag]   `xml:"tagSet"`
}

func keyPairID(k *state.KeyPair) string { return k.ID }

// keyPairListing returns the listing; the public keys are shown on request only.
func keyPairListing(withPublicKey bool) listing[state.KeyPair, xmlKeyPair] {
	return listing[state.KeyPair, xmlKeyPair]{
		action: "DescribeKeyPairs", set: "keySet", ids: "KeyPairId", kind: kindKeyPair,
		names: "KeyName", name: func(k *state.KeyPair) string { return k.Name },
		all: func(s *scope) []*state.KeyPair { return sorted(s.KeyPairs) }, key: keyPairID, tags: tagsOf(keyPairID),
		fields: map[string]func(row[state.KeyPair]) []string{
			"key-pair-id": text(func(r row[state.KeyPair]) string { return r.it.ID }),
			"key-name":    text(func(r row[state.KeyPair]) string { return r.it.Name }),
			"fingerprint": text(func(r row[state.KeyPair]) string { return r.it.Fingerprint }),
		},
		render: func(r row[state.KeyPair]) xmlKeyPair {
			k := r.it
			x := xmlKeyPair{ID: k.ID, Name: k.Name, Type: k.Type, Fingerprint: k.Fingerprint, Created: awswire.At(k.Created), Tags: r.tagSet(k.ID)}
			if withPublicKey {
				x.PublicKey = k.PublicKey
			}
			return x
		},
	}
}

type importKeyInput struct {
	Name string
	Key  []byte // authorized_keys form
	Tags tagSpecs
}

type keyInput struct{ Name, ID string }

func (a *api) keyActions() []awswire.Action {
	type listInput struct {
		query[state.KeyPair]
		PublicKey bool
	}
	return []awswire.Action{
		op[importKeyInput]{
			name: "ImportKeyPair", decode: decodeImportKey, handle: (*scope).importKey,
			creates: func(in importKeyInput) tagSpecs { return in.Tags },
		}.write(a),
		op[listInput]{
			name: "DescribeKeyPairs",
			decode: func(p *awswire.Params) listInput {
				return listInput{keyPairListing(false).decode(p), p.Bool("IncludePublicKey", false)}
			},
			handle: func(s *scope, in listInput) (any, error) { return keyPairListing(in.PublicKey).describe(s, in.query) },
		}.read(a),
		op[keyInput]{name: "DeleteKeyPair", decode: decodeKey, handle: (*scope).deleteKey}.write(a),
	}
}

func decodeImportKey(p *awswire.Params) importKeyInput {
	in := importKeyInput{Name: p.Required("KeyName"), Tags: decodeTagSpecs(p, "key-pair")}
	material, err := base64.StdEncoding.DecodeString(p.Required("PublicKeyMaterial"))
	if err != nil {
		p.Refuse("InvalidKey.Format", "The public key material is not base64")
	}
	in.Key = material
	return in
}

func (s *scope) importKey(in importKeyInput) (any, error) {
	for _, k := range s.KeyPairs {
		if k.Name == in.Name {
			return nil, awswire.Errorf("InvalidKeyPair.Duplicate", 400, "The keypair '%s' already exists.", in.Name)
		}
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(in.Key)
	if err != nil {
		return nil, awswire.Errorf("InvalidKey.Format", 400, "Key is not in valid OpenSSH public key format")
	}
	k := &state.KeyPair{ID: awswire.NewID("key"), Name: in.Name, PublicKey: strings.TrimSpace(string(in.Key)), Created: s.now}
	switch public.Type() {
	case ssh.KeyAlgoRSA:
		k.Type, k.Fingerprint, err = "rsa", "", nil
		if crypto, ok := public.(ssh.CryptoPublicKey); ok {
			k.Fingerprint, err = fingerprint(crypto.CryptoPublicKey())
		}
	case ssh.KeyAlgoED25519:
		k.Type, k.Fingerprint = "ed25519", strings.TrimPrefix(ssh.FingerprintSHA256(public), "SHA256:")+"="
	default:
		return nil, awswire.Errorf("InvalidKey.Format", 400, "Keys of type %s are not supported: only RSA and ED25519", public.Type())
	}
	if err != nil {
		return nil, err
	}
	s.KeyPairs[k.ID] = k
	s.setTags(k.ID, in.Tags["key-pair"])
	return xmlKeyPair{ID: k.ID, Name: k.Name, Fingerprint: k.Fingerprint, Tags: s.tagSet(k.ID)}, nil
}

// fingerprint is AWS's of an imported RSA key: MD5 of its DER form.
func fingerprint(public any) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("encode public key: %w", err)
	}
	sum := md5.Sum(der) //nolint:gosec // see the import
	pairs := make([]string, 0, len(sum))
	for b := range slices.Values(sum[:]) {
		pairs = append(pairs, hex.EncodeToString([]byte{b}))
	}
	return strings.Join(pairs, ":"), nil
}

func decodeKey(p *awswire.Params) keyInput {
	in := keyInput{p.String("KeyName"), p.String("KeyPairId")}
	if in.Name == "" && in.ID == "" {
		p.Refuse("MissingParameter", "The request must contain the parameter KeyName or KeyPairId")
	}
	return in
}

// deleteKey removes a key pair; one that is not there is no fault, as on AWS.
func (s *scope) deleteKey(in keyInput) (any, error) {
	out := struct {
		Return bool   `xml:"return"`
		ID     string `xml:"keyPairId,omitempty"`
	}{Return: true}
	for id, k := range s.KeyPairs {
		if id == in.ID || in.ID == "" && k.Name == in.Name {
			out.ID = id
			delete(s.KeyPairs, id)
			delete(s.Tags, id)
		}
	}
	return out, nil
}

// keyNamed returns the key pair of that name; nil if there is none.
func (s *scope) keyNamed(name string) *state.KeyPair {
	for _, k := range s.KeyPairs {
		if k.Name == name {
			return k
		}
	}
	return nil
}
