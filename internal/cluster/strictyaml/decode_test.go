package strictyaml_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/cluster/strictyaml"
)

// boat is a small document with a field of every sort.
type boat struct {
	Name   string   `yaml:"name" pattern:"^[a-z]+$" form:"lower case"`
	Sails  int      `yaml:"sails,omitempty" min:"1" max:"4"`
	Kind   string   `yaml:"kind,omitempty" enum:"sloop|ketch"`
	Motor  *bool    `yaml:"motor,omitempty"`
	Crew   crew     `yaml:"crew,omitempty"`
	Ports  []string `yaml:"ports,omitempty" pattern:"^[A-Z]"`
	Boats  []boat   `yaml:"boats,omitempty"`
	Hidden string
}

// crew is a number or a list of names.
type crew struct {
	Count int
	Names []string
}

func (c *crew) Variants() []any { return []any{&c.Count, &c.Names} }

func decode(text string) (boat, []string) {
	var b boat
	r := strictyaml.Decode([]byte(text), &b, strictyaml.Options{Later: map[string]string{"oars": "not there yet", "kind=yawl": "no yawls yet"}})
	var faults []string
	for _, f := range r.Faults {
		faults = append(faults, fmt.Sprintf("%d:%d %s: %s", f.Line, f.Column, f.Path, f.Message))
	}
	return b, faults
}

func TestDecodeGood(t *testing.T) {
	t.Parallel()
	yes := true
	for text, want := range map[string]boat{
		"name: ada": {Name: "ada"},
		"\ufeff# a byte order mark\n---\nname: ada\n...\n":               {Name: "ada"},
		"%YAML 1.2\n---\nname: ada\n":                                    {Name: "ada"},
		"name: 'ada'\nsails: 0x2\nmotor: true":                           {Name: "ada", Sails: 2, Motor: &yes},
		"{name: ada, crew: 3, kind: ketch}":                              {Name: "ada", Crew: crew{Count: 3}, Kind: "ketch"},
		"name: >-\n  ada\ncrew: [ann, bob]\nports: []":                   {Name: "ada", Crew: crew{Names: []string{"ann", "bob"}}, Ports: []string{}},
		"name: ada\nboats:\n- name: one\n  ports: [Kiel]\n- {name: two}": {Name: "ada", Boats: []boat{{Name: "one", Ports: []string{"Kiel"}}, {Name: "two"}}},
	} {
		got, faults := decode(text)
		if diff := cmp.Diff(want, got); diff != "" || faults != nil {
			t.Errorf("%q: faults %v, value (-want +got):\n%s", text, faults, diff)
		}
	}
}

func TestDecodeBad(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                       "1:1 : the document is empty",
		"...\n":                                  "1:1 : the document is empty",
		"ada":                                    `1:1 : must be a mapping, not the text "ada"`,
		"sails: 1":                               "1:1 name: is required",
		"name: Ada":                              `1:7 name: "Ada" does not fit: it must be lower case`,
		"name: 7":                                "1:7 name: must be text, not the number 7",
		"name: true":                             "1:7 name: must be text, not the truth value true (text needs quotes)",
		"name:":                                  "1:7 name: has no value",
		"name: [a]":                              "1:7 name: must be text, not a list",
		"name: ada\nsails: 5":                    "2:8 sails: 5 is too large; the most is 4",
		"name: ada\nsails: 0":                    "2:8 sails: 0 is too small; the least is 1",
		"name: ada\nsails: 2.0":                  "2:8 sails: must be a whole number, not the number 2.0",
		"name: ada\nsails: 99999999999":          "2:8 sails: 99999999999 is too large; the most is 4",
		"name: ada\nsails: 18446744073709551615": "2:8 sails: 9223372036854775807 is too large; the most is 4",
		"name: ada\nkind: slop":                  `2:7 kind: unknown value "slop"; did you mean sloop?`,
		"name: ada\nkind: yawl":                  "2:7 kind: no yawls yet",
		"name: ada\noars: 3":                     "2:1 oars: not there yet",
		"name: ada\nhidden: x":                   "2:1 hidden: unknown key; known here: name, sails, kind, motor, crew, ports, boats",
		"name: ada\nSails: 2":                    "2:1 Sails: unknown key; did you mean sails?",
		"name: ada\ncrew: many":                  `2:7 crew: must be a whole number or a list of texts, not the text "many"`,
		"name: ada\nports: [Kiel, oslo, 3]":      "2:15 ports[1]: \"oslo\" does not fit: it must be \n2:21 ports[2]: must be text, not the number 3",
		"name: ada\nname: bob":                   "2:1 name: is given twice; the first is on line 1",
		"<<: {name: ada}\nname: ada":             "1:1 : the key << is not read: a key is plain text",
		"name: &a ada\nkind: *a":                 "1:7 name: anchors (&) and aliases (*) are not read: write the value out\n2:7 kind: anchors (&) and aliases (*) are not read: write the value out",
		"name: !!str ada":                        "1:7 name: YAML tags (!) are not read: write the plain value",
		"name: ada\n---\nname: bob":              "3:1 : a second document begins here; a file holds one",
		"name: \"a\x01\"":                        "1:9 : not text: the control character U+0001",
		"name: ada\nboats: [{sails: 9}]":         "2:9 boats[0].name: is required\n2:17 boats[0].sails: 9 is too large; the most is 4",
		"name: ada\n  sails: 1":                  "1:7 : not valid YAML: mapping value is not allowed in this context",
	} {
		if _, faults := decode(text); strings.Join(faults, "\n") != want {
			t.Errorf("%q:\n got %s\nwant %s", text, strings.Join(faults, "\n"), want)
		}
	}
}

// TestDecodeBombs sends what makes careless decoders slow or crash.
func TestDecodeBombs(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"brackets":  "name: " + strings.Repeat("[", strictyaml.MaxSize-100),
		"braces":    strings.Repeat("{a: ", strictyaml.MaxSize/4-100),
		"dashes":    "ports:\n" + strings.Repeat("- ", strictyaml.MaxSize/2-100) + "x",
		"too large": "name: ada # " + strings.Repeat("x", strictyaml.MaxSize),
		"aliases":   "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: &d [*c,*c]\n",
		"keys":      strings.Repeat("k: 1\n", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, faults := decode(text); len(faults) == 0 {
				t.Error("no fault was found")
			}
		})
	}
}

func TestResult(t *testing.T) {
	t.Parallel()
	var b boat
	r := strictyaml.Decode([]byte("name: ada\nboats:\n- name: one\n- {name: two, sails: 9}\n"), &b, strictyaml.Options{})
	for path, want := range map[string]strictyaml.Position{
		"name":           {Line: 1, Column: 7},
		"boats[0].name":  {Line: 3, Column: 9},
		"boats[0].sails": {Line: 3, Column: 3}, // left out: the boat
		"kind":           {Line: 1, Column: 1}, // left out: the document
	} {
		if got := r.At(path); got != want {
			t.Errorf("At(%s) = %v, want %v", path, got, want)
		}
	}
	for path, want := range map[string]bool{"boats[1].sails": true, "boats[1]": true, "boats": true, "boats[1].sails.x": true, "boats[0]": false, "boats[1].sailsmore": false, "name": false} {
		if got := r.Faulty(path); got != want {
			t.Errorf("Faulty(%s) = %t, want %t", path, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"name", "count", "type", "logDriver"}
	for word, want := range map[string]string{
		"nam": "name", "cuont": "count", "logdriver": "logDriver", "log_driver": "logDriver", "typ": "type", "volume": "", "x": "",
		strings.Repeat("n", 10000): "",
	} {
		if got, _ := strictyaml.Nearest(word, known); got != want {
			t.Errorf("Nearest(%.20s) = %q, want %q", word, got, want)
		}
	}
}
