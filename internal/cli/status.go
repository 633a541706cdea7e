package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/app"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/rollout"
)

func (s *session) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Ask the cloud, every host, every engine and the swarm how the cluster is",
		Long: `Asks everything that runs, at once and with short time limits, and remembers nothing from earlier. Exit code 0 means
healthy, 10 that something is wrong; the output names the node and its zone.`,
		Example: "slipway status\nslipway status -o json | jq -r '.problems[]?'",
		Args:    noArgs,
	}
	output := outputFlag(cmd, "table", formatJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		doc, err := s.document()
		if err != nil {
			return err
		}
		status, err := s.operator().Status(cmd.Context(), doc)
		if err != nil {
			return err
		}
		if output.value == formatJSON {
			err = printJSON(s.process.Stdout, status)
		} else {
			err = printStatus(s.process.Stdout, status)
		}
		if err == nil && !status.Healthy {
			return result(codeUnhealthy)
		}
		return err
	}
	return cmd
}

// printStatus writes the state of every node, then what is wrong and what to know.
func printStatus(w io.Writer, status *app.Status) error {
	health := status.Health
	rows := make([][]string, len(health.Nodes))
	for i, n := range health.Nodes {
		rows[i] = []string{n.Name, n.Zone, n.Instance, n.State, yesNo(n.SSH), n.Engine, membership(n)}
	}
	if err := printTable(w, []string{"NAME", "ZONE", "INSTANCE", "STATE", "SSH", "ENGINE", "SWARM"}, rows); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("\nQuorum:    " + quorum(health))
	if status.Inventory.Endpoint != "" {
		b.WriteString("\nEndpoint:  " + status.Inventory.Endpoint)
	}
	b.WriteString("\n")
	for _, p := range status.Problems {
		b.WriteString("Problem:   " + p + "\n")
	}
	for _, n := range status.Notices {
		b.WriteString("Note:      " + n + "\n")
	}
	if status.Healthy {
		fmt.Fprintf(&b, "Cluster %s is healthy.\n", status.Inventory.Cluster)
	} else {
		fmt.Fprintf(&b, "Cluster %s is not healthy. `slipway up` repairs what it can.\n", status.Inventory.Cluster)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return errs.Wrap(errs.Internal, err, "write the output")
	}
	return nil
}

func quorum(health *rollout.Health) string {
	q := health.Quorum
	if q.Managers == 0 {
		return "unknown, since no manager answers"
	}
	text := fmt.Sprintf("%d of %d managers reachable, %d needed", q.Reachable, q.Managers, q.Needed)
	if health.Leader != "" {
		text += "; " + health.Leader + " leads"
	}
	return text
}

func yesNo(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

// membership says in a few words what a node is in the swarm: what the managers say, else what its own engine says.
func membership(n rollout.NodeHealth) string {
	m := n.Manager
	switch {
	case m.ID == "" && n.Own.State == "":
		return ""
	case m.ID == "":
		return n.Own.State
	}
	words := []string{m.Role}
	if m.Leader {
		words = []string{"leader"}
	}
	if m.State != "ready" {
		words = append(words, m.State)
	}
	if m.Reachability != "" && m.Reachability != "reachable" {
		words = append(words, m.Reachability)
	}
	if m.Availability != "active" {
		words = append(words, m.Availability)
	}
	return strings.Join(words, ", ")
}
