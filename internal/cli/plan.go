package cli

import "github.com/spf13/cobra"

func (s *session) planCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what up would change, and why",
		Long: `Looks at what is there and shows what would change: + create, ~ change, -/+ replace, - delete, ! differs in
what cannot be changed, ? could not be read. Exit code 0 means that nothing would change, 2 that something
would. It changes nothing and needs no lease.`,
		Example: "slipway plan\nslipway plan -o json | jq '.changes[].key'",
		Args:    noArgs,
	}
	output := outputFlag(cmd, formatText, formatJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		doc, err := s.judgedDocument()
		if err != nil {
			return err
		}
		plan, err := s.operator().Plan(cmd.Context(), doc)
		if err != nil {
			return err
		}
		if output.value == formatJSON {
			err = printJSON(s.process.Stdout, plan)
		} else {
			err = printPlan(s.process.Stdout, plan, s.tint(s.process.Stdout))
		}
		if err == nil {
			err = plan.Err()
		}
		if err == nil && !plan.Empty() {
			return result(codeChanges)
		}
		return err
	}
	return cmd
}
