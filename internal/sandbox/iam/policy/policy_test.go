package policy_test

import (
	"strings"
	"testing"

	"github.com/slipway-project/slipway/internal/sandbox/iam/policy"
)

// statements makes a document of statements in JSON.
func statements(all ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(all, ",") + `]}`
}

func TestEvaluate(t *testing.T) {
	t.Parallel()
	const (
		run      = `{"Effect":"Allow","Action":"ec2:RunInstances","Resource":"*"}`
		describe = `{"Effect":"Allow","Action":["ec2:Describe*"],"Resource":["*"]}`
		noDelete = `{"Effect":"Deny","Action":"ec2:Delete*","Resource":"*"}`
		all      = `{"Effect":"Allow","Action":"*","Resource":"*"}`
		notIAM   = `{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`
		own      = `{"Effect":"Allow","Action":"ssm:*","Resource":"arn:aws:ssm:us-east-1:123456789012:parameter/slipway/demo/*"}`
		notOwn   = `{"Effect":"Deny","Action":"ssm:*","NotResource":"arn:aws:ssm:*:*:parameter/slipway/*"}`
		tagged   = `{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/slipway:cluster":["demo","test"]}}}`
		naming   = `{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringLike":{"aws:RequestTag/Name":"demo-*"}}}`
		home     = `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"us-east-1"}}}`
		untagged = `{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"Null":{"aws:ResourceTag/owner":"true"}}}`
		ifTagged = `{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEqualsIfExists":{"aws:ResourceTag/owner":"me"}}}`
		secure   = `{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`
	)
	tag := func(key, value string) map[string]string { return map[string]string{key: value} }
	for name, test := range map[string]struct {
		docs []string
		q    policy.Query
		want policy.Decision
	}{
		"nothing is allowed by default":    {nil, policy.Query{Action: "ec2:RunInstances"}, policy.ImplicitDeny},
		"allowed by name":                  {[]string{run}, policy.Query{Action: "ec2:RunInstances"}, policy.Allow},
		"without regard to case":           {[]string{run}, policy.Query{Action: "EC2:runinstances"}, policy.Allow},
		"another action":                   {[]string{run}, policy.Query{Action: "ec2:StopInstances"}, policy.ImplicitDeny},
		"wildcard":                         {[]string{describe}, policy.Query{Action: "ec2:DescribeVpcs"}, policy.Allow},
		"deny wins over allow":             {[]string{noDelete, all}, policy.Query{Action: "ec2:DeleteVpc"}, policy.ExplicitDeny},
		"deny wins in any order":           {[]string{all, noDelete}, policy.Query{Action: "ec2:DeleteVpc"}, policy.ExplicitDeny},
		"deny of something else":           {[]string{all, noDelete}, policy.Query{Action: "ec2:CreateVpc"}, policy.Allow},
		"NotAction leaves the rest":        {[]string{notIAM}, policy.Query{Action: "ec2:CreateVpc"}, policy.Allow},
		"NotAction leaves out":             {[]string{notIAM}, policy.Query{Action: "iam:CreateUser"}, policy.ImplicitDeny},
		"resource below":                   {[]string{own}, policy.Query{Action: "ssm:PutParameter", Resource: "arn:aws:ssm:us-east-1:123456789012:parameter/slipway/demo/lease/1"}, policy.Allow},
		"resource beside":                  {[]string{own}, policy.Query{Action: "ssm:PutParameter", Resource: "arn:aws:ssm:us-east-1:123456789012:parameter/slipway/other/lease/1"}, policy.ImplicitDeny},
		"a resource is wanted, * is not":   {[]string{own}, policy.Query{Action: "ssm:DescribeParameters", Resource: "*"}, policy.ImplicitDeny},
		"NotResource":                      {[]string{all, notOwn}, policy.Query{Action: "ssm:GetParameter", Resource: "arn:aws:ssm:us-east-1:123456789012:parameter/x"}, policy.ExplicitDeny},
		"tag of the resource":              {[]string{tagged}, policy.Query{Action: "ec2:DeleteVpc", Context: tag("aws:resourcetag/slipway:cluster", "test")}, policy.Allow},
		"other tag of the resource":        {[]string{tagged}, policy.Query{Action: "ec2:DeleteVpc", Context: tag("aws:resourcetag/slipway:cluster", "prod")}, policy.ImplicitDeny},
		"no tag":                           {[]string{tagged}, policy.Query{Action: "ec2:DeleteVpc"}, policy.ImplicitDeny},
		"tag of the request by wildcard":   {[]string{naming}, policy.Query{Action: "ec2:CreateVpc", Context: tag("aws:requesttag/name", "demo-vpc")}, policy.Allow},
		"a region that is left":            {[]string{all, home}, policy.Query{Action: "ec2:CreateVpc", Context: tag("aws:requestedregion", "eu-west-1")}, policy.ExplicitDeny},
		"the region that is allowed":       {[]string{all, home}, policy.Query{Action: "ec2:CreateVpc", Context: tag("aws:requestedregion", "us-east-1")}, policy.Allow},
		"Null of an absent tag":            {[]string{untagged}, policy.Query{Action: "ec2:DeleteVpc"}, policy.Allow},
		"Null of a tag that is there":      {[]string{untagged}, policy.Query{Action: "ec2:DeleteVpc", Context: tag("aws:resourcetag/owner", "you")}, policy.ImplicitDeny},
		"IfExists of an absent tag":        {[]string{ifTagged}, policy.Query{Action: "ec2:DeleteVpc"}, policy.Allow},
		"IfExists of another tag":          {[]string{ifTagged}, policy.Query{Action: "ec2:DeleteVpc", Context: tag("aws:resourcetag/owner", "you")}, policy.ImplicitDeny},
		"Bool":                             {[]string{secure}, policy.Query{Action: "ec2:DeleteVpc", Context: tag("aws:securetransport", "false")}, policy.ImplicitDeny},
		"several documents stand together": {[]string{describe, run}, policy.Query{Action: "ec2:RunInstances"}, policy.Allow},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var docs []*policy.Document
			for _, text := range test.docs {
				doc, err := policy.Parse(statements(text), policy.Permissions)
				if err != nil {
					t.Fatal(err)
				}
				docs = append(docs, doc)
			}
			if got := policy.Evaluate(docs, test.q); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestTrust(t *testing.T) {
	t.Parallel()
	const anna = "arn:aws:iam::123456789012:user/anna"
	for name, test := range map[string]struct {
		principal, who string
		want           policy.Decision
	}{
		"by name":         {`{"AWS":"` + anna + `"}`, anna, policy.Allow},
		"somebody else":   {`{"AWS":"` + anna + `"}`, anna + "e", policy.ImplicitDeny},
		"account":         {`{"AWS":"123456789012"}`, anna, policy.Allow},
		"account's root":  {`{"AWS":["arn:aws:iam::123456789012:root"]}`, anna, policy.Allow},
		"another account": {`{"AWS":"210987654321"}`, anna, policy.ImplicitDeny},
		"service":         {`{"Service":["ec2.amazonaws.com"]}`, "ec2.amazonaws.com", policy.Allow},
		"not the service": {`{"Service":["ec2.amazonaws.com"]}`, anna, policy.ImplicitDeny},
		"everybody":       {`"*"`, anna, policy.Allow},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc, err := policy.Parse(statements(`{"Effect":"Allow","Principal":`+test.principal+`,"Action":"sts:AssumeRole"}`), policy.Trust)
			if err != nil {
				t.Fatal(err)
			}
			q := policy.Query{Action: "sts:AssumeRole", Principal: test.who}
			if got := policy.Evaluate([]*policy.Document{doc}, q); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestBadDocuments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		kind policy.Kind
		want string // in the message
	}{
		"no JSON":            {`allow everything`, policy.Permissions, "syntax errors"},
		"something behind":   {statements(`{"Effect":"Allow","Action":"*","Resource":"*"}`) + `{}`, policy.Permissions, "something follows"},
		"unknown key":        {statements(`{"Effect":"Allow","Action":"*","Resource":"*","When":"now"}`), policy.Permissions, "When"},
		"no statement":       {statements(), policy.Permissions, "no statement"},
		"other version":      {`{"Version":"2026-01-01","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`, policy.Permissions, "version"},
		"no effect":          {statements(`{"Action":"*","Resource":"*"}`), policy.Permissions, "effect"},
		"no action":          {statements(`{"Effect":"Allow","Resource":"*"}`), policy.Permissions, "Action"},
		"both actions":       {statements(`{"Effect":"Allow","Action":"a:b","NotAction":"a:c","Resource":"*"}`), policy.Permissions, "Action"},
		"action, no service": {statements(`{"Effect":"Allow","Action":"RunInstances","Resource":"*"}`), policy.Permissions, "RunInstances"},
		"no resource":        {statements(`{"Effect":"Allow","Action":"*"}`), policy.Permissions, "Resource"},
		"resource, no ARN":   {statements(`{"Effect":"Allow","Action":"*","Resource":"i-1"}`), policy.Permissions, "i-1"},
		"unknown operator":   {statements(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"1.2.3.4"}}}`), policy.Permissions, "IpAddress"},
		"unknown key of one": {statements(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceIp":"1.2.3.4"}}}`), policy.Permissions, "aws:SourceIp"},
		"principal":          {statements(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`), policy.Permissions, "principal"},
		"trust, none":        {statements(`{"Effect":"Allow","Action":"sts:AssumeRole"}`), policy.Trust, "principal"},
		"trust, resource":    {statements(`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}`), policy.Trust, "Resource"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Parse(test.text, test.kind)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(statements(`{"Effect":"Allow","Action":"*","Resource":"*"}`))
	f.Add(statements(`{"Effect":"Deny","NotAction":["a:b"],"NotResource":["arn:x"],"Condition":{"Null":{"aws:RequestTag/a":"true"}}}`))
	f.Fuzz(func(_ *testing.T, text string) {
		doc, err := policy.Parse(text, policy.Permissions)
		if err != nil {
			return
		}
		policy.Evaluate([]*policy.Document{doc}, policy.Query{Action: "ec2:RunInstances", Resource: "*"}) // must not panic
	})
}
