package host

import (
	"fmt"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
)

// KnownHosts returns the content of a known_hosts file that holds just the node's pin, under the name ClientArgs gives the host.
func KnownHosts(node cluster.Node) ([]byte, error) {
	if node.HostKey == "" {
		return nil, errs.New(errs.Conflict, "the host key of "+node.Name+" is not pinned yet: nobody has prepared this host").
			WithRemedy("run `slipway up`: it pins the key at first contact")
	}
	return fmt.Appendf(nil, "%s %s\n", alias(node), node.HostKey), nil
}

// ClientArgs returns the command line of the stock ssh client that logs in to the node, takes no other host key than the pin in the
// known_hosts file, and runs the command, if there is one: one argument is a line for the host's shell, several are a program and its
// arguments as they stand. With an empty keyPath the client takes ssh-agent's keys.
func ClientArgs(node cluster.Node, keyPath, knownHosts string, command ...string) []string {
	args := []string{"ssh",
		"-o", "UserKnownHostsFile=" + knownHosts,
		"-o", "GlobalKnownHostsFile=/dev/null",
		"-o", "StrictHostKeyChecking=yes",
		"-o", "UpdateHostKeys=no",
		"-o", "HostKeyAlias=" + alias(node),
		"-o", "ServerAliveInterval=10",
	}
	if keyPath != "" {
		args = append(args, "-o", "IdentitiesOnly=yes", "-i", keyPath)
	}
	args = append(args, "-l", node.User, "--", node.PublicIP)
	switch len(command) {
	case 0:
		return args
	case 1:
		return append(args, command[0])
	default:
		return append(args, quoteAll(command))
	}
}

// alias names a host for its key: an address is given to another instance after this one's end, an instance id is not.
func alias(node cluster.Node) string { return node.InstanceID }
