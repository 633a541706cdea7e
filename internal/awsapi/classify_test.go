package awsapi

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/slipway-project/slipway/internal/errs"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer    answer
		kind      errs.Kind
		retryable bool
		text      string // part of the message
		remedy    string // part of a remedy
	}{
		"denied, as EC2 says it":      {failure("UnauthorizedOperation", "You are not authorized to perform this operation."), errs.Forbidden, false, "no permission for ec2:DescribeVpcs", "allow ec2:DescribeVpcs"},
		"denied, another action":      {failure("AccessDenied", "User x is not authorized to perform: iam:PassRole on resource: y"), errs.Forbidden, false, "no permission for iam:PassRole", "allow iam:PassRole"},
		"a wrong key":                 {failure("AuthFailure", "AWS was not able to validate the credentials"), errs.Unauthenticated, false, "ec2:DescribeVpcs answered AuthFailure", "AWS_ACCESS_KEY_ID"},
		"an expired token":            {failure("RequestExpired", "Request has expired."), errs.Unauthenticated, false, "RequestExpired", "log in again"},
		"a quota":                     {failure("VpcLimitExceeded", "The maximum number of VPCs has been reached."), errs.Exhausted, false, "maximum number of VPCs", "quota"},
		"no room":                     {failure("InsufficientInstanceCapacity", "none"), errs.Exhausted, false, "", "other zones"},
		"no addresses":                {failure("InsufficientFreeAddressesInSubnet", "none"), errs.Exhausted, false, "", "network.cidr"},
		"two changes at once":         {failure("ConcurrentModification", "try again"), errs.Unavailable, true, "ConcurrentModification", ""},
		"missing":                     {failure("InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist"), errs.NotFound, false, "vpc-1", ""},
		"in use":                      {failure("DependencyViolation", "has dependencies"), errs.Conflict, false, "has dependencies (request req-1)", ""},
		"a duplicate":                 {failure("InvalidGroup.Duplicate", "exists"), errs.Conflict, false, "", ""},
		"a wrong value":               {failure("InvalidParameterValue", "bad"), errs.Invalid, false, "InvalidParameterValue", ""},
		"throttled":                   {failure("RequestLimitExceeded", "slow down"), errs.Unavailable, true, "", "throttles"},
		"AWS is broken":               {broken, errs.Unavailable, true, "InternalError", ""},
		"nothing listens":             {refused, errs.Unavailable, true, "the AWS endpoint cannot be reached", "slipway sandbox status"},
		"the connection is cut":       {cut, errs.Unavailable, true, "ec2:DescribeVpcs got no answer", ""},
		"something never seen so far": {failure("SomethingElse", "hm"), errs.Internal, false, "SomethingElse", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, raw := clients(&service{answers: []answer{test.answer}}, Options{}).EC2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
				err := Classify(raw)
				if errs.KindOf(err) != test.kind || errs.Retryable(err) != test.retryable {
					t.Errorf("kind %v, retryable %t; want %v, %t", errs.KindOf(err), errs.Retryable(err), test.kind, test.retryable)
				}
				if !strings.Contains(err.Error(), test.text) {
					t.Errorf("error is %q, want it to hold %q", err, test.text)
				}
				if remedies := strings.Join(errs.Remedies(err), "; "); !strings.Contains(remedies, test.remedy) {
					t.Errorf("remedies are %q, want them to hold %q", remedies, test.remedy)
				}
				if again := Classify(err); again.Error() != err.Error() {
					t.Errorf("classed twice it is %q", again)
				}
			})
		})
	}
}

func TestCredentialsAreExplained(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ cause, text, remedy string }{
		"none":    {"no EC2 IMDS role found", "no AWS credentials were found", "aws configure"},
		"expired": {"the SSO session has expired or is invalid", "the AWS credentials have expired", "aws sso login"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := New(aws.Config{Region: "us-east-1", Credentials: noCredentials{errors.New(test.cause)}, HTTPClient: &service{answers: []answer{vpcsSeen}}}, Options{})
			_, raw := c.EC2.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{})
			err := Classify(raw)
			if !errs.Is(err, errs.Unauthenticated) || !strings.HasPrefix(err.Error(), test.text) || !strings.Contains(strings.Join(errs.Remedies(err), ""), test.remedy) {
				t.Errorf("error is %v, remedies %v", err, errs.Remedies(err))
			}
		})
	}
}
