package awsapi

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/slipway-project/slipway/internal/errs"
)

// explainedCredentials says what to do when no credentials can be had.
type explainedCredentials struct{ aws.CredentialsProvider }

// Retrieve returns the credentials, or an error of the kind errs.Unauthenticated.
func (p explainedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := p.CredentialsProvider.Retrieve(ctx)
	if err == nil || ctx.Err() != nil {
		return c, err
	}
	remedy := "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run: aws configure"
	message := "no AWS credentials were found"
	if text := strings.ToLower(err.Error()); strings.Contains(text, "sso") || strings.Contains(text, "expired") {
		message = "the AWS credentials have expired"
		remedy = "log in again, for example: aws sso login"
	}
	return aws.Credentials{}, errs.Wrap(errs.Unauthenticated, err, message).WithRemedy(remedy)
}
