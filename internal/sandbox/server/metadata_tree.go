package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/slipway-project/slipway/internal/sandbox/state"
)

// view is what one instance may see.
type view struct {
	instance string
	options  state.MetadataOptions
	role     string            // of its profile; empty for none
	tree     map[string]string // values by path: meta-data/instance-id
}

// list returns the names right below a path.
func (v view) list(path string) []string {
	prefix := path + "/"
	if path == "" {
		prefix = ""
	}
	names := map[string]bool{}
	for p := range v.tree {
		if rest, ok := strings.CutPrefix(p, prefix); ok {
			name, _, more := strings.Cut(rest, "/")
			if more {
				name += "/"
			}
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// look returns what the instance behind a network interface may see.
func (m *Metadata) look(endpoint string) (view, error) {
	var v view
	err := m.store.View(func(d *state.Data) error {
		for _, name := range state.RegionNames() {
			r := d.Region(name)
			if i := r.EC2.NetworkInterfaces[endpoint]; i != nil && r.EC2.Instances[i.Instance] != nil {
				v = viewOf(&d.IAM, r, r.EC2.Instances[i.Instance], i)
				return nil
			}
		}
		return fmt.Errorf("no instance has the network interface %q", endpoint)
	})
	return v, err
}

func viewOf(i *state.IAM, r *state.Region, instance *state.Instance, eni *state.NetworkInterface) view {
	v := view{instance: instance.ID, options: instance.Metadata, tree: map[string]string{}}
	meta := func(path, value string) { v.tree["meta-data/"+path] = value }
	hostname := instance.Hostname + "." + domainOf(r.Name)
	meta("ami-id", instance.Image)
	meta("ami-launch-index", fmt.Sprint(instance.LaunchIndex))
	meta("hostname", hostname)
	meta("instance-action", "none")
	meta("instance-id", instance.ID)
	meta("instance-life-cycle", "on-demand")
	meta("instance-type", instance.Type)
	meta("local-hostname", hostname)
	meta("local-ipv4", eni.PrivateIP)
	meta("mac", eni.MAC)
	meta("placement/availability-zone", instance.Zone)
	meta("placement/region", r.Name)
	meta("reservation-id", instance.Reservation)
	meta("services/domain", "amazonaws.com")
	meta("services/partition", "aws")
	meta("security-groups", strings.Join(groupNames(&r.EC2, eni), "\n"))
	meta("block-device-mapping/root", instance.RootDevice)
	if eni.PublicIP != "" {
		meta("public-ipv4", eni.PublicIP)
		meta("public-hostname", eni.PublicIP) // nothing resolves names on the machine
	}
	if key := publicKey(&r.EC2, instance.KeyName); key != "" {
		meta("public-keys/0/openssh-key", key)
	}
	if instance.Metadata.InstanceTags {
		for key, value := range r.EC2.Tags[instance.ID] {
			meta("tags/instance/"+key, value)
		}
	}
	v.addInterface(&r.EC2, eni)
	v.addProfile(i, instance.Profile)
	v.tree["dynamic/instance-identity/document"] = identityDocument(r, instance, eni)
	if data, err := base64.StdEncoding.DecodeString(instance.UserData); err == nil && len(data) > 0 {
		v.tree["user-data"] = string(data)
	}
	return v
}

// domainOf is the domain of private host names.
func domainOf(region string) string {
	if region == "us-east-1" {
		return "ec2.internal" // from before there were regions
	}
	return region + ".compute.internal"
}

func (v *view) addInterface(e *state.EC2, eni *state.NetworkInterface) {
	add := func(name, value string) { v.tree["meta-data/network/interfaces/macs/"+eni.MAC+"/"+name] = value }
	add("device-number", "0")
	add("interface-id", eni.ID)
	add("local-ipv4s", eni.PrivateIP)
	add("mac", eni.MAC)
	add("owner-id", state.Account)
	add("security-group-ids", strings.Join(eni.Groups, "\n"))
	add("security-groups", strings.Join(groupNames(e, eni), "\n"))
	add("subnet-id", eni.Subnet)
	add("vpc-id", eni.VPC)
	if eni.PublicIP != "" {
		add("public-ipv4s", eni.PublicIP)
	}
	if s := e.Subnets[eni.Subnet]; s != nil {
		add("subnet-ipv4-cidr-block", s.CIDR)
	}
	if n := e.VPCs[eni.VPC]; n != nil {
		add("vpc-ipv4-cidr-block", n.CIDR)
	}
}

// addProfile adds the instance profile and the name of its role; the role's credentials are made when they are asked for.
func (v *view) addProfile(i *state.IAM, arn string) {
	for _, p := range i.Profiles {
		if p.ARN() != arn {
			continue
		}
		info, _ := json.MarshalIndent(map[string]string{ // strings always marshal
			"Code": "Success", "LastUpdated": time.Now().UTC().Format(time.RFC3339),
			"InstanceProfileArn": arn, "InstanceProfileId": p.ID,
		}, "", "  ")
		v.tree["meta-data/iam/info"] = string(info)
		if i.Roles[p.Role] != nil {
			v.role = p.Role
			v.tree["meta-data/iam/security-credentials/"+p.Role] = ""
		}
	}
}

func groupNames(e *state.EC2, eni *state.NetworkInterface) []string {
	var names []string
	for _, id := range eni.Groups {
		if g := e.SecurityGroups[id]; g != nil {
			names = append(names, g.Name)
		}
	}
	return names
}

func publicKey(e *state.EC2, name string) string {
	for _, k := range e.KeyPairs {
		if k.Name == name && name != "" {
			return k.PublicKey
		}
	}
	return ""
}

// identityDocument is what an instance shows of itself to others. The sandbox does not sign it.
func identityDocument(r *state.Region, i *state.Instance, eni *state.NetworkInterface) string {
	document, _ := json.MarshalIndent(map[string]any{ // strings always marshal
		"accountId": state.Account, "architecture": "x86_64", "availabilityZone": i.Zone, "imageId": i.Image, "instanceId": i.ID,
		"instanceType": i.Type, "pendingTime": i.Launched.UTC().Format(time.RFC3339), "privateIp": eni.PrivateIP, "region": r.Name,
		"version": "2017-09-30",
	}, "", "  ")
	return string(document)
}
