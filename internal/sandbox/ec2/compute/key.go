package compute

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
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

type xmlKeyPair struct {
	ID          string               `xml:"keyPairId"`
	Name        string               `xml:"keyName"`
	Type        string               `xml:"keyType,omitempty"`
	Fingerprint string               `xml:"keyFingerprint"`
	PublicKey   string               `xml:"publicKey,omitempty"`
	Created     awswire.Time         `xml:"createTime"`
	Tags        call.Items[call.Tag] `xml:"tagSet"`
}

func keyPairID(k *state.KeyPair) string { return k.ID }

// keyPairListing returns the listing; the public keys are shown on request only.
func keyPairListing(withPublicKey bool) call.Listing[state.KeyPair, xmlKeyPair] {
	return call.Listing[state.KeyPair, xmlKeyPair]{
		Action: "DescribeKeyPairs", Set: "keySet", IDs: "KeyPairId", Kind: call.KindKeyPair,
		Names: "KeyName", Name: func(k *state.KeyPair) string { return k.Name },
		All: func(s *call.Scope) []*state.KeyPair { return call.Sorted(s.KeyPairs) }, Key: keyPairID, Tags: call.TagsOf(keyPairID),
		Fields: call.Fields[state.KeyPair]{
			"key-pair-id": call.Of(func(k *state.KeyPair) string { return k.ID }),
			"key-name":    call.Of(func(k *state.KeyPair) string { return k.Name }),
			"fingerprint": call.Of(func(k *state.KeyPair) string { return k.Fingerprint }),
		},
		Render: func(r call.Row[state.KeyPair]) xmlKeyPair {
			k := r.It
			x := xmlKeyPair{ID: k.ID, Name: k.Name, Type: k.Type, Fingerprint: k.Fingerprint, Created: awswire.At(k.Created), Tags: r.TagSet(k.ID)}
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
	Tags call.TagSpecs
}

type keyInput struct{ Name, ID string }

func keyActions(a *call.API) []awswire.Action {
	type listInput struct {
		call.Query[state.KeyPair]
		PublicKey bool
	}
	return []awswire.Action{
		call.Op[importKeyInput]{
			Name: "ImportKeyPair", Decode: decodeImportKey, Handle: importKey,
			Creates: func(in importKeyInput) call.TagSpecs { return in.Tags },
		}.Write(a),
		call.Op[listInput]{
			Name: "DescribeKeyPairs",
			Decode: func(p *awswire.Params) listInput {
				return listInput{keyPairListing(false).Decode(p), p.Bool("IncludePublicKey", false)}
			},
			Handle: func(s *call.Scope, in listInput) (any, error) {
				return keyPairListing(in.PublicKey).Describe(s, in.Query)
			},
		}.Read(a),
		call.Op[keyInput]{Name: "DeleteKeyPair", Decode: decodeKey, Handle: deleteKey}.Write(a),
	}
}

func decodeImportKey(p *awswire.Params) importKeyInput {
	in := importKeyInput{Name: p.Required("KeyName"), Tags: call.DecodeTagSpecs(p, "key-pair")}
	material, err := base64.StdEncoding.DecodeString(p.Required("PublicKeyMaterial"))
	if err != nil {
		p.Refuse("InvalidKey.Format", "The public key material is not base64")
	}
	in.Key = material
	return in
}

func importKey(s *call.Scope, in importKeyInput) (any, error) {
	for _, k := range s.KeyPairs {
		if k.Name == in.Name {
			return nil, awswire.Errorf("InvalidKeyPair.Duplicate", 400, "The keypair '%s' already exists.", in.Name)
		}
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(in.Key)
	if err != nil {
		return nil, awswire.Errorf("InvalidKey.Format", 400, "Key is not in valid OpenSSH public key format")
	}
	k := &state.KeyPair{ID: awswire.NewID("key"), Name: in.Name, PublicKey: strings.TrimSpace(string(in.Key)), Created: s.Now}
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
	s.SetTags(k.ID, in.Tags["key-pair"])
	return xmlKeyPair{ID: k.ID, Name: k.Name, Fingerprint: k.Fingerprint, Tags: s.TagSet(k.ID)}, nil
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
func deleteKey(s *call.Scope, in keyInput) (any, error) {
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
func keyNamed(s *call.Scope, name string) *state.KeyPair {
	for _, k := range s.KeyPairs {
		if k.Name == name {
			return k
		}
	}
	return nil
}
