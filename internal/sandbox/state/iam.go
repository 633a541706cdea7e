package state

import "time"

// IAM is the account's users, roles and instance profiles, and the temporary credentials given out.
type IAM struct {
	Users    map[string]*User    `json:"users"`    // by name
	Roles    map[string]*Role    `json:"roles"`    // by name
	Profiles map[string]*Profile `json:"profiles"` // by name
	Keys     map[string]*Key     `json:"keys"`     // by access key id
}

// User is somebody with long-lived keys.
type User struct {
	Name     string            `json:"name"`
	Path     string            `json:"path"` // begins and ends with /
	ID       string            `json:"id"`   // AIDA...
	Created  time.Time         `json:"created"`
	Policies map[string]string `json:"policies"` // inline policy documents by name
	Tags     map[string]string `json:"tags"`
}

// Role is what an instance, or whoever its trust policy names, may act as.
type Role struct {
	Name        string            `json:"name"`
	Path        string            `json:"path"`
	ID          string            `json:"id"` // AROA...
	Created     time.Time         `json:"created"`
	Description string            `json:"description"`
	MaxSession  int               `json:"maxSession"` // seconds
	Trust       string            `json:"trust"`      // policy document
	Policies    map[string]string `json:"policies"`
	Tags        map[string]string `json:"tags"`
}

// Profile carries a role to instances.
type Profile struct {
	Name    string            `json:"name"`
	Path    string            `json:"path"`
	ID      string            `json:"id"` // AIPA...
	Created time.Time         `json:"created"`
	Role    string            `json:"role"`   // name; empty for none
	Usable  time.Time         `json:"usable"` // when EC2 has heard of it and its role
	Tags    map[string]string `json:"tags"`
}

// Key is an access key: a long-lived one of a user or of the root, or a temporary one.
type Key struct {
	ID      string    `json:"id"` // AKIA... or ASIA...
	Secret  string    `json:"secret"`
	Created time.Time `json:"created"`
	Active  bool      `json:"active"`

	User    string    `json:"user,omitempty"` // name; of root, empty
	Root    bool      `json:"root,omitempty"`
	Role    string    `json:"role,omitempty"` // name of the role that a temporary key acts as
	Session string    `json:"session,omitempty"`
	Token   string    `json:"token,omitempty"` // that a temporary key must come with
	Expires time.Time `json:"expires,omitzero"`
}

func (i *IAM) normalize() {
	ensure(&i.Users)
	ensure(&i.Roles)
	ensure(&i.Profiles)
	ensure(&i.Keys)
}

// ARN returns the user's name in policies.
func (u *User) ARN() string { return IAMARN("user", u.Path, u.Name) }

// ARN returns the role's name in policies.
func (r *Role) ARN() string { return IAMARN("role", r.Path, r.Name) }

// ARN returns the profile's name in policies.
func (p *Profile) ARN() string { return IAMARN("instance-profile", p.Path, p.Name) }

// IAMARN returns the ARN of a user, role or instance-profile.
func IAMARN(kind, path, name string) string {
	return "arn:aws:iam::" + Account + ":" + kind + path + name
}
