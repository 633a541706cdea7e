package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/app"
	"github.com/slipway-project/slipway/internal/errs"
)

func (s *session) sandboxCommand() *cobra.Command {
	cmd := parent(&cobra.Command{
		Use:   "sandbox",
		Short: "The AWS-compatible cloud on this machine",
		Long: `The sandbox is an AWS-compatible cloud on this machine: its instances are real isolated hosts, its volumes real block
devices, its load balancers forward real traffic. It needs root. "up" starts it by itself where the document says
"provider: sandbox".`,
	})
	flags, c := cmd.PersistentFlags(), &s.sandboxConfig
	flags.StringVar(&c.StateDir, "state-dir", c.StateDir, "directory of the account, volumes and logs")
	flags.StringVar(&c.RunDir, "run-dir", c.RunDir, "directory of sockets")
	flags.StringVar(&c.ImageDir, "image-dir", c.ImageDir, "directory of cached images (default: shared by all sandboxes of the machine)")
	flags.StringVar(&c.Listen, "listen", c.Listen, "host:port of the API")
	flags.StringVar(&c.PublicRange, "public-range", c.PublicRange, "CIDR block of public addresses (default: the first free one)")
	cmd.AddCommand(
		s.sandboxStartCommand(), s.sandboxStopCommand(), s.sandboxStatusCommand(), s.sandboxResetCommand(), s.sandboxCheckCommand(),
		s.sandboxEnvCommand(), s.sandboxSetCommand(),
		s.drillCommand("kill", "Cut the power of an instance", "The instance's processes are killed at once. It stays down until `slipway up`, or EC2's StartInstances, starts it."),
		s.drillCommand("cut", "Cut an instance off the network", "The instance runs on, and nothing reaches it or comes from it, until `slipway sandbox heal`."),
		s.drillCommand("heal", "Connect an instance again", "Ends what `slipway sandbox cut` began."),
		s.sandboxDaemonCommand(), s.sandboxHolderCommand(), s.sandboxHostInitCommand(),
	)
	return cmd
}

func (s *session) sandboxStopCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "stop",
		Short:   "Stop the sandbox and everything in it; start brings it back",
		Example: "sudo slipway sandbox stop",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.sandbox().Stop(cmd.Context()); err != nil {
				return err
			}
			s.message("the sandbox is stopped; `slipway sandbox start` brings back what ran in it")
			return nil
		},
	}
}

func (s *session) sandboxResetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Remove the sandbox and leave the machine as it was",
		Long: `Ends everything that runs in the sandbox and removes its account, its volumes and every trace of it on the machine:
processes, mounts, loop devices, links, routes, control groups. Cached images stay unless --images is given.`,
		Example: "sudo slipway sandbox reset --yes",
		Args:    noArgs,
	}
	yes := cmd.Flags().BoolP("yes", "y", false, "do not ask")
	images := cmd.Flags().Bool("images", false, "remove the cached images too")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !*yes {
			if !s.interactive() {
				return errs.New(errs.Invalid, "nobody is there to confirm the reset").WithRemedy("In scripts, --yes confirms it.")
			}
			ok, err := s.confirm(cmd.Context(), "Remove the sandbox with every cluster in it?")
			if err != nil {
				return err
			}
			if !ok {
				return errDeclined()
			}
		}
		if err := s.sandbox().Reset(cmd.Context(), *images); err != nil {
			return err
		}
		s.message("the sandbox is gone")
		return nil
	}
	return cmd
}

func (s *session) sandboxCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Look whether this machine can run the sandbox",
		Example: "slipway sandbox check",
		Args:    noArgs,
	}
	output := outputFlag(cmd, "table", formatJSON)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		findings := s.sandbox().Check(cmd.Context())
		rows := make([][]string, len(findings))
		for i, f := range findings {
			state := "ok"
			if !f.OK {
				state = string(f.Level)
			}
			rows[i] = []string{f.Name, state, strings.TrimSpace(f.Detail + " " + remedyOf(f))}
		}
		var err error
		if output.value == formatJSON {
			err = printJSON(s.process.Stdout, findings)
		} else {
			err = printTable(s.process.Stdout, []string{"FEATURE", "STATE", "FOUND"}, rows)
		}
		if err != nil {
			return err
		}
		return app.CheckErrors(findings)
	}
	return cmd
}

func remedyOf(f app.CheckFinding) string {
	if f.OK || f.Remedy == "" {
		return ""
	}
	return "(" + f.Remedy + ")"
}

func (s *session) sandboxEnvCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the variables that point AWS's own tools at the sandbox",
		Long: `Prints the sandbox's address, its region and the root user's access key as variables for a shell: AWS's SDKs and tools
read them. The aws command before version 2.13, Debian 12's among them, does not know AWS_ENDPOINT_URL and needs the
option --endpoint-url as well: without it, it talks to AWS itself.`,
		Example: "eval \"$(sudo slipway sandbox env)\"\naws --endpoint-url \"$AWS_ENDPOINT_URL\" ec2 describe-instances",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			env, err := s.sandbox().Env(cmd.Context())
			if err != nil {
				return err
			}
			for _, v := range env {
				if _, err := fmt.Fprintf(s.process.Stdout, "export %s='%s'\n", v.Name, v.Value.Reveal()); err != nil {
					return errs.Wrap(errs.Internal, err, "write the output")
				}
			}
			return nil
		},
	}
}

// drillCommand makes one of the commands that fail an instance on purpose.
func (s *session) drillCommand(name, short, long string) *cobra.Command {
	return &cobra.Command{
		Use:     name + " NODE|INSTANCE",
		Short:   short,
		Long:    long + "\n\nThe instance is named by its id, or by its node's name in the cluster document.",
		Example: fmt.Sprintf("sudo slipway sandbox %s manager-2\nsudo slipway sandbox %s i-0123456789abcdef0", name, name),
		Args:    oneArg("the instance"),
		RunE: func(cmd *cobra.Command, args []string) error {
			instance, err := s.instance(cmd, args[0])
			if err != nil {
				return err
			}
			if err := s.sandbox().Drill(cmd.Context(), app.Drill(name), instance); err != nil {
				return err
			}
			s.message("%s: %s", args[0], name)
			return nil
		},
	}
}

// instance returns the id of the instance that a drill names.
func (s *session) instance(cmd *cobra.Command, name string) (string, error) {
	if strings.HasPrefix(name, "i-") {
		return name, nil
	}
	doc, err := s.document()
	if err != nil {
		return "", err
	}
	inventory, err := s.operator().Inventory(cmd.Context(), doc)
	if err != nil {
		return "", err
	}
	for _, n := range inventory.Nodes {
		if n.Name == name {
			return n.InstanceID, nil
		}
	}
	return "", errs.New(errs.NotFound, fmt.Sprintf("cluster %s has no node %q", doc.Name, name)).WithRemedy("`slipway inventory` lists the nodes.")
}
