package ec2

import (
	"cmp"
	"maps"
	"slices"

	"github.com/slipway-project/slipway/internal/sandbox/awswire"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/call"
	"github.com/slipway-project/slipway/internal/sandbox/ec2/vpc"
)

type tagInput struct {
	IDs  []string
	Tags map[string]string
	Any  map[string]bool // keys to delete whatever their value
}

func tagActions(a *call.API) []awswire.Action {
	touches := func(in tagInput) []string { return in.IDs }
	return []awswire.Action{
		call.Op[tagInput]{
			Name: "CreateTags", Decode: decodeCreateTags, Handle: createTags,
			More: func(s *call.Scope, in tagInput) (all []awswire.Access) {
				for _, id := range in.IDs {
					all = append(all, awswire.Access{Resource: call.ARN(s.Region.Name, id), RequestTags: in.Tags, ResourceTags: maps.Clone(s.Tags[id])})
				}
				return all
			},
		}.Write(a),
		call.Op[tagInput]{Name: "DeleteTags", Decode: decodeDeleteTags, Handle: deleteTags, Touches: touches}.Write(a),
		tagListing.On(a),
	}
}

func decodeCreateTags(p *awswire.Params) tagInput {
	in := tagInput{IDs: call.RequiredList(p, "ResourceId"), Tags: call.DecodeTags(p)}
	if len(in.Tags) == 0 {
		p.Refuse("MissingParameter", "The request must contain the parameter Tag")
	}
	return in
}

func decodeDeleteTags(p *awswire.Params) tagInput {
	in := tagInput{IDs: call.RequiredList(p, "ResourceId"), Tags: map[string]string{}, Any: map[string]bool{}}
	for _, item := range p.List("Tag") {
		if key := item.Required("Key"); item.Has("Value") {
			in.Tags[key] = item.String("Value")
		} else {
			in.Any[key] = true
		}
	}
	return in
}

func createTags(s *call.Scope, in tagInput) (any, error) {
	for _, id := range in.IDs {
		if err := exists(s, id); err != nil {
			return nil, err
		}
		if s.Tags[id] == nil {
			s.Tags[id] = map[string]string{}
		}
		maps.Copy(s.Tags[id], in.Tags)
		if len(s.Tags[id]) > call.MaxTags {
			return nil, awswire.Errorf("TagLimitExceeded", 400, "The maximum number of Tags for a resource has been reached.")
		}
	}
	return call.Done()
}

func deleteTags(s *call.Scope, in tagInput) (any, error) {
	for _, id := range in.IDs {
		if err := exists(s, id); err != nil {
			return nil, err
		}
		maps.DeleteFunc(s.Tags[id], func(k, v string) bool {
			want, named := in.Tags[k]
			return in.Any[k] || named && v == want || len(in.Tags)+len(in.Any) == 0
		})
	}
	return call.Done()
}

// exists refuses the id of an object that is not there, in the words of its kind.
func exists(s *call.Scope, id string) error {
	k, ok := call.KindOf(id)
	if !ok || k.Resource == "" {
		return awswire.Errorf("InvalidID", 400, "The ID '%s' is not valid", id)
	}
	there := map[string]func() bool{
		"vpc": has(s.VPCs, id), "subnet": has(s.Subnets, id), "igw": has(s.InternetGateways, id), "rtb": has(s.RouteTables, id),
		"sg": has(s.SecurityGroups, id), "eni": has(s.NetworkInterfaces, id), "key": has(s.KeyPairs, id), "i": has(s.Instances, id),
		"vol": has(s.Volumes, id),
		"sgr": func() bool { return vpc.HasRule(s, id) },
		"acl": func() bool { return vpc.HasACL(s, id) },
	}[k.Prefix]
	if there == nil || !there() {
		return k.NotFound(id)
	}
	return nil
}

func has[T any](all map[string]*T, id string) func() bool {
	return func() bool { return all[id] != nil }
}

// boundTag is one tag with the object that has it.
type boundTag struct{ id, key, value string }

type xmlBoundTag struct {
	ResourceID   string `xml:"resourceId"`
	ResourceType string `xml:"resourceType"`
	Key          string `xml:"key"`
	Value        string `xml:"value"`
}

var tagListing = call.Listing[boundTag, xmlBoundTag]{ //nolint:gochecknoglobals // a constant table
	Action: "DescribeTags", Set: "tagSet",
	All: func(s *call.Scope) []*boundTag {
		var all []*boundTag
		for id, tags := range s.Tags {
			for k, v := range tags {
				all = append(all, &boundTag{id, k, v})
			}
		}
		slices.SortFunc(all, func(a, b *boundTag) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.key, b.key)) })
		return all
	},
	Key:  func(t *boundTag) string { return t.id + " " + t.key },
	Tags: func(r call.Row[boundTag]) map[string]string { return map[string]string{r.It.key: r.It.value} },
	Fields: call.Fields[boundTag]{
		"key":           call.Of(func(t *boundTag) string { return t.key }),
		"value":         call.Of(func(t *boundTag) string { return t.value }),
		"resource-id":   call.Of(func(t *boundTag) string { return t.id }),
		"resource-type": call.Of(func(t *boundTag) string { return resourceOf(t.id) }),
	},
	Render: func(r call.Row[boundTag]) xmlBoundTag {
		return xmlBoundTag{r.It.id, resourceOf(r.It.id), r.It.key, r.It.value}
	},
}

func resourceOf(id string) string {
	k, _ := call.KindOf(id)
	return k.Resource
}
