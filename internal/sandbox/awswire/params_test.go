package awswire

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func query(t *testing.T, text string) *Params {
	t.Helper()
	form, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	return ParseQuery(form)
}

// disk is a structure as an action reads it.
type disk struct {
	Device string
	Size   int
	Keep   bool
	Tags   []string
}

func readDisks(p *Params, list string) []disk {
	var all []disk
	for _, item := range p.List(list) {
		ebs := item.Sub("Ebs")
		all = append(all, disk{item.Required("Device"), ebs.Int("Size", 8), !ebs.Bool("Delete", true), ebs.Strings("Tag")})
	}
	return all
}

// TestOneTreeForAllProtocols: the same reading gives the same input whatever flavour the caller speaks.
func TestOneTreeForAllProtocols(t *testing.T) {
	t.Parallel()
	fromJSON, err := ParseJSON([]byte(`{"Disk":[{"Device":"a","Ebs":{"Size":20,"Delete":false,"Tag":["x","y"]}},{"Device":"b","Ebs":null}],"Absent":null}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []disk{{"a", 20, true, []string{"x", "y"}}, {"b", 8, false, nil}}
	for name, p := range map[string]*Params{
		"EC2 query": query(t, "Action=X&Version=1&Disk.1.Device=a&Disk.1.Ebs.Size=20&Disk.1.Ebs.Delete=false&Disk.1.Ebs.Tag.1=x&Disk.1.Ebs.Tag.2=y&Disk.2.Device=b"),
		"AWS query": query(t, "Disk.member.1.Device=a&Disk.member.1.Ebs.Size=20&Disk.member.1.Ebs.Delete=false&"+
			"Disk.member.1.Ebs.Tag.member.1=x&Disk.member.1.Ebs.Tag.member.2=y&Disk.member.2.Device=b"),
		"JSON": fromJSON,
	} {
		if diff := cmp.Diff(want, readDisks(p, "Disk")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if err := p.check(DialectOf(EC2Query)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestListsAreInTheOrderOfTheirNumbers(t *testing.T) {
	t.Parallel()
	p := query(t, "Id.10=j&Id.2=b&Id.1=a&Empty=")
	if diff := cmp.Diff([]string{"a", "b", "j"}, p.Strings("Id")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := p.Strings("Empty"); len(got) != 0 {
		t.Errorf("an empty list has %q", got)
	}
	if err := p.check(DialectOf(AWSQuery)); err != nil {
		t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		query string
		read  func(*Params)
		code  string
		want  string // in the message
	}{
		"nothing wrong":         {"A=1", func(p *Params) { p.Int("A", 0) }, "", ""},
		"unread":                {"A=1&B.1.C=2", func(p *Params) { p.Int("A", 0) }, "UnknownParameter", "B.1.C"},
		"unread beside":         {"L.1.A=1&L.1.B=2", func(p *Params) { p.List("L")[0].String("A") }, "UnknownParameter", "L.1.B"},
		"unread below a leaf":   {"A=1&A.B=2", func(p *Params) { p.String("A") }, "UnknownParameter", "A.B"},
		"missing":               {"", func(p *Params) { p.Required("A") }, "MissingParameter", "parameter A"},
		"missing deep":          {"L.1.B=1", func(p *Params) { item := p.List("L")[0]; item.String("B"); item.Sub("C").Required("A") }, "MissingParameter", "L.1.C.A"},
		"misspelt, not missing": {"Nam=1", func(p *Params) { p.Required("Name") }, "UnknownParameter", "Nam"},
		"no number":             {"A=x", func(p *Params) { p.Int("A", 0) }, "InvalidParameterValue", "'x' for A"},
		"too large":             {"A=9", func(p *Params) { p.IntBetween("A", 0, 1, 8) }, "InvalidParameterValue", "between 1 and 8"},
		"no truth value":        {"A=yes", func(p *Params) { p.Bool("A", false) }, "InvalidParameterValue", "true or false"},
		"not one of":            {"A=x", func(p *Params) { p.OneOf("A", "", "a", "b") }, "InvalidParameterValue", "a, b"},
		"no time":               {"A=noon", func(p *Params) { p.Time("A") }, "InvalidParameterValue", "time"},
		"own code":              {"A=x", func(p *Params) { p.String("A"); p.Refuse("InvalidCombination", "no %s", "way") }, "InvalidCombination", "no way"},
		"filter, no values":     {"Filter.1.Name=x", func(p *Params) { p.Filters() }, "InvalidParameterValue", "'x' has no values"},
		"page too large":        {"MaxResults=1001", func(p *Params) { p.Page(5, 1000) }, "InvalidParameterValue", "between 5 and 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := query(t, test.query)
			test.read(p)
			err := p.check(DialectOf(EC2Query))
			if CodeOf(err) != test.code || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s with %q", err, test.code, test.want)
			}
		})
	}
}

func TestBadJSON(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"{", "[]", `{"a":1}{}`, `"x"`} {
		if _, err := ParseJSON([]byte(body)); err == nil {
			t.Errorf("%s was read", body)
		}
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	same := func(a, b string) bool {
		return query(t, a).fingerprint("ClientToken") == query(t, b).fingerprint("ClientToken")
	}
	if !same("A=1&B.1=2", "B.1=2&A=1&ClientToken=x&Action=Y") {
		t.Error("order, token or action changed the fingerprint")
	}
	for _, other := range []string{"A=2&B.1=2", "A=1", "A=1&B.2=2", "A=1&B.1=2&C="} {
		if same("A=1&B.1=2", other) {
			t.Errorf("%s has the same fingerprint", other)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	f.Add("Action=X&A.1.B=2&A.member.1=3&..=4&A=")
	f.Fuzz(func(t *testing.T, text string) {
		form, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		p := ParseQuery(form)
		readDisks(p, "A")
		p.Filters()
		_ = p.check(DialectOf(EC2Query))
		if p.fingerprint() != ParseQuery(form).fingerprint() {
			t.Error("reading changed the fingerprint")
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(`{"A":[{"Device":1,"Ebs":{"Tag":[null,true]}}]}`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		if p, err := ParseJSON(body); err == nil {
			readDisks(p, "A")
			_ = p.check(DialectOf(JSON11))
		}
	})
}
