package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/app"
	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision"
	"github.com/slipway-project/slipway/internal/rollout"
)

func (s *session) upCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Build the cluster, or bring it to what the document says",
		Long: `Builds the infrastructure, turns the hosts into a swarm, and checks every one of them. Run again it changes nothing;
after an interruption it goes on; after an edit of the document it makes the difference; what broke it repairs.

With provider sandbox it starts the sandbox where it does not run. In a folder without a document it offers to write the
sandbox's.`,
		Example:     "slipway up\nslipway up --yes --log-format json\nslipway up --infra-only",
		Args:        noArgs,
		Annotations: map[string]string{longWork: ""},
	}
	infraOnly := cmd.Flags().Bool("infra-only", false, "stop after the infrastructure")
	yes := cmd.Flags().BoolP("yes", "y", false, "ask nothing")
	s.parallelFlag(cmd)
	output := outputFlag(cmd, formatText, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		doc, err := s.documentOrSample(cmd.Context(), *yes)
		if err != nil {
			return err
		}
		report, err := s.operator().Up(cmd.Context(), doc, app.UpOptions{
			InfraOnly: *infraOnly, Approve: s.approver(*yes, "Make these changes?"),
		})
		s.display.Close()
		if report != nil && output.value == formatJSON {
			if err := printJSON(s.process.Stdout, report); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		if output.value == formatText {
			err = s.printUp(report)
		}
		if err == nil && report.Status != nil && !report.Status.Healthy {
			return result(codeUnhealthy)
		}
		return err
	}
	return cmd
}

// parallelFlag adds the bound on parallel work.
func (s *session) parallelFlag(cmd *cobra.Command) {
	cmd.Flags().IntVar(&s.parallel, "parallel", 0, "how much is done at once, 0 for a bound that suits most clouds")
}

// documentOrSample loads the document. Where there is none it offers the sandbox's: it asks on a terminal, writes it
// where everything is answered with yes, and refuses otherwise.
func (s *session) documentOrSample(ctx context.Context, yes bool) (*cluster.Document, error) {
	doc, err := s.judgedDocument()
	if !errs.Is(err, errs.NotFound) {
		return doc, err
	}
	if !yes {
		if !s.interactive() {
			return nil, err
		}
		ok, askErr := s.confirm(ctx, fmt.Sprintf("There is no %s here. Write one for a cluster in the sandbox on this machine?", s.file))
		if askErr != nil {
			return nil, askErr
		}
		if !ok {
			return nil, err
		}
	}
	if err := app.WriteSample(s.file, cluster.ProviderSandbox, false); err != nil {
		return nil, err
	}
	s.message("wrote %s, a cluster in the sandbox on this machine", s.file)
	return s.judgedDocument()
}

// approver returns what shows a plan and asks whether to go on.
func (s *session) approver(yes bool, question string) func(context.Context, *provision.Plan) error {
	return func(ctx context.Context, plan *provision.Plan) error {
		s.showPlan(plan)
		if err := plan.Err(); err != nil || yes {
			return err
		}
		if !s.interactive() {
			return errs.New(errs.Invalid, "nobody is there to approve the plan").WithRemedy("In scripts, --yes approves it.")
		}
		ok, err := s.confirm(ctx, question)
		if err != nil {
			return err
		}
		if !ok {
			return errDeclined()
		}
		return nil
	}
}

// showPlan writes the plan to standard error, where the questions are.
func (s *session) showPlan(plan *provision.Plan) {
	if s.logsJSON() {
		s.message("plan: %s", plan.Summary())
		return
	}
	_ = printPlan(s.display, plan, s.tint(s.process.Stderr))
}

// printUp says what came of it and how to go on.
func (s *session) printUp(report *app.UpReport) error {
	out := s.process.Stdout
	if report.Status == nil {
		return inventoryTable(out, report.Nodes)
	}
	s.printRollout(report.Rollout)
	if err := printStatus(out, report.Status); err != nil {
		return err
	}
	_, err := fmt.Fprint(out, nextSteps(report.Nodes, s.fileFlag()))
	return err
}

// printRollout says on standard error what was changed on the hosts and what to know of them.
func (s *session) printRollout(report *rollout.Report) {
	nodes := map[string]bool{}
	for _, c := range report.Changes {
		nodes[c.Node] = true
	}
	if report.Empty() {
		s.message("nothing was changed on the hosts")
	} else {
		s.message("changed on %s: %s", plural(len(nodes), "host"), plural(len(report.Changes), "thing"))
	}
	for _, n := range report.Notices {
		s.message("note: %s", n)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// fileFlag is what commands need to mean the same document.
func (s *session) fileFlag() string {
	if s.file == defaultFile {
		return ""
	}
	return " --file " + s.file
}

// nextSteps says how the cluster is reached and taken down.
func nextSteps(inventory *cluster.Inventory, file string) string {
	manager := ""
	for _, n := range inventory.Nodes {
		if n.Role == cluster.RoleManager {
			manager = n.Name
			break
		}
	}
	return fmt.Sprintf(`
Reach it:    slipway ssh%[1]s %[2]s -- sudo docker node ls
Look at it:  slipway status%[1]s
Scale it:    change workers[].count in the document, then slipway up%[1]s
Remove it:   slipway destroy%[1]s
`, file, manager)
}
