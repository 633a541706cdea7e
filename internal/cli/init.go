package cli

import (
	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/app"
	"github.com/slipway-project/slipway/internal/cluster"
)

func (s *session) initCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a cluster document to begin with",
		Long: `Writes a commented cluster document: three managers and a group of workers over three zones.
It writes cluster.yaml, or what --file names, and never over an existing file unless --force says so.`,
		Example: "slipway init\nslipway init --provider aws --file production.yaml",
		Args:    noArgs,
	}
	provider := choiceFlag(cmd, false, "provider", "", "where the cluster will be built", string(cluster.ProviderSandbox), string(cluster.ProviderAWS))
	force := cmd.Flags().Bool("force", false, "write over an existing file")
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := app.WriteSample(s.file, cluster.Provider(provider.value), *force); err != nil {
			return err
		}
		s.message("wrote %s: read it, then `slipway up`", s.file)
		return nil
	}
	return cmd
}
