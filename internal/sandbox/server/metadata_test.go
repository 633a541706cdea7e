package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/sandbox/server"
	"github.com/slipway-project/slipway/internal/sandbox/state"
	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// instance puts an instance with a network interface, a key and a profile straight into the account.
func instance(t *testing.T, c *cloud.Cloud, change func(*state.Instance)) {
	t.Helper()
	err := c.Store.Update(func(d *state.Data) error {
		e := &d.Region("us-east-1").EC2
		i := &state.Instance{
			ID: "i-1", Image: "ami-1", Type: "m5.large", KeyName: "key", VPC: "vpc-1", Subnet: "subnet-1", Zone: "us-east-1a", Interface: "eni-1",
			Hostname: "ip-172-31-0-10", Profile: "arn:aws:iam::123456789012:instance-profile/demo", State: state.InstanceRunning,
			Reservation: "r-1", RootDevice: "/dev/xvda", Metadata: state.MetadataOptions{HopLimit: 2},
		}
		change(i)
		// Stopped, so that the reconciler has nothing to do for it.
		i.State = state.InstanceStopped
		e.Instances[i.ID] = i
		e.VPCs["vpc-1"] = &state.VPC{ID: "vpc-1", CIDR: "172.31.0.0/16"}
		e.Subnets["subnet-1"] = &state.Subnet{ID: "subnet-1", VPC: "vpc-1", CIDR: "172.31.0.0/20", Zone: i.Zone}
		e.SecurityGroups["sg-1"] = &state.SecurityGroup{ID: "sg-1", VPC: "vpc-1", Name: "managers"}
		e.NetworkInterfaces["eni-1"] = &state.NetworkInterface{
			ID: "eni-1", VPC: "vpc-1", Subnet: "subnet-1", MAC: "0a:00:00:00:00:01", PrivateIP: "172.31.0.10", PublicIP: "198.18.0.20",
			Groups: []string{"sg-1"}, Instance: i.ID,
		}
		e.KeyPairs["key-1"] = &state.KeyPair{ID: "key-1", Name: "key", PublicKey: "ssh-ed25519 AAAA"}
		e.Tags[i.ID] = map[string]string{"Name": "manager-1"}
		d.IAM.Profiles["demo"] = &state.Profile{Name: "demo", Path: "/", ID: "AIPA1", Role: "demo-role"}
		d.IAM.Roles["demo-role"] = &state.Role{
			Name: "demo-role", Path: "/", ID: "AROA1",
			Policies: map[string]string{"p": `{"Statement":{"Effect":"Allow","Action":"iam:ListRoles","Resource":"*"}}`},
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ask makes one request from an instance's network interface; headers are name and value in turn.
func ask(c *cloud.Cloud, method, path, endpoint string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://169.254.169.254"+path, nil)
	r.Header.Set(server.EndpointHeader, endpoint)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	c.Sandbox.Metadata().ServeHTTP(w, r)
	return w
}

const (
	ttlHeader   = "X-aws-ec2-metadata-token-ttl-seconds"
	tokenHeader = "X-aws-ec2-metadata-token"
)

func token(t *testing.T, c *cloud.Cloud, ttl int) string {
	t.Helper()
	w := ask(c, http.MethodPut, "/latest/api/token", "eni-1", ttlHeader, strconv.Itoa(ttl))
	if w.Code != http.StatusOK || w.Header().Get(ttlHeader) != strconv.Itoa(ttl) {
		t.Fatalf("got %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestMetadataTree(t *testing.T) {
	t.Parallel()
	c := cloud.Start(t, cloud.Options{})
	instance(t, c, func(i *state.Instance) { i.UserData = base64.StdEncoding.EncodeToString([]byte("hello")) })
	key := token(t, c, 60)
	for path, want := range map[string]string{
		"/":                                           "latest",
		"/latest":                                     "dynamic/\nmeta-data/\nuser-data",
		"/latest/meta-data/instance-id":               "i-1",
		"/2021-07-15/meta-data/instance-id":           "i-1",
		"/latest/meta-data/ami-id":                    "ami-1",
		"/latest/meta-data/instance-type":             "m5.large",
		"/latest/meta-data/local-ipv4":                "172.31.0.10",
		"/latest/meta-data/public-ipv4":               "198.18.0.20",
		"/latest/meta-data/hostname":                  "ip-172-31-0-10.ec2.internal",
		"/latest/meta-data/mac":                       "0a:00:00:00:00:01",
		"/latest/meta-data/placement/":                "availability-zone\nregion",
		"/latest/meta-data/placement/region":          "us-east-1",
		"/latest/meta-data/services/domain":           "amazonaws.com",
		"/latest/meta-data/public-keys/0":             "openssh-key",
		"/latest/meta-data/security-groups":           "managers",
		"/latest/meta-data/iam":                       "info\nsecurity-credentials/",
		"/latest/meta-data/iam/security-credentials/": "demo-role",
		"/latest/meta-data/public-keys/0/openssh-key": "ssh-ed25519 AAAA",
		"/latest/meta-data/network/interfaces/macs/0a:00:00:00:00:01/subnet-ipv4-cidr-block": "172.31.0.0/20",
		"/latest/user-data": "hello",
	} {
		w := ask(c, http.MethodGet, path, "eni-1", tokenHeader, key)
		if diff := cmp.Diff(want, w.Body.String()); diff != "" || w.Code != http.StatusOK {
			t.Errorf("%s: %d (-want +got):\n%s", path, w.Code, diff)
		}
	}
	for _, path := range []string{"/latest/meta-data/none", "/newest/meta-data", "/latest/meta-data/tags", "/latest/meta-data/iam/security-credentials/other"} {
		if w := ask(c, http.MethodGet, path, "eni-1", tokenHeader, key); w.Code != http.StatusNotFound {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
	var document map[string]any
	w := ask(c, http.MethodGet, "/latest/dynamic/instance-identity/document", "eni-1", tokenHeader, key)
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil || document["instanceId"] != "i-1" || document["region"] != "us-east-1" {
		t.Errorf("got document %s", w.Body)
	}
}

func TestMetadataRefusals(t *testing.T) {
	t.Parallel()
	required := func(*state.Instance) {}
	for name, test := range map[string]struct {
		change       func(*state.Instance)
		method, path string
		endpoint     string
		headers      []string
		want         int
	}{
		"no token":                  {required, "GET", "/latest/meta-data/", "eni-1", nil, 401},
		"wrong token":               {required, "GET", "/latest/meta-data/", "eni-1", []string{tokenHeader, "99999999999.x"}, 401},
		"no token, not required":    {func(i *state.Instance) { i.Metadata.TokensOptional = true }, "GET", "/latest/meta-data/", "eni-1", nil, 200},
		"wrong token, not required": {func(i *state.Instance) { i.Metadata.TokensOptional = true }, "GET", "/latest/meta-data/", "eni-1", []string{tokenHeader, "x"}, 401},
		"switched off":              {func(i *state.Instance) { i.Metadata.Disabled = true }, "GET", "/latest/meta-data/", "eni-1", nil, 403},
		"another interface":         {required, "GET", "/latest/meta-data/", "eni-2", nil, 404},
		"no interface":              {required, "GET", "/latest/meta-data/", "", nil, 404},
		"another method":            {required, "POST", "/latest/meta-data/", "eni-1", nil, 405},
		"token through a proxy":     {required, "PUT", "/latest/api/token", "eni-1", []string{ttlHeader, "60", "X-Forwarded-For", "1.2.3.4"}, 403},
		"token for no time":         {required, "PUT", "/latest/api/token", "eni-1", nil, 400},
		"token for too long":        {required, "PUT", "/latest/api/token", "eni-1", []string{ttlHeader, "21601"}, 400},
		"something else to be put":  {required, "PUT", "/latest/meta-data/", "eni-1", []string{ttlHeader, "60"}, 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cloud.Start(t, cloud.Options{})
			instance(t, c, test.change)
			if w := ask(c, test.method, test.path, test.endpoint, test.headers...); w.Code != test.want {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, test.want)
			}
		})
	}
}

func TestMetadataTokenExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		instance(t, c, func(*state.Instance) {})
		key := token(t, c, 60)
		for _, test := range []struct {
			wait time.Duration
			want int
		}{{59 * time.Second, 200}, {2 * time.Second, 401}} {
			<-time.After(test.wait)
			if w := ask(c, http.MethodGet, "/latest/meta-data/", "eni-1", tokenHeader, key); w.Code != test.want {
				t.Errorf("after %s more: got %d, want %d", test.wait, w.Code, test.want)
			}
		}
	})
}

// TestRoleCredentials: an instance acts by its role's policies, with credentials that are renewed in time.
func TestRoleCredentials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := cloud.Start(t, cloud.Options{})
		instance(t, c, func(*state.Instance) {})
		type credentials struct {
			Code, SecretAccessKey, Token, Expiration string
			AccessKeyID                              string `json:"AccessKeyId"`
		}
		get := func() (k credentials) {
			w := ask(c, http.MethodGet, "/latest/meta-data/iam/security-credentials/demo-role", "eni-1", tokenHeader, token(t, c, 60))
			if err := json.Unmarshal(w.Body.Bytes(), &k); err != nil || k.Code != "Success" {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			return k
		}
		k := get()
		cfg := c.As("us-east-1", k.AccessKeyID, k.SecretAccessKey, k.Token)
		who, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || !strings.HasSuffix(*who.Arn, "assumed-role/demo-role/i-1") {
			t.Errorf("got %+v, %v", who, err)
		}
		if _, err := iam.NewFromConfig(cfg).ListRoles(t.Context(), &iam.ListRolesInput{}); err != nil {
			t.Errorf("what the role may: %v", err)
		}
		if _, err := iam.NewFromConfig(cfg).ListUsers(t.Context(), &iam.ListUsersInput{}); codeOf(err) != "AccessDenied" {
			t.Errorf("what the role may not: %v", err)
		}
		if get() != k {
			t.Error("asked again at once, other credentials came")
		}
		<-time.After(5*time.Hour + time.Minute)
		if get().AccessKeyID == k.AccessKeyID {
			t.Error("credentials were not renewed an hour before their end")
		}
	})
}

// TestAPIBesideMetadata: requests on the metadata socket to any other host are for the API, and cannot pretend to be from
// another interface.
func TestAPIBesideMetadata(t *testing.T) {
	t.Parallel()
	c := cloud.Start(t, cloud.Options{})
	r := signed(t, c)
	r.Header.Set(server.EndpointHeader, "eni-1")
	w := httptest.NewRecorder()
	c.Sandbox.Metadata().ServeHTTP(w, r)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "GetCallerIdentityResult") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
