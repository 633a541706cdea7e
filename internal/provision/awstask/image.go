package awstask

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/errs"
)

// Image is what nodes boot from.
type Image struct {
	Reference  string // as the document names it
	ID         string // ami-...
	RootDevice string // /dev/xvda
}

// The owners' parameters that hold the newest image of a distribution; %s is the architecture.
const (
	debianParameter   = "/aws/service/debian/release/%s/latest/%s"
	ubuntuParameter   = "/aws/service/canonical/ubuntu/server/%s/stable/current/%s/hvm/%s/ami-id"
	ubuntuOldVolumes  = "ebs-gp2" // until 22.04
	ubuntuVolumes     = "ebs-gp3"
	ubuntuLastOldName = "22.04"
)

// parameterOf returns the parameter that holds the image's ID, or nothing for an ID.
func parameterOf(reference, arch string) (string, error) {
	name, version, _ := strings.Cut(reference, "-")
	switch {
	case strings.HasPrefix(reference, "ami-"):
		return "", nil
	case strings.HasPrefix(reference, "ssm:"):
		return strings.TrimPrefix(reference, "ssm:"), nil
	case name == "debian" && version != "":
		return fmt.Sprintf(debianParameter, version, arch), nil
	case name == "ubuntu" && version != "":
		volumes := ubuntuVolumes
		if version <= ubuntuLastOldName {
			volumes = ubuntuOldVolumes
		}
		return fmt.Sprintf(ubuntuParameter, version, arch, volumes), nil
	default:
		return "", errs.New(errs.Invalid, fmt.Sprintf("cloud.image %q is not an image", reference)).
			WithRemedy("use debian-12, ubuntu-22.04, ubuntu-24.04, ami-... or ssm:<parameter>")
	}
}

// NewestImage returns the ID of the image that a reference stands for now; arch is amd64 or arm64.
func (c *Cloud) NewestImage(ctx context.Context, reference, arch string) (string, error) {
	parameter, err := parameterOf(reference, arch)
	if err != nil || parameter == "" {
		return reference, err
	}
	out, err := c.aws.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(parameter)})
	if awsapi.IsCode(err, "ParameterNotFound") {
		return "", errs.Wrap(errs.Invalid, awsapi.Classify(err), fmt.Sprintf("cloud.image %s: this region has no parameter %s", reference, parameter)).
			WithRemedy("name an image that the region has, as ami-...")
	}
	if err != nil {
		return "", awsapi.Classify(err)
	}
	return aws.ToString(out.Parameter.Value), nil
}

// LookUpImage returns the image with an ID. An image that the region does not have, or no more, is errs.NotFound.
func (c *Cloud) LookUpImage(ctx context.Context, reference, id string) (Image, error) {
	out, err := c.aws.EC2.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{id}})
	if awsapi.IsCode(err, "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable", "InvalidAMIID.Malformed") || err == nil && len(out.Images) == 0 {
		return Image{}, errs.New(errs.NotFound, "the region has no image "+id)
	}
	if err != nil {
		return Image{}, awsapi.Classify(err)
	}
	return Image{Reference: reference, ID: id, RootDevice: aws.ToString(out.Images[0].RootDeviceName)}, nil
}

// UserOf returns who logs in to a node of an image: each distribution has its own.
func UserOf(reference string) string {
	switch {
	case strings.Contains(reference, "ubuntu"):
		return "ubuntu"
	case strings.Contains(reference, "amazon-linux"), strings.Contains(reference, "rhel"):
		return "ec2-user"
	default:
		return "admin"
	}
}
