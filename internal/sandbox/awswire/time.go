package awswire

import (
	"encoding/json"
	"encoding/xml"
	"strconv"
	"time"
)

// Time is a time in an answer: ISO 8601 in UTC with milliseconds in XML, seconds since 1970 in JSON. A zero Time is left out.
type Time struct{ time.Time }

var (
	_ xml.Marshaler  = Time{}
	_ json.Marshaler = Time{}
)

// At returns t as an answer's time.
func At(t time.Time) Time { return Time{t} }

// ISO is AWS's form of a time in XML and in documents.
func ISO(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// MarshalXML writes 2026-11-23T14:00:00.000Z.
func (t Time) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if t.IsZero() {
		return nil
	}
	return e.EncodeElement(ISO(t.Time), start)
}

// MarshalJSON writes 1795442400.123.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(t.UnixMilli())/1000, 'f', 3, 64), nil
}
