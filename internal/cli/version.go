package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/app"
)

func (s *session) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Example: "slipway version\nslipway version -o json",
		Args:    noArgs,
	}
	output := outputFlag(cmd, formatText, formatJSON)
	cmd.RunE = func(*cobra.Command, []string) error {
		v := app.Version()
		if output.value == formatJSON {
			return printJSON(s.process.Stdout, v)
		}
		_, err := fmt.Fprintf(s.process.Stdout, "slipway %s (%s, %s, %s)\n", v.Version, v.Commit, v.Go, v.Platform)
		return err
	}
	return cmd
}
