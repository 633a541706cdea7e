package awstask

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// usersOf names the network interfaces that match a filter, and whose they are: what usually keeps a subnet, a group or
// a VPC from being removed. It returns nothing when it cannot tell.
func (c *Cloud) usersOf(ctx context.Context, filter, value string) string {
	out, err := c.aws.EC2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{{Name: aws.String(filter), Values: []string{value}}},
	})
	if err != nil {
		return ""
	}
	var users []string
	for _, eni := range out.NetworkInterfaces {
		user := aws.ToString(eni.NetworkInterfaceId)
		switch {
		case eni.Attachment != nil && aws.ToString(eni.Attachment.InstanceId) != "":
			user += " of " + *eni.Attachment.InstanceId
		case aws.ToString(eni.Description) != "":
			user += fmt.Sprintf(" (%s)", *eni.Description)
		}
		users = append(users, user)
	}
	return strings.Join(users, ", ")
}
