package awstask

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision/resource"
)

func TestRules(t *testing.T) {
	t.Parallel()
	names := map[string]string{"sg-1": "manager"}
	tests := map[string]struct {
		rule  Rule
		group string // ID behind the peer
		text  string
	}{
		"a port from addresses":      {TCP(22, "203.0.113.0/24"), "", "tcp 22 from 203.0.113.0/24"},
		"a port from a group":        {UDP(7946, "manager"), "sg-1", "udp 7946 from manager"},
		"a protocol without ports":   {ESP("manager"), "sg-1", "esp from manager"},
		"everything from a stranger": {Rule{Protocol: "all", Peer: "sg-9"}, "sg-9", "all from sg-9"},
		"a range of ports":           {Rule{Protocol: "tcp", From: 8000, To: 8443, Peer: "::/0"}, "", "tcp 8000..8443 from ::/0"},
		"all of ICMP":                {Rule{Protocol: "icmp", From: -1, To: -1, Peer: "0.0.0.0/0"}, "", "icmp -1 from 0.0.0.0/0"},
		"a list of addresses":        {TCP(443, "pl-1"), "", "tcp 443 from pl-1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := test.rule.String(); got != test.text {
				t.Errorf("text is %q, want %q", got, test.text)
			}
			parsed, err := parseRule(test.text)
			if diff := cmp.Diff(test.rule, parsed); diff != "" || err != nil {
				t.Errorf("parsed (-want +got):\n%s%v", diff, err)
			}
			// What AWS is told comes back as the same rule.
			if diff := cmp.Diff([]Rule{test.rule}, rulesOf(test.rule.permission(test.group), names)); diff != "" {
				t.Errorf("through AWS (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRulesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "tcp 22", "tcp x from y", "tcp 1..z from y"} {
		if r, err := parseRule(text); err == nil {
			t.Errorf("%q is read as %+v", text, r)
		}
	}
}

func TestImageParameters(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ arch, want string }{
		"debian-12":    {"amd64", "/aws/service/debian/release/12/latest/amd64"},
		"ubuntu-22.04": {"arm64", "/aws/service/canonical/ubuntu/server/22.04/stable/current/arm64/hvm/ebs-gp2/ami-id"},
		"ubuntu-24.04": {"amd64", "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"},
		"ssm:/my/ami":  {"amd64", "/my/ami"},
		"ami-0abc":     {"amd64", ""},
	}
	for reference, test := range tests {
		t.Run(reference, func(t *testing.T) {
			t.Parallel()
			if got, err := parameterOf(reference, test.arch); got != test.want || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	if _, err := parameterOf("windows", "amd64"); !errs.Is(err, errs.Invalid) {
		t.Errorf("an unknown image: %v", err)
	}
}

func TestUserOf(t *testing.T) {
	t.Parallel()
	for reference, want := range map[string]string{"debian-12": "admin", "ubuntu-24.04": "ubuntu", "ssm:/aws/service/ami-amazon-linux-latest/al2023": "ec2-user", "ami-1": "admin"} {
		if got := UserOf(reference); got != want {
			t.Errorf("%s: got %s, want %s", reference, got, want)
		}
	}
}

func TestNamesFoundBy(t *testing.T) {
	t.Parallel()
	long := New(&awsapi.Clients{Region: "us-east-1"}, "a-cluster-of-24-letters-")
	other := New(&awsapi.Clients{Region: "us-east-2"}, "a-cluster-of-24-letters-")
	if name := long.hashed(BalancerKey); len(name) > 32 || name == long.hashed(TargetGroupKey) || name == other.hashed(BalancerKey) {
		t.Errorf("name %q is too long or not the cluster's own", name)
	}
	if name := long.iamName(); len(name) > 64 {
		t.Errorf("IAM name %q is too long", name)
	}
}

// TestKeyOf: what carries the cluster's tag is the cluster's, even where somebody changed the key.
func TestKeyOf(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		tag  string
		want resource.Key
	}{
		"its key":        {"vpc/main", VPCKey},
		"none":           {"", "vpc/vpc-1"},
		"another kind's": {"subnet/x", "vpc/vpc-1"},
		"no name":        {"vpc/", "vpc/vpc-1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tags := []ec2types.Tag{{Key: aws.String(TagKey), Value: aws.String(test.tag)}}
			if got := keyOf(tags, KindVPC, "vpc-1"); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
