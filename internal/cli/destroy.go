package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
	"github.com/slipway-project/slipway/internal/provision"
)

func (s *session) destroyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "destroy",
		Short: "Remove the cluster and everything that belongs to it",
		Long: `Removes every resource of the cluster, and nothing that is not the cluster's. It asks for the cluster's name; --yes answers
in scripts. While the document says "protect: true" it refuses. Interrupted, it goes on when it is run again.

Where the document is lost, --name says which cluster is meant; --file is not read then.`,
		Example:     "slipway destroy\nslipway destroy --yes\nslipway destroy --name demo --provider aws --region eu-west-1",
		Args:        noArgs,
		Annotations: map[string]string{longWork: ""},
	}
	name := cmd.Flags().String("name", "", "destroy the cluster of this name, without a document")
	provider := choiceFlag(cmd, false, "provider", "", "with --name: where the cluster is", string(cluster.ProviderSandbox), string(cluster.ProviderAWS))
	region := cmd.Flags().String("region", "", "with --name: the cluster's region, where it is not the provider's own")
	yes := cmd.Flags().BoolP("yes", "y", false, "do not ask for the cluster's name")
	s.parallelFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var doc *cluster.Document
		var err error
		switch flags := cmd.Flags(); {
		case flags.Changed("name"):
			doc, err = cluster.Named(cluster.Provider(provider.value), *region, *name)
		case flags.Changed("provider"), flags.Changed("region"):
			err = usage(cmd, "--provider and --region go with --name; without it the document says where the cluster is")
		default:
			doc, err = s.document()
		}
		if err != nil {
			return err
		}
		plan, err := s.operator().Destroy(cmd.Context(), doc, func(ctx context.Context, plan *provision.Plan) error {
			s.showPlan(plan)
			if err := plan.Err(); err != nil {
				return err
			}
			return s.approveDestroy(ctx, plan.Cluster, *yes)
		})
		if err != nil {
			return err
		}
		s.display.Close()
		if plan.Empty() {
			s.message("there is nothing of cluster %s in %s", plan.Cluster, plan.Region)
			return nil
		}
		s.message("cluster %s is gone: %s removed", plan.Cluster, plural(len(plan.Changes), "resource"))
		if doc.Cloud.Provider == cluster.ProviderSandbox {
			s.message("the sandbox still runs: `slipway sandbox stop` stops it, `slipway sandbox reset` removes it")
		}
		return nil
	}
	return cmd
}

// approveDestroy asks for the cluster's name.
func (s *session) approveDestroy(ctx context.Context, name string, yes bool) error {
	if yes {
		return nil
	}
	if !s.interactive() {
		return errs.New(errs.Invalid, "nobody is there to confirm the destruction of "+name).WithRemedy("In scripts, --yes confirms it.")
	}
	answer, err := s.ask(ctx, fmt.Sprintf("This destroys cluster %s with all data on its nodes. Type its name to go on:", name))
	if err != nil {
		return err
	}
	if answer != name {
		return errDeclined()
	}
	return nil
}
