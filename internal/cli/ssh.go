package cli

import (
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/app"
	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/errs"
)

func (s *session) sshCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ssh NODE [-- COMMAND...]",
		Short: "Log in to a node, or run a command there",
		Long: `Runs the stock ssh client against a node, with the cluster's key and the node's pinned host key. What follows -- is run
on the node; its exit code becomes this command's.`,
		Example: "slipway ssh manager-1\nslipway ssh manager-1 -- sudo docker node ls",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(cmd, cmd.CommandPath()+" needs the name of a node")
			}
			if dash := cmd.ArgsLenAtDash(); len(args) > 1 && dash != 1 {
				return usage(cmd, "a command for the node goes behind --: slipway ssh "+args[0]+" -- "+strings.Join(args[1:], " "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			doc, err := s.document()
			if err != nil {
				return err
			}
			reach, err := s.operator().Reach(cmd.Context(), doc)
			if err != nil {
				return err
			}
			node, err := reach.Node(args[0])
			if err != nil {
				return err
			}
			return s.execSSH(sshArgs(reach, node, args[1:]))
		},
	}
}

// sshArgs returns the stock client's command line.
func sshArgs(reach *app.Reach, node cluster.Node, command []string) []string {
	argv := []string{"ssh"}
	for _, o := range reach.Options(node) {
		argv = append(argv, "-o", o[0]+"="+quoted(o[1]))
	}
	argv = append(argv, "--", node.Name)
	return append(argv, command...)
}

// execSSH makes this process the ssh client, so that the terminal, signals and the exit code are its own.
func (s *session) execSSH(argv []string) error {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return errs.Wrap(errs.NotFound, err, "find the ssh client").WithRemedy("apt-get install openssh-client")
	}
	s.display.Close()
	if err := s.process.Exec(path, argv, s.process.Environ); err != nil {
		return errs.Wrap(errs.Internal, err, "run "+path)
	}
	return nil
}
