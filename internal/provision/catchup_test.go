package provision_test

import (
	"testing"
	"testing/synctest"

	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

// TestAWSCatchesUp: what AWS refuses because it does not see yet what was just made is done a moment later.
func TestAWSCatchesUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		action, code, message string
	}{
		"a route before its gateway":              {"CreateRoute", "InvalidGatewayID.NotFound", "The gateway ID 'igw-1' does not exist"},
		"a route before the attachment":           {"CreateRoute", "InvalidParameterValue", "route table rtb-1 and network gateway igw-1 belong to different networks"},
		"a load balancer before the attachment":   {"CreateLoadBalancer", "InvalidSubnet", "VPC vpc-1 has no internet gateway"},
		"a load balancer before its group":        {"CreateLoadBalancer", "InvalidSecurityGroup", "One or more security groups are invalid"},
		"an instance before its instance profile": {"RunInstances", "InvalidParameterValue", "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := cloud.Start(t, cloud.Options{})
				refusals := 3
				c.Interfere(func(call cloud.Call, _ int) cloud.Fault {
					if call.Action != test.action || refusals == 0 {
						return cloud.Fault{}
					}
					refusals--
					return cloud.Fault{Err: cloud.Refusal(test.code, 400, test.message)}
				})
				newOperator(c, &runs{}, "ann").up(t.Context(), t, load(t, small))
				if refusals > 0 {
					t.Errorf("%s was refused too seldom to tell", test.action)
				}
			})
		})
	}
}
