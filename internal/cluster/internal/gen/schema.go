package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// schema is a JSON schema, draft 2020-12, as far as the document needs it. The order of the fields is that of the output.
type schema struct {
	Schema      string     `json:"$schema,omitempty"`
	ID          string     `json:"$id,omitempty"`
	Title       string     `json:"title,omitempty"`
	Description string     `json:"description,omitempty"`
	Type        string     `json:"type,omitempty"`
	Enum        []string   `json:"enum,omitempty"`
	Pattern     string     `json:"pattern,omitempty"`
	Minimum     *int       `json:"minimum,omitempty"`
	Maximum     *int       `json:"maximum,omitempty"`
	Default     any        `json:"default,omitempty"`
	OneOf       []*schema  `json:"oneOf,omitempty"`
	Items       *schema    `json:"items,omitempty"`
	Closed      *bool      `json:"additionalProperties,omitempty"`
	Required    []string   `json:"required,omitempty"`
	Properties  properties `json:"properties,omitempty"`
}

// properties keeps the order of the struct's fields, which a map would not.
type properties []property

type property struct {
	key   string
	value *schema
}

// MarshalJSON writes the properties as one object.
func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, prop := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := encode(prop.value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", prop.key, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode is json.Marshal without the escapes that keep JSON out of HTML, which make patterns unreadable.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// schemaOf returns the JSON schema of the document.
func schemaOf(doc *node) ([]byte, error) {
	s := convert(doc)
	s.Schema = "https://json-schema.org/draft/2020-12/schema"
	s.ID = "https://slipway-project.github.io/slipway/cluster.schema.json"
	s.Title = "Slipway cluster document"
	s.Description = "Everything that an operator decides about a cluster."
	raw, err := encode(s)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return nil, fmt.Errorf("indent schema: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func convert(n *node) *schema {
	s := &schema{Description: n.doc, Enum: n.enum, Pattern: n.pattern, Minimum: n.min, Maximum: n.max, Default: n.def}
	switch n.kind {
	case reflect.Struct:
		closed := false
		s.Type, s.Closed = "object", &closed
		if s.Description == "" {
			s.Description = n.typeDoc
		}
		for _, field := range n.fields {
			if field.required {
				s.Required = append(s.Required, field.key)
			}
			s.Properties = append(s.Properties, property{field.key, convert(field)})
		}
	case reflect.Slice:
		s.Type, s.Items = "array", convert(n.item)
	case reflect.Interface:
		for _, variant := range n.variants {
			s.OneOf = append(s.OneOf, convert(variant))
		}
		s.Pattern = ""
	case reflect.Int:
		s.Type = "integer"
	case reflect.Bool:
		s.Type = "boolean"
	default:
		s.Type = "string"
	}
	return s
}
