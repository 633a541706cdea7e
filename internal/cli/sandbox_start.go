package cli

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/app"
)

func (s *session) sandboxStartCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start the sandbox; what ran in it comes back",
		Long: `Starts the sandbox in the background, and returns when its API answers. Started again it does nothing. With --foreground it
runs until it is interrupted; whatever ends this process, or closes the pipe that is its standard input, ends everything
in the sandbox too.`,
		Example:     "sudo slipway sandbox start\nsudo slipway sandbox start --latency aws",
		Args:        noArgs,
		Annotations: map[string]string{longWork: ""},
	}
	cmd.Flags().StringVar(&s.sandboxConfig.Latency, "latency", s.sandboxConfig.Latency, "how long changes take: none, fast, aws (default: as it was set, or fast)")
	foreground := cmd.Flags().Bool("foreground", false, "run until interrupted")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *foreground {
			return s.sandbox().RunForeground(cmd.Context(), s.lifeline(), func(endpoint string) {
				s.display.Close()
				s.message("the sandbox answers at %s; Ctrl-C ends it", endpoint)
			})
		}
		status, err := s.sandbox().Start(cmd.Context())
		if err != nil {
			return err
		}
		s.display.Close()
		s.message("the sandbox answers at %s", status.Endpoint)
		return nil
	}
	return cmd
}

func (s *session) sandboxStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show what runs in the sandbox and how many calls it served",
		Example: "sudo slipway sandbox status\nsudo slipway sandbox status -o json | jq .calls",
		Args:    noArgs,
	}
	output := outputFlag(cmd, "table", formatJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		status, err := s.sandbox().Status(cmd.Context())
		if err != nil {
			return err
		}
		if output.value == formatJSON {
			return printJSON(s.process.Stdout, status)
		}
		out := s.process.Stdout
		if err := printTable(out, nil, sandboxRows(status)); err != nil || len(status.Instances) == 0 {
			return err
		}
		_, _ = fmt.Fprintln(out)
		return printTable(out, []string{"INSTANCE", "NAME", "ZONE", "STATE", "HOST RUNS", "PUBLIC IP", "DRILL"}, instanceRows(status))
	}
	return cmd
}

func sandboxRows(status *app.SandboxStatus) [][]string {
	return [][]string{
		{"endpoint", status.Endpoint},
		{"running", fmt.Sprintf("since %s, process %d", status.Started.Local().Format(time.DateTime), status.PID)},
		{"state", status.StateDir},
		{"public addresses", status.PublicRange.String()},
		{"latency", fmt.Sprintf("%s, scale %g", status.Settings.Latency, status.Settings.Scale)},
		{"calls", fmt.Sprintf("%d, of them %d changed something", status.Calls.Total, status.Calls.Mutating)},
		{"resources", strconv.Itoa(status.Resources)},
	}
}

func instanceRows(status *app.SandboxStatus) [][]string {
	rows := make([][]string, len(status.Instances))
	for i, in := range status.Instances {
		rows[i] = []string{in.ID, in.Name, in.Zone, in.State, yesNo(in.Host), in.PublicIP, in.Drill}
	}
	return rows
}

func (s *session) sandboxSetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "set",
		Short:   "Change the settings of the running sandbox",
		Long:    "Changes how long the sandbox's changes take and how many calls it lets through, from now on. What no flag names stays as it is.",
		Example: "sudo slipway sandbox set --latency aws --scale 0.1\nsudo slipway sandbox set --rate-limit 20",
		Args:    noArgs,
	}
	latency := cmd.Flags().String("latency", "", "none, fast or aws")
	scale := cmd.Flags().Float64("scale", 1, "multiplies every latency")
	limit := cmd.Flags().Float64("rate-limit", 0, "calls a second that are let through; 0 for no limit")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var change app.SettingsChange
		if cmd.Flags().Changed("latency") {
			change.Latency = latency
		}
		if cmd.Flags().Changed("scale") {
			change.Scale = scale
		}
		if cmd.Flags().Changed("rate-limit") {
			change.RateLimit = limit
		}
		if change == (app.SettingsChange{}) {
			return usage(cmd, cmd.CommandPath()+" needs something to set: --latency, --scale or --rate-limit")
		}
		v, err := s.sandbox().Set(cmd.Context(), change)
		if err != nil {
			return err
		}
		s.message("latency %s, scale %g, rate limit %g", v.Latency, v.Scale, v.RateLimit)
		return nil
	}
	return cmd
}
