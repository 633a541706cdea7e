package provision

import (
	"fmt"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision/awstask"
	"github.com/slipway-project/slipway/internal/provision/resource"
)

// The roles of security groups: those of nodes, and the load balancers'.
const (
	groupManager  = string(cluster.RoleManager)
	groupWorker   = string(cluster.RoleWorker)
	groupBalancer = "balancer"
)

// purposePublic is the purpose of the subnets that this release makes.
const purposePublic = "public"

// desired returns everything that the document wants, parents before what lives in them.
func desired(cloud *awstask.Cloud, doc *cluster.Document, s *survey) ([]resource.Task, error) {
	zones := doc.Cloud.Zones.Pick(s.facts.Zones)
	tasks := []resource.Task{cloud.VPC(doc.Network.CIDR), cloud.Gateway(), cloud.Attachment()}
	var subnets []resource.Key
	for _, zone := range zones {
		i, err := publicSubnet(zone)
		if err != nil {
			return nil, err
		}
		subnets = append(subnets, awstask.SubnetKey(purposePublic, zone))
		tasks = append(tasks, cloud.Subnet(purposePublic, zone, doc.Network.Subnet(i).String()))
	}
	tasks = append(tasks, cloud.PublicTable(), cloud.PublicRoute())
	for _, subnet := range subnets {
		tasks = append(tasks, cloud.Association(subnet))
	}
	tasks = append(tasks, groups(cloud, doc)...)
	tasks = append(tasks, cloud.KeyPair(s.publicKey), cloud.Role(), cloud.RolePolicy(), cloud.Profile())

	var managers []string
	for _, n := range doc.NodeSpecs(zones) {
		if n.Role == cluster.RoleManager {
			managers = append(managers, n.Name)
		}
		tasks = append(tasks, cloud.Instance(awstask.Node{
			NodeSpec: n, Image: s.images[s.facts.Types[n.Type].Arch], Subnet: awstask.SubnetKey(purposePublic, n.Zone), Protect: doc.Protected(),
		}))
	}
	return append(tasks, cloud.Balancer(subnets, doc.Protected()), cloud.TargetGroup(), cloud.Listener(), cloud.Targets(managers)), nil
}

// publicZones is how many of the network's 16 parts are for public subnets; the others are for private ones, so that
// what is managed and what users run can be apart (INFRA-5).
const publicZones = 8

// publicSubnet returns which part of the network a zone's public subnet is: the zone's own letter decides, so a zone
// that is added later moves none of the others.
func publicSubnet(zone string) (int, error) {
	i := int(zone[len(zone)-1]) - 'a'
	if i < 0 || i >= publicZones {
		return 0, errs.New(errs.Invalid, fmt.Sprintf("cloud.zones: %s is not one of the region's first %d zones", zone, publicZones)).
			WithRemedy("name zones that end with a letter from a to h; local zones are not supported")
	}
	return i, nil
}

// groups are the security groups by role and what may come in to each.
func groups(cloud *awstask.Cloud, doc *cluster.Document) []resource.Task {
	nodes := []string{groupManager, groupWorker}
	manager, worker := nodeRules(doc), nodeRules(doc)
	for _, peer := range nodes {
		manager = append(manager, awstask.TCP(portSwarm, peer))
	}
	manager = append(manager, awstask.TCP(portHTTPS, groupBalancer), awstask.TCP(portSwarm, groupBalancer)) // the second for its health check
	var balancer []awstask.Rule
	for _, peer := range doc.Network.Allow.HTTPS {
		balancer = append(balancer, awstask.TCP(portHTTPS, peer))
	}
	tasks := []resource.Task{
		cloud.Group(groupManager, "Slipway managers of "+doc.Name),
		cloud.Group(groupWorker, "Slipway workers of "+doc.Name),
		cloud.Group(groupBalancer, "Slipway load balancers of "+doc.Name),
		cloud.Rules(groupManager, manager, groupManager, groupWorker, groupBalancer),
		cloud.Rules(groupWorker, worker, groupManager, groupWorker),
	}
	if len(balancer) > 0 {
		tasks = append(tasks, cloud.Rules(groupBalancer, balancer))
	}
	return tasks
}

// The ports of a cluster (facts/infrastructure.md section 6, NET-2).
const (
	portSSH       = 22
	portHTTPS     = 443
	portSwarm     = 2377 // managers: joining and the cluster's state
	portVXLAN     = 4789 // overlay networks
	portGossip    = 7946 // who is where in overlay networks
	portApps      = 8000 // HTTP routing
	portSecureApp = 8443
	portMetrics   = 9323 // the engine's, for Prometheus
)

// nodeRules is what may come in to every node: from other nodes what swarm's networks need, encrypted ones included, and
// from outside what the document allows.
func nodeRules(doc *cluster.Document) []awstask.Rule {
	var rules []awstask.Rule
	for _, peer := range []string{groupManager, groupWorker} {
		rules = append(rules, awstask.TCP(portGossip, peer), awstask.UDP(portGossip, peer), awstask.UDP(portVXLAN, peer), awstask.ESP(peer))
		if doc.Engine.Metrics == nil || *doc.Engine.Metrics {
			rules = append(rules, awstask.TCP(portMetrics, peer))
		}
	}
	for _, peer := range doc.Network.Allow.SSH {
		rules = append(rules, awstask.TCP(portSSH, peer))
	}
	for _, peer := range doc.Network.Allow.Apps {
		rules = append(rules, awstask.TCP(portApps, peer), awstask.TCP(portSecureApp, peer))
	}
	return rules
}
