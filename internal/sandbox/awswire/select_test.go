package awswire

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"", "a", false},
		{"a", "a", true},
		{"a", "A", false},
		{"*", "", true},
		{"*", "abc", true},
		{"a*", "abc", true},
		{"*c", "abc", true},
		{"a*c", "abc", true},
		{"a*b", "abc", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*a*b*", "xaxbx", true},
		{"*aab", "aaaab", true},
		{`a\*`, "a*", true},
		{`a\*`, "ab", false},
		{`a\?c`, "a?c", true},
		{`a\?c`, "abc", false},
		{"ä?", "äö", true},
	} {
		if got := Match(test.pattern, test.text); got != test.want {
			t.Errorf("Match(%q, %q) = %v", test.pattern, test.text, got)
		}
	}
}

type thing struct {
	id, state string
	tags      map[string]string
}

var things = []thing{
	{"i-1", "running", map[string]string{"Name": "a", "slipway:cluster": "demo"}},
	{"i-2", "stopped", map[string]string{"Name": "b"}},
	{"i-3", "running", nil},
}

var thingFilters = FilterSet[thing]{
	Fields: map[string]func(thing) []string{"state": func(x thing) []string { return []string{x.state} }},
	Tags:   func(x thing) map[string]string { return x.tags },
}

func TestSelect(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		filters []Filter
		want    []string
		code    string
	}{
		"no filter":         {nil, []string{"i-1", "i-2", "i-3"}, ""},
		"field":             {[]Filter{{"state", []string{"running"}}}, []string{"i-1", "i-3"}, ""},
		"any of the values": {[]Filter{{"state", []string{"pending", "st*"}}}, []string{"i-2"}, ""},
		"all filters":       {[]Filter{{"state", []string{"running"}}, {"tag:Name", []string{"?"}}}, []string{"i-1"}, ""},
		"tag with a colon":  {[]Filter{{"tag:slipway:cluster", []string{"demo"}}}, []string{"i-1"}, ""},
		"tag key":           {[]Filter{{"tag-key", []string{"Name"}}}, []string{"i-1", "i-2"}, ""},
		"unknown":           {[]Filter{{"colour", []string{"red"}}}, nil, "InvalidParameterValue"},
	} {
		got, err := thingFilters.Select(things, test.filters)
		if CodeOf(err) != test.code {
			t.Errorf("%s: got error %v", name, err)
		}
		var ids []string
		for _, x := range got {
			ids = append(ids, x.id)
		}
		if diff := cmp.Diff(test.want, ids); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestUnknownFilterIsRefusedWithoutObjects(t *testing.T) {
	t.Parallel()
	if _, err := thingFilters.Select(nil, []Filter{{"colour", []string{"red"}}}); CodeOf(err) != "InvalidParameterValue" {
		t.Errorf("got %v", err)
	}
	untagged := FilterSet[thing]{Fields: thingFilters.Fields}
	if _, err := untagged.Select(nil, []Filter{{"tag:Name", []string{"a"}}}); CodeOf(err) != "InvalidParameterValue" {
		t.Errorf("a kind without tags: got %v", err)
	}
}

// TestPagesGiveEverythingOnce: whatever the size of the pages, and although one object goes and another comes in between.
func TestPagesGiveEverythingOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n, size := rapid.IntRange(0, 30).Draw(t, "objects"), rapid.IntRange(1, 12).Draw(t, "size")
		var objects []string
		for i := range n {
			objects = append(objects, fmt.Sprintf("i-%02d", i))
		}
		var got []string
		token := ""
		for first := true; first || token != ""; first = false {
			page, next, err := Cut(objects, Page{Max: size, Token: token}, func(s string) string { return s }, DialectOf(EC2Query))
			if err != nil || len(page) > size {
				t.Fatalf("got a page of %d, %v", len(page), err)
			}
			got, token = append(got, page...), next
			objects = slices.DeleteFunc(slices.Clone(objects), func(s string) bool { return len(got) > 0 && s == got[0] }) // the first one goes
		}
		if len(got) != n || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != n {
			t.Fatalf("got %v", got)
		}
	})
}

func TestForeignToken(t *testing.T) {
	t.Parallel()
	for p, want := range map[Protocol]string{EC2Query: "InvalidNextToken", AWSQuery: "ValidationError", JSON11: "InvalidNextToken"} {
		_, _, err := Cut([]string{"a"}, Page{Token: "!"}, func(s string) string { return s }, DialectOf(p))
		if CodeOf(err) != want {
			t.Errorf("protocol %d: got %v", p, err)
		}
	}
}
