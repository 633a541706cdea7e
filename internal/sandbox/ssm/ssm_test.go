package ssm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/slipway-project/slipway/internal/testkit/cloud"
)

const debian = "/aws/service/debian/release/12/latest/"

func codeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func setup(t *testing.T) (*cloud.Cloud, *ssm.Client) {
	t.Helper()
	c := cloud.Start(t, cloud.Options{})
	return c, ssm.NewFromConfig(c.AWS("us-east-1"))
}

// put writes a parameter of type String.
func put(ctx context.Context, client *ssm.Client, name, value string, change ...func(*ssm.PutParameterInput)) (int64, error) {
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString}
	for _, c := range change {
		c(in)
	}
	out, err := client.PutParameter(ctx, in)
	if err != nil {
		return 0, err
	}
	return out.Version, nil
}

func mustPut(t *testing.T, client *ssm.Client, name, value string, change ...func(*ssm.PutParameterInput)) int64 {
	t.Helper()
	version, err := put(t.Context(), client, name, value, change...)
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func overwrite(in *ssm.PutParameterInput) { in.Overwrite = aws.Bool(true) }

func TestParameterLifecycle(t *testing.T) {
	t.Parallel()
	c, client := setup(t)
	before := c.Resources()
	ctx, name := t.Context(), aws.String("/slipway/demo/lease/1")
	if v := mustPut(t, client, *name, "a"); v != 1 {
		t.Errorf("got version %d", v)
	}
	if _, err := put(ctx, client, *name, "b"); codeOf(err) != "ParameterAlreadyExists" {
		t.Errorf("put again: got %v", err)
	}
	if v := mustPut(t, client, *name, "b", overwrite); v != 2 {
		t.Errorf("overwritten: got version %d", v)
	}
	got, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	p := got.Parameter
	if *p.Value != "b" || p.Version != 2 || p.Type != types.ParameterTypeString || p.LastModifiedDate.IsZero() ||
		*p.ARN != "arn:aws:ssm:us-east-1:123456789012:parameter/slipway/demo/lease/1" {
		t.Errorf("got %+v", p)
	}
	if _, err := client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: name}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: name}); codeOf(err) != "ParameterNotFound" {
		t.Errorf("delete again: got %v", err)
	}
	if _, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: name}); codeOf(err) != "ParameterNotFound" {
		t.Errorf("get a deleted one: got %v", err)
	}
	if diff := cloud.Diff(before, c.Resources()); diff != "" {
		t.Errorf("left over:\n%s", diff)
	}
}

// TestOneOfManyCreates: putting without overwrite is atomic, which leases stand on.
func TestOneOfManyCreates(t *testing.T) {
	t.Parallel()
	_, client := setup(t)
	var winners, losers atomic.Int32
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			switch _, err := put(t.Context(), client, "/lease", fmt.Sprint(i)); codeOf(err) {
			case "":
				winners.Add(1)
			case "ParameterAlreadyExists":
				losers.Add(1)
			}
		})
	}
	all.Wait()
	if winners.Load() != 1 || losers.Load() != 19 {
		t.Errorf("%d created it and %d were refused", winners.Load(), losers.Load())
	}
}

func TestRegionsAreApart(t *testing.T) {
	t.Parallel()
	c, client := setup(t)
	mustPut(t, client, "/x", "1")
	other := ssm.NewFromConfig(c.AWS("eu-west-1"))
	if _, err := other.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/x")}); codeOf(err) != "ParameterNotFound" {
		t.Errorf("got %v", err)
	}
}

func TestPublicParameters(t *testing.T) {
	t.Parallel()
	c, client := setup(t)
	get := func(client *ssm.Client, name string) (string, error) {
		out, err := client.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String(debian + name)})
		if err != nil {
			return "", err
		}
		return *out.Parameter.Value, nil
	}
	image, err := get(client, "amd64")
	if err != nil || !strings.HasPrefix(image, "ami-") {
		t.Errorf("got %q, %v", image, err)
	}
	elsewhere, err := get(ssm.NewFromConfig(c.AWS("eu-west-1")), "amd64")
	if err != nil || elsewhere == image {
		t.Errorf("in another region: got %q, %v", elsewhere, err)
	}
	if _, err := get(client, "arm64"); codeOf(err) != "ParameterNotFound" {
		t.Errorf("arm64: got %v", err)
	}
	if _, err := client.DeleteParameter(t.Context(), &ssm.DeleteParameterInput{Name: aws.String(debian + "amd64")}); codeOf(err) != "ParameterNotFound" {
		t.Errorf("delete one of AWS's: got %v", err)
	}
}

func TestGetByPath(t *testing.T) {
	t.Parallel()
	_, client := setup(t)
	var want []string
	for i := range 12 {
		name := fmt.Sprintf("/a/%02d", i)
		mustPut(t, client, name, "v")
		want = append(want, name)
	}
	mustPut(t, client, "/a/deep/er", "v")
	mustPut(t, client, "/ab", "v")
	list := func(in *ssm.GetParametersByPathInput) (names []string, pages int) {
		for p := ssm.NewGetParametersByPathPaginator(client, in); p.HasMorePages(); pages++ {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range page.Parameters {
				names = append(names, *found.Name)
			}
		}
		return names, pages
	}
	got, pages := list(&ssm.GetParametersByPathInput{Path: aws.String("/a")})
	if diff := cmp.Diff(want, got); diff != "" || pages != 2 {
		t.Errorf("%d pages, one level (-want +got):\n%s", pages, diff)
	}
	got, _ = list(&ssm.GetParametersByPathInput{Path: aws.String("/a/"), Recursive: aws.Bool(true), MaxResults: aws.Int32(5)})
	if diff := cmp.Diff(append(slices.Clone(want), "/a/deep/er"), got); diff != "" {
		t.Errorf("recursive (-want +got):\n%s", diff)
	}
}

func TestSeveral(t *testing.T) {
	t.Parallel()
	_, client := setup(t)
	ctx := t.Context()
	mustPut(t, client, "/a", "1")
	mustPut(t, client, "/b", "2")
	got, err := client.GetParameters(ctx, &ssm.GetParametersInput{Names: []string{"/b", "/none", "/a:1", "/a:7"}})
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, p := range got.Parameters {
		values = append(values, *p.Value)
	}
	if diff := cmp.Diff([]string{"2", "1"}, values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/none", "/a:7"}, got.InvalidParameters); diff != "" {
		t.Errorf("invalid (-want +got):\n%s", diff)
	}
	gone, err := client.DeleteParameters(ctx, &ssm.DeleteParametersInput{Names: []string{"/a", "/none", "/b"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"/a", "/b"}, {"/none"}}, [][]string{gone.DeletedParameters, gone.InvalidParameters}); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
}

func TestTagsAndDescribe(t *testing.T) {
	t.Parallel()
	_, client := setup(t)
	ctx := t.Context()
	mustPut(t, client, "/a/x", "1", func(in *ssm.PutParameterInput) {
		in.Tags = []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}
	})
	mustPut(t, client, "/a/y", "a,b", func(in *ssm.PutParameterInput) { in.Type = types.ParameterTypeStringList })
	mustPut(t, client, "/b", "1")
	resource := types.ResourceTypeForTaggingParameter
	_, err := client.AddTagsToResource(ctx, &ssm.AddTagsToResourceInput{
		ResourceType: resource, ResourceId: aws.String("/b"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}, {Key: aws.String("x"), Value: aws.String("y")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceInput{ResourceType: resource, ResourceId: aws.String("/b"), TagKeys: []string{"x"}}); err != nil {
		t.Fatal(err)
	}
	tags, err := client.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: resource, ResourceId: aws.String("/b")})
	if err != nil {
		t.Fatal(err)
	}
	if len(tags.TagList) != 1 || *tags.TagList[0].Key+"="+*tags.TagList[0].Value != "team=blue" {
		t.Errorf("got tags %+v", tags.TagList)
	}
	for name, test := range map[string]struct {
		filter types.ParameterStringFilter
		want   []string
	}{
		"tag":       {types.ParameterStringFilter{Key: aws.String("tag:team"), Values: []string{"red", "green"}}, []string{"/a/x"}},
		"tagged":    {types.ParameterStringFilter{Key: aws.String("tag:team")}, []string{"/a/x", "/b"}},
		"type":      {types.ParameterStringFilter{Key: aws.String("Type"), Values: []string{"StringList"}}, []string{"/a/y"}},
		"beginning": {types.ParameterStringFilter{Key: aws.String("Name"), Option: aws.String("BeginsWith"), Values: []string{"/a"}}, []string{"/a/x", "/a/y"}},
		"contained": {types.ParameterStringFilter{Key: aws.String("Name"), Option: aws.String("Contains"), Values: []string{"/y"}}, []string{"/a/y"}},
		"path":      {types.ParameterStringFilter{Key: aws.String("Path"), Values: []string{"/a"}}, []string{"/a/x", "/a/y"}},
		"name":      {types.ParameterStringFilter{Key: aws.String("Name"), Values: []string{"/b"}}, []string{"/b"}},
	} {
		out, err := client.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{test.filter}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, p := range out.Parameters {
			got = append(got, *p.Name)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestSecretsNeedDecryption(t *testing.T) {
	t.Parallel()
	_, client := setup(t)
	mustPut(t, client, "/secret", "hush", func(in *ssm.PutParameterInput) { in.Type = types.ParameterTypeSecureString })
	for decrypt, want := range map[bool]bool{true: true, false: false} {
		out, err := client.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/secret"), WithDecryption: &decrypt})
		if err != nil {
			t.Fatal(err)
		}
		if got := *out.Parameter.Value == "hush"; got != want {
			t.Errorf("decrypt %v: got %s", decrypt, *out.Parameter.Value)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		name, value string
		change      func(*ssm.PutParameterInput)
		want        string
	}{
		"no type":        {"/x", "v", func(in *ssm.PutParameterInput) { in.Type = "" }, "ValidationException"},
		"unknown type":   {"/x", "v", func(in *ssm.PutParameterInput) { in.Type = "Number" }, "ValidationException"},
		"too large":      {"/x", strings.Repeat("v", 4097), nil, "ValidationException"},
		"reserved":       {"/aws/x", "v", nil, "AccessDeniedException"},
		"reserved, bare": {"SSM-x", "v", nil, "AccessDeniedException"},
		"not qualified":  {"a/b", "v", nil, "ValidationException"},
		"bad letters":    {"/a b", "v", nil, "ValidationException"},
		"too deep":       {strings.Repeat("/a", 16), "v", nil, "HierarchyLevelLimitExceededException"},
		"tags, overwriting": {"/x", "v", func(in *ssm.PutParameterInput) {
			overwrite(in)
			in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}
		}, "ValidationException"},
		"pattern":           {"/x", "v", func(in *ssm.PutParameterInput) { in.AllowedPattern = aws.String("^[0-9]+$") }, "ParameterPatternMismatchException"},
		"bad pattern":       {"/x", "v", func(in *ssm.PutParameterInput) { in.AllowedPattern = aws.String("(") }, "InvalidAllowedPatternException"},
		"changed type":      {"/exists", "v", func(in *ssm.PutParameterInput) { overwrite(in); in.Type = types.ParameterTypeStringList }, "ValidationException"},
		"unknown parameter": {"/x", "v", func(in *ssm.PutParameterInput) { in.Policies = aws.String("[]") }, "ValidationException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, client := setup(t)
			mustPut(t, client, "/exists", "v")
			before := c.Resources()
			if test.change == nil {
				test.change = func(*ssm.PutParameterInput) {}
			}
			if _, err := put(t.Context(), client, test.name, test.value, test.change); codeOf(err) != test.want {
				t.Errorf("got %v, want code %s", err, test.want)
			}
			if diff := cloud.Diff(before, c.Resources()); diff != "" {
				t.Errorf("a refused call changed the account:\n%s", diff)
			}
		})
	}
}

func TestRefusedReads(t *testing.T) {
	t.Parallel()
	_, client := setup(t)
	ctx := t.Context()
	for want, call := range map[string]func() error{
		"InvalidFilterKey": func() error {
			_, err := client.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Colour"), Values: []string{"red"}}}})
			return err
		},
		"InvalidFilterOption": func() error {
			_, err := client.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Name"), Option: aws.String("Like"), Values: []string{"x"}}}})
			return err
		},
		"InvalidNextToken": func() error {
			_, err := client.DescribeParameters(ctx, &ssm.DescribeParametersInput{NextToken: aws.String("!")})
			return err
		},
		"ValidationException": func() error {
			_, err := client.GetParametersByPath(ctx, &ssm.GetParametersByPathInput{Path: aws.String("a")})
			return err
		},
		"InvalidResourceId": func() error {
			_, err := client.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingParameter, ResourceId: aws.String("/none")})
			return err
		},
		"InvalidResourceType": func() error {
			_, err := client.ListTagsForResource(ctx, &ssm.ListTagsForResourceInput{ResourceType: types.ResourceTypeForTaggingDocument, ResourceId: aws.String("/none")})
			return err
		},
	} {
		if err := call(); codeOf(err) != want {
			t.Errorf("got %v, want code %s", err, want)
		}
	}
}
