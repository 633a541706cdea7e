// Package awsapi builds the clients of the AWS SDK and owns what all of Slipway's callers of AWS share: where endpoint,
// region and credentials come from, which calls change something, how calls are retried, slowed down, counted and
// fenced, and what an AWS error means to a person.
//
// It imports the SDK and the base layer, and knows nothing of clusters. Clients are safe for concurrent use.
package awsapi
