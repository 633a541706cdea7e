package awswire

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type answer struct {
	Names []string `xml:"nameSet>item" json:"Names"`
	Text  string   `xml:"text" json:"Text"`
	At    Time     `xml:"at" json:"At"`
	Never Time     `xml:"never" json:"Never"`
}

func services() map[string]*Service {
	return map[string]*Service{
		"ec2": {XMLNS: "http://ec2", Protocol: EC2Query}, "query": {XMLNS: "http://q", Protocol: AWSQuery}, "json": {Protocol: JSON11},
	}
}

const header = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

func TestRenderResult(t *testing.T) {
	t.Parallel()
	result := answer{Names: []string{"a", "b"}, Text: "<&>", At: At(time.Date(2026, 11, 23, 15, 0, 0, 250_000_000, time.UTC))}
	const fields = "<nameSet><item>a</item><item>b</item></nameSet><text>&lt;&amp;&gt;</text><at>2026-11-23T15:00:00.250Z</at>"
	for name, want := range map[string]string{
		"ec2": header + `<DoResponse xmlns="http://ec2"><requestId>r-1</requestId>` + fields + `</DoResponse>`,
		"query": header + `<DoResponse xmlns="http://q"><DoResult>` + fields +
			`</DoResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></DoResponse>`,
		"json": `{"Names":["a","b"],"Text":"\u003c\u0026\u003e","At":1795446000.250,"Never":null}`,
	} {
		got, err := RenderResult(services()[name], "Do", "r-1", result)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got.Body)); diff != "" || got.Status != 200 {
			t.Errorf("%s: status %d (-want +got):\n%s", name, got.Status, diff)
		}
	}
}

func TestRenderNothing(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ec2":   header + `<DoResponse xmlns="http://ec2"><requestId>r-1</requestId></DoResponse>`,
		"query": header + `<DoResponse xmlns="http://q"><DoResult></DoResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></DoResponse>`,
		"json":  `{}`,
	} {
		for _, result := range []any{nil, struct{}{}} {
			got, err := RenderResult(services()[name], "Do", "r-1", result)
			if err != nil || string(got.Body) != want {
				t.Errorf("%s: got %s, %v", name, got.Body, err)
			}
		}
	}
}

func TestRenderError(t *testing.T) {
	t.Parallel()
	refusal, failure := Errorf("NoSuchThing", 404, "no <%s>", "x"), errors.New("disk full")
	for name, test := range map[string]struct {
		err    error
		status int
		want   string
	}{
		"ec2": {refusal, 404, header + `<Response><Errors><Error><Code>NoSuchThing</Code><Message>no &lt;x&gt;</Message></Error></Errors><RequestID>r-1</RequestID></Response>`},
		"query": {refusal, 404, header + `<ErrorResponse xmlns="http://q"><Error><Type>Sender</Type><Code>NoSuchThing</Code>` +
			`<Message>no &lt;x&gt;</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`},
		"json": {failure, 500, `{"__type":"InternalServerError","message":"disk full"}`},
	} {
		got := RenderError(services()[name], "r-1", test.err)
		if diff := cmp.Diff(test.want, string(got.Body)); diff != "" || got.Status != test.status {
			t.Errorf("%s: status %d (-want +got):\n%s", name, got.Status, diff)
		}
	}
	if got := RenderError(services()["query"], "r-1", failure); got.Status != 500 || CodeOf(failure) != "" {
		t.Errorf("a failure: got %d %s", got.Status, got.Body)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := NewID("vpc")
		if len(id) != len("vpc-")+17 || !Match("vpc-*", id) || seen[id] {
			t.Fatalf("got %s", id)
		}
		seen[id] = true
	}
}
