// Package vpcnet builds the sandbox's networks out of network namespaces: one per VPC that routes, filters and
// translates as a VPC does, one per endpoint, and the cage's own, which is the internet between them and the machine.
//
// All traffic is routed, there is no layer 2: an endpoint's router answers ARP for every address. Rulesets and names are
// pure functions of the wanted network. It needs root, talks netlink and runs nft and slirp4netns. A Fabric is safe for
// concurrent use; changes follow one another.
package vpcnet
