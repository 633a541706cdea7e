package state

import "time"

// SSM is the parameter store of one region.
type SSM struct {
	Parameters map[string]*Parameter `json:"parameters"` // by name
}

// Parameter is one value with a version.
type Parameter struct {
	Name        string            `json:"name"`
	Type        string            `json:"type"` // String, StringList, SecureString
	Value       string            `json:"value"`
	Description string            `json:"description"`
	DataType    string            `json:"dataType"`
	Tier        string            `json:"tier"`
	Pattern     string            `json:"pattern"`
	Version     int64             `json:"version"`
	Modified    time.Time         `json:"modified"`
	Tags        map[string]string `json:"tags"`
}

func (s *SSM) normalize() { ensure(&s.Parameters) }
