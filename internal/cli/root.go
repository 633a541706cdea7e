package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/errs"
)

// The groups of commands in the help.
const (
	groupCluster = "cluster"
	groupHosts   = "hosts"
	groupOther   = "other"
)

// newRoot returns the command tree.
func newRoot(s *session) *cobra.Command {
	root := &cobra.Command{
		Use:   "slipway",
		Short: "Builds, runs and removes highly available container platforms",
		Long: `Slipway builds a highly available container platform on AWS from one document, runs it, and takes it down again.

On a laptop the same commands talk to the sandbox: an AWS-compatible cloud on this machine whose instances are real
isolated hosts with systemd, sshd and Docker Engine.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: s.start,
	}
	parent(root)
	root.SetIn(s.process.Stdin)
	root.SetOut(s.process.Stdout)
	root.SetErr(s.process.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, err.Error()) })
	root.AddGroup(
		&cobra.Group{ID: groupCluster, Title: "The cluster:"},
		&cobra.Group{ID: groupHosts, Title: "Its hosts:"},
		&cobra.Group{ID: groupOther, Title: "Also:"},
	)
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	s.addGlobalFlags(root)
	grouped(root, groupCluster, s.initCommand(), s.validateCommand(), s.planCommand(), s.upCommand(), s.statusCommand(), s.destroyCommand())
	grouped(root, groupHosts, s.inventoryCommand(), s.sshCommand())
	grouped(root, groupOther, s.sandboxCommand(), s.versionCommand())
	return root
}

func grouped(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// parent makes a command that only holds others: called with what it does not hold, it says so.
func parent(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.SuggestionsMinimumDistance = 2
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return cmd.Help()
	}
	return cmd
}

func unknownCommand(cmd *cobra.Command, name string) error {
	message := fmt.Sprintf("there is no command %q", cmd.CommandPath()+" "+name)
	remedy := fmt.Sprintf("`%s --help` lists the commands.", cmd.CommandPath())
	if similar := cmd.SuggestionsFor(name); len(similar) > 0 {
		remedy = fmt.Sprintf("Did you mean `%s %s`? %s", cmd.CommandPath(), similar[0], remedy)
	}
	return errs.New(errs.Invalid, message).WithRemedy(remedy)
}
