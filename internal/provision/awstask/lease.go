package awstask

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/provision/lease"
)

// Leases returns the cluster's leases, which are parameters of the Systems Manager. Its clients must not be fenced.
func (c *Cloud) Leases() lease.Store { return leases{c} }

type leases struct{ *Cloud }

// leasePath is where the cluster's leases are.
func (l leases) leasePath() string { return "/slipway/" + l.cluster + "/lease" }

func (l leases) name(number int) string { return l.leasePath() + "/" + strconv.Itoa(number) }

// List implements lease.Store. Ages are by AWS's clock on both ends.
func (l leases) List(ctx context.Context) ([]lease.Record, error) {
	var records []lease.Record
	var broken error
	p := ssm.NewGetParametersByPathPaginator(l.aws.SSM, &ssm.GetParametersByPathInput{Path: aws.String(l.leasePath())})
	err := pages(ctx, p, func(out *ssm.GetParametersByPathOutput) {
		now, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
		if !ok {
			now = time.Now()
		}
		for _, parameter := range out.Parameters {
			record, err := readLease(parameter, now)
			if err != nil {
				broken = err
				continue
			}
			records = append(records, record)
		}
	})
	if err != nil {
		return nil, awsapi.Classify(err)
	}
	return records, broken
}

func readLease(p ssmtypes.Parameter, now time.Time) (lease.Record, error) {
	var r lease.Record
	if err := json.Unmarshal([]byte(aws.ToString(p.Value)), &r); err != nil {
		return r, fmt.Errorf("read lease %s: %w", aws.ToString(p.Name), err)
	}
	number, err := strconv.Atoi(path.Base(aws.ToString(p.Name)))
	if err != nil {
		return r, fmt.Errorf("read lease %s: %w", aws.ToString(p.Name), err)
	}
	r.Number = number
	r.Age = max(0, now.Sub(aws.ToTime(p.LastModifiedDate)))
	return r, nil
}

// Create implements lease.Store.
func (l leases) Create(ctx context.Context, r lease.Record) error { return l.put(ctx, r, false) }

// Renew implements lease.Store.
func (l leases) Renew(ctx context.Context, r lease.Record) error { return l.put(ctx, r, true) }

func (l leases) put(ctx context.Context, r lease.Record, overwrite bool) error {
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write lease %d: %w", r.Number, err)
	}
	_, err = l.aws.SSM.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(l.name(r.Number)), Value: aws.String(string(value)), Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(overwrite),
	})
	return awsapi.Classify(err)
}

// Delete implements lease.Store.
func (l leases) Delete(ctx context.Context, numbers []int) error {
	var names []string
	for _, n := range numbers {
		names = append(names, l.name(n))
	}
	for chunk := range slices.Chunk(names, 10) { // as many as AWS takes
		if _, err := l.aws.SSM.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: chunk}); err != nil {
			return awsapi.Classify(err)
		}
	}
	return nil
}
