package state

import (
	"maps"
	"slices"
)

// Resources lists everything in the account that costs money or blocks something, one line each, sorted: "us-east-1 vpc
// vpc-0abc". Left out are terminated instances, the root user's key and temporary credentials.
func (d *Data) Resources() []string {
	var all []string
	for name, r := range d.Regions {
		r.eachResource(func(kind, id string) { all = append(all, name+" "+kind+" "+id) })
	}
	d.IAM.eachResource(func(kind, id string) { all = append(all, "global "+kind+" "+id) })
	slices.Sort(all)
	return all
}

func (r *Region) eachResource(add func(kind, id string)) {
	e := &r.EC2
	each(e.VPCs, "vpc", add)
	each(e.Subnets, "subnet", add)
	each(e.InternetGateways, "internet-gateway", add)
	each(e.RouteTables, "route-table", add)
	each(e.SecurityGroups, "security-group", add)
	each(e.NetworkInterfaces, "network-interface", add)
	each(e.KeyPairs, "key-pair", add)
	each(e.Volumes, "volume", add)
	for id, i := range e.Instances {
		if i.State != InstanceTerminated {
			add("instance", id)
		}
	}
	each(r.ELB.LoadBalancers, "load-balancer", add)
	each(r.ELB.TargetGroups, "target-group", add)
	each(r.ELB.Listeners, "listener", add)
	each(r.SSM.Parameters, "parameter", add)
}

func (i *IAM) eachResource(add func(kind, id string)) {
	for name, u := range i.Users {
		add("user", name)
		each(u.Policies, "user-policy "+name, add)
	}
	for name, r := range i.Roles {
		add("role", name)
		each(r.Policies, "role-policy "+name, add)
	}
	each(i.Profiles, "instance-profile", add)
	for id, k := range i.Keys {
		if !k.Root && k.Token == "" {
			add("access-key", id)
		}
	}
}

func each[V any](things map[string]V, kind string, add func(kind, id string)) {
	for id := range maps.Keys(things) {
		add(kind, id)
	}
}
