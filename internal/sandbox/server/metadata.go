package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/iam"
	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// EndpointHeader names the network interface that a request on the metadata socket came from. The cage sets it, and takes
// away what the caller wrote there.
const EndpointHeader = "X-Slipway-Endpoint"

// metadataHost is the address of the metadata service in an instance.
const metadataHost = "169.254.169.254"

// maxTokenLife is the longest life of a session token, in seconds.
const maxTokenLife = 21600

// Metadata is the instance metadata service, version 2, and 1 where an instance's options allow it.
type Metadata struct {
	store  *state.Store
	api    http.Handler // answers requests to any other host: the API's address inside the VPCs
	logger *slog.Logger
	key    []byte // signs session tokens; a restart makes clients ask for new ones
}

// NewMetadata returns the service; requests to other hosts than the metadata address go to api.
func NewMetadata(store *state.Store, api http.Handler, logger *slog.Logger) *Metadata {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return &Metadata{store: store, api: api, logger: logger, key: key}
}

// ServeHTTP answers one request from an instance.
func (m *Metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint := r.Header.Get(EndpointHeader)
	r.Header.Del(EndpointHeader)
	if host, _, _ := strings.Cut(r.Host, ":"); host != metadataHost {
		m.api.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Server", "EC2ws")
	w.Header().Set("Content-Type", "text/plain")
	view, err := m.look(endpoint)
	switch {
	case err != nil:
		http.NotFound(w, r)
	case view.options.Disabled:
		http.Error(w, "the metadata service of this instance is off", http.StatusForbidden)
	case r.Method == http.MethodPut:
		m.giveToken(w, r, endpoint)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case !m.admits(r, endpoint, view.options):
		w.WriteHeader(http.StatusUnauthorized)
	default:
		m.get(w, r, view)
	}
}

// giveToken answers PUT /latest/api/token.
func (m *Metadata) giveToken(w http.ResponseWriter, r *http.Request, endpoint string) {
	if r.URL.Path != "/latest/api/token" {
		http.NotFound(w, r)
		return
	}
	if r.Header.Get("X-Forwarded-For") != "" { // it came through a proxy, which may not be meant to
		w.WriteHeader(http.StatusForbidden)
		return
	}
	life, err := strconv.Atoi(r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds"))
	if err != nil || life < 1 || life > maxTokenLife {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	expires := strconv.FormatInt(time.Now().Add(time.Duration(life)*time.Second).Unix(), 10)
	w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", strconv.Itoa(life))
	m.write(w, expires+"."+m.sign(endpoint, expires))
}

// sign returns the part of a session token that nobody else can make.
func (m *Metadata) sign(endpoint, expires string) string {
	mac := hmac.New(sha256.New, m.key)
	fmt.Fprintf(mac, "%s %s", endpoint, expires)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// admits reports whether the request has a valid session token, or needs none.
func (m *Metadata) admits(r *http.Request, endpoint string, o state.MetadataOptions) bool {
	token := r.Header.Get("X-Aws-Ec2-Metadata-Token")
	if token == "" {
		return o.TokensOptional
	}
	expires, mac, _ := strings.Cut(token, ".")
	until, err := strconv.ParseInt(expires, 10, 64)
	return err == nil && hmac.Equal([]byte(mac), []byte(m.sign(endpoint, expires))) && time.Now().Unix() < until
}

var versions = regexp.MustCompile(`^/(latest|\d{4}-\d{2}-\d{2})(/|$)`)

// get answers a path of the tree: a value, or the names below it, with a slash behind those that have more below them.
func (m *Metadata) get(w http.ResponseWriter, r *http.Request, v view) {
	if r.URL.Path == "/" {
		m.write(w, "latest")
		return
	}
	found := versions.FindString(r.URL.Path)
	if found == "" {
		http.NotFound(w, r)
		return
	}
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, found), "/")
	if role, ok := strings.CutPrefix(path, "meta-data/iam/security-credentials/"); ok && role != "" && role == v.role {
		m.giveCredentials(w, r, v)
		return
	}
	if value, ok := v.tree[path]; ok {
		m.write(w, value)
		return
	}
	names := v.list(path)
	if len(names) == 0 {
		http.NotFound(w, r)
		return
	}
	m.write(w, strings.Join(names, "\n"))
}

// The life of a role's credentials in an instance, and how much of it is left when new ones are given out.
const (
	roleLife  = 6 * time.Hour
	roleFresh = time.Hour
)

// giveCredentials answers with credentials of the instance's role.
func (m *Metadata) giveCredentials(w http.ResponseWriter, r *http.Request, v view) {
	now := time.Now()
	var key state.Key
	find := func(d *state.Data) error {
		for _, k := range d.IAM.Keys {
			if k.Role == v.role && k.Session == v.instance && k.Expires.Sub(now) > roleFresh {
				key = *k
			}
		}
		return nil
	}
	err := m.store.View(find)
	if err == nil && key.ID == "" {
		err = m.store.Update(func(d *state.Data) error {
			key = *iam.Grant(d, iam.Session{Role: v.role, Name: v.instance, Life: roleLife})
			return nil
		})
	}
	if err != nil {
		m.logger.ErrorContext(r.Context(), "failed to make a role's credentials", "instance", v.instance, "role", v.role, "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	m.writeJSON(w, map[string]string{
		"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": key.Created.UTC().Format(time.RFC3339),
		"AccessKeyId": key.ID, "SecretAccessKey": key.Secret, "Token": key.Token, "Expiration": key.Expires.UTC().Format(time.RFC3339),
	})
}

func (m *Metadata) writeJSON(w http.ResponseWriter, value map[string]string) {
	body, _ := json.MarshalIndent(value, "", "  ") // strings always marshal
	m.write(w, string(body))
}

func (m *Metadata) write(w http.ResponseWriter, text string) {
	if _, err := w.Write([]byte(text)); err != nil {
		m.logger.Debug("failed to write metadata", "err", err)
	}
}
