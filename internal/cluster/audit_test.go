package cluster_test

import (
	"reflect"
	"regexp"
	"testing"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/secret"
)

// TestNoSecretPrints walks every type that a document or an inventory is made of: a field that sounds like a secret
// must be a secret.Secret, which prints as ***.
func TestNoSecretPrints(t *testing.T) {
	t.Parallel()
	sounds := regexp.MustCompile(`(?i)password|passphrase|secret|token|credential|private|key`)
	// These sound like secrets and are none.
	harmless := map[string]string{
		"SSH.Key":        "says where the key is, and never holds it",
		"Node.HostKey":   "the public half",
		"Node.PrivateIP": "an address",
	}
	used := map[string]bool{}
	visited := map[reflect.Type]bool{}
	var walk func(typ reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Array:
			walk(typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if visited[typ] || typ == reflect.TypeFor[secret.Secret]() {
			return
		}
		visited[typ] = true
		for i := range typ.NumField() {
			f := typ.Field(i)
			if !f.IsExported() {
				continue
			}
			name := typ.Name() + "." + f.Name
			if _, ok := harmless[name]; ok {
				used[name] = true
			} else if sounds.MatchString(f.Name) && f.Type != reflect.TypeFor[secret.Secret]() {
				t.Errorf("%s sounds like a secret, and would print", name)
			}
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[cluster.Document]())
	walk(reflect.TypeFor[cluster.Inventory]())
	for name := range harmless {
		if !used[name] {
			t.Errorf("the exception for %s is not needed any more", name)
		}
	}
}
