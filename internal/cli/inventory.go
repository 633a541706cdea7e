package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/app"
	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
)

func (s *session) inventoryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inventory",
		Short: "List the hosts, also for Ansible and for ssh",
		Long: `Lists the hosts of the cluster as the cloud knows them now. The form ansible is an inventory in INI form, ssh-config a
file for the stock ssh client; both use the cluster's key and the pinned host keys.`,
		Example: "slipway inventory\nslipway inventory -o ansible > hosts.ini && ansible -i hosts.ini all -m ping\n" +
			"slipway inventory -o ssh-config > ssh.conf && scp -F ssh.conf backup.tar manager-1:",
		Args: noArgs,
	}
	output := outputFlag(cmd, "table", formatJSON, "ansible", "ssh-config")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		doc, err := s.document()
		if err != nil {
			return err
		}
		op, out := s.operator(), s.process.Stdout
		if output.value == "table" || output.value == formatJSON {
			inventory, err := op.Inventory(cmd.Context(), doc)
			if err != nil {
				return err
			}
			if output.value == formatJSON {
				return printJSON(out, inventory)
			}
			return inventoryTable(out, inventory)
		}
		reach, err := op.Reach(cmd.Context(), doc)
		if err != nil {
			return err
		}
		text := ansibleInventory(reach)
		if output.value == "ssh-config" {
			text = sshConfig(reach)
		}
		if _, err := io.WriteString(out, text); err != nil {
			return errs.Wrap(errs.Internal, err, "write the output")
		}
		return nil
	}
	return cmd
}

func inventoryTable(out io.Writer, inventory *cluster.Inventory) error {
	rows := make([][]string, 0, len(inventory.Nodes))
	for _, n := range inventory.Nodes {
		state := n.State
		if n.Impaired {
			state += " (impaired)"
		}
		rows = append(rows, []string{n.Name, string(n.Role), n.Group, n.Zone, n.Type, n.InstanceID, state, n.PrivateIP, n.PublicIP})
	}
	return printTable(out, []string{"NAME", "ROLE", "GROUP", "ZONE", "TYPE", "INSTANCE", "STATE", "PRIVATE IP", "PUBLIC IP"}, rows)
}

// reachable returns the nodes that ssh can be told of.
func reachable(reach *app.Reach) []cluster.Node {
	return slices.DeleteFunc(slices.Clone(reach.Inventory.Nodes), func(n cluster.Node) bool { return n.PublicIP == "" })
}

// sshConfig returns a configuration file for the stock client. Each node goes by its name and by the cluster's and its
// name, which stays clear where the files of several clusters are put together.
func sshConfig(reach *app.Reach) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Cluster %s in %s, written by `slipway inventory -o ssh-config`.\n", reach.Inventory.Cluster, reach.Inventory.Region)
	for _, n := range reachable(reach) {
		fmt.Fprintf(&b, "\nHost %s %s-%s\n", n.Name, reach.Inventory.Cluster, n.Name)
		for _, o := range reach.Options(n) {
			fmt.Fprintf(&b, "  %s %s\n", o[0], quoted(o[1]))
		}
	}
	return b.String()
}

// workersGroup is the group over all groups of workers. One of the document may have the same name: it has hosts and
// children then.
const workersGroup = "workers"

// ansibleInventory returns an inventory in INI form: a group for each group of the document, and workers over those of
// workers.
func ansibleInventory(reach *app.Reach) string {
	groups := map[string][]string{}
	var order, workers []string
	for _, n := range reachable(reach) {
		group := n.Group
		if n.Role == cluster.RoleManager {
			group = "managers"
		} else if group != workersGroup && !slices.Contains(workers, group) {
			workers = append(workers, group)
		}
		if !slices.Contains(order, group) {
			order = append(order, group)
		}
		groups[group] = append(groups[group], ansibleHost(reach, n))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Cluster %s in %s, written by `slipway inventory -o ansible`.\n", reach.Inventory.Cluster, reach.Inventory.Region)
	for _, name := range order {
		fmt.Fprintf(&b, "\n[%s]\n%s\n", name, strings.Join(groups[name], "\n"))
	}
	if len(workers) > 0 {
		fmt.Fprintf(&b, "\n[%s:children]\n%s\n", workersGroup, strings.Join(workers, "\n"))
	}
	fmt.Fprintf(&b, "\n[all:vars]\nslipway_cluster=%s\nslipway_region=%s\nslipway_endpoint=%s\n",
		reach.Inventory.Cluster, reach.Inventory.Region, reach.Inventory.Endpoint)
	return b.String()
}

func ansibleHost(reach *app.Reach, n cluster.Node) string {
	vars := []string{n.Name, "ansible_host=" + n.PublicIP, "ansible_user=" + n.User}
	if reach.IdentityFile != "" {
		vars = append(vars, "ansible_ssh_private_key_file="+quoted(reach.IdentityFile))
	}
	pin := fmt.Sprintf("-o HostKeyAlias=%s -o UserKnownHostsFile=%s -o StrictHostKeyChecking=yes", n.InstanceID, reach.KnownHosts)
	vars = append(vars, "ansible_ssh_common_args='"+pin+"'", "slipway_zone="+n.Zone, "slipway_private_ip="+n.PrivateIP)
	return strings.Join(vars, " ")
}

// quoted puts quotes around a value with blanks in it.
func quoted(v string) string {
	if strings.ContainsAny(v, " \t") {
		return `"` + v + `"`
	}
	return v
}
