package provision

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/slipway-project/slipway/internal/awsapi"
	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision/awstask"
	"github.com/slipway-project/slipway/internal/provision/resource"
)

// Inventory returns the cluster's nodes as the cloud knows them now. A terminated instance is absent; the document gives
// the order of the groups and who logs in.
func (p *Provisioner) Inventory(ctx context.Context, doc *cluster.Document) (*cluster.Inventory, error) {
	cloud := awstask.New(p.deps.Clients, doc.Name)
	inventory := &cluster.Inventory{Cluster: doc.Name, Region: p.deps.Clients.Region, Nodes: []cluster.Node{}}
	err := together(
		func() error {
			address, err := cloud.BalancerAddress(ctx)
			inventory.Endpoint = address
			return awsapi.Classify(err)
		},
		func() error {
			instances, err := cloud.Instances(ctx)
			if err != nil || len(instances) == 0 {
				return awsapi.Classify(err)
			}
			ids := make([]string, len(instances))
			for n, i := range instances {
				ids[n] = aws.ToString(i.InstanceId)
			}
			impaired, err := cloud.Impaired(ctx, ids)
			if err != nil {
				return awsapi.Classify(err)
			}
			for _, i := range instances {
				node := nodeOf(i, doc.SSH.User)
				node.Impaired = impaired[node.InstanceID] && node.State == string(ec2types.InstanceStateNameRunning)
				inventory.Nodes = append(inventory.Nodes, node)
			}
			return nil
		},
	)
	if err != nil {
		return nil, fmt.Errorf("read the inventory: %w", err)
	}
	sortNodes(inventory.Nodes, doc)
	return inventory, nil
}

// nodeOf reads a node off its instance's tags and attributes.
func nodeOf(i ec2types.Instance, user string) cluster.Node {
	tags := map[string]string{}
	for _, t := range i.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	node := cluster.Node{
		Name: resource.Key(tags[awstask.TagKey]).Name(), Role: cluster.Role(tags[awstask.TagRole]), Group: tags[awstask.TagGroup],
		Type: string(i.InstanceType), InstanceID: aws.ToString(i.InstanceId),
		PrivateIP: aws.ToString(i.PrivateIpAddress), PublicIP: aws.ToString(i.PublicIpAddress),
		User: cmp.Or(user, awstask.UserOf(tags[awstask.TagImage])), DataVolume: awstask.DataVolume(i), HostKey: tags[awstask.TagHostKey],
	}
	if i.State != nil {
		node.State = string(i.State.Name)
	}
	if i.Placement != nil {
		node.Zone = aws.ToString(i.Placement.AvailabilityZone)
	}
	return node
}

// sortNodes puts managers first, then the groups in the document's order, each by number; groups that the document has
// no more come last.
func sortNodes(nodes []cluster.Node, doc *cluster.Document) {
	place := map[string]int{}
	for i, w := range doc.Workers {
		place[w.Name] = i + 1
	}
	rank := func(n cluster.Node) int {
		if n.Role == cluster.RoleManager {
			return 0
		}
		return cmp.Or(place[n.Group], len(doc.Workers)+1)
	}
	slices.SortFunc(nodes, func(a, b cluster.Node) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Group, b.Group),
			cmp.Compare(len(a.Name), len(b.Name)), strings.Compare(a.Name, b.Name), strings.Compare(a.InstanceID, b.InstanceID))
	})
}

// PinHostKey stores the SSH host key that a node showed at first contact in its instance's tags, where every operator
// finds it. It returns when the key is stored.
func (p *Provisioner) PinHostKey(ctx context.Context, node cluster.Node, key string) error {
	if err := awstask.New(p.deps.Clients, "").PinHostKey(ctx, node.InstanceID, key); err != nil {
		return fmt.Errorf("pin the host key of %s: %w", node.Name, awsapi.Classify(err))
	}
	return nil
}

// TargetHealth is how the managers' load balancer sees one node.
type TargetHealth struct {
	Node   string `json:"node"`
	State  string `json:"state"`            // healthy, unhealthy, initial, unused, draining
	Reason string `json:"reason,omitempty"` // as the load balancer gives it
}

// BalancerHealth returns how the managers' load balancer sees each manager of the inventory. Where there is no load
// balancer it is errs.NotFound.
func (p *Provisioner) BalancerHealth(ctx context.Context, inventory *cluster.Inventory) ([]TargetHealth, error) {
	health, err := awstask.New(p.deps.Clients, inventory.Cluster).TargetHealth(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the targets' health: %w", awsapi.Classify(err))
	}
	if health == nil {
		return nil, errs.New(errs.NotFound, "the managers have no load balancer").WithRemedy("slipway up makes it")
	}
	all := []TargetHealth{}
	for _, n := range inventory.Nodes {
		if n.Role != cluster.RoleManager {
			continue
		}
		h := TargetHealth{Node: n.Name, State: "not registered"}
		if seen, ok := health[n.InstanceID]; ok {
			h.State, h.Reason = string(seen.State), aws.ToString(seen.Description)
		}
		all = append(all, h)
	}
	return all, nil
}
