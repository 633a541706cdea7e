package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/errs"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

// String returns the value now.
func (c *choice) String() string { return c.value }

// Type names the kind of value in the help.
func (c *choice) Type() string { return strings.Join(c.allowed, "|") }

// Set takes one of the allowed words.
func (c *choice) Set(v string) error {
	if !slices.Contains(c.allowed, v) {
		return fmt.Errorf("must be one of %s", strings.Join(c.allowed, ", "))
	}
	c.value = v
	return nil
}

// choiceFlag adds a flag that takes one of the allowed words; the first is the default.
func choiceFlag(cmd *cobra.Command, persistent bool, name, shorthand, usage string, allowed ...string) *choice {
	c := &choice{value: allowed[0], allowed: allowed}
	flags := cmd.Flags()
	if persistent {
		flags = cmd.PersistentFlags()
	}
	flags.VarP(c, name, shorthand, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// outputFlag adds -o with the formats that the command can print.
func outputFlag(cmd *cobra.Command, formats ...string) *choice {
	return choiceFlag(cmd, false, "output", "o", "form of the output", formats...)
}

// printJSON writes v as indented JSON.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return errs.Wrap(errs.Internal, err, "write the output")
	}
	return nil
}

// printTable writes rows in aligned columns, under a header if there is one. An empty cell prints as "-".
func printTable(w io.Writer, header []string, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	if len(header) > 0 {
		_, _ = fmt.Fprintln(tw, strings.Join(header, "\t"))
	}
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, c := range row {
			if cells[i] = c; c == "" {
				cells[i] = "-"
			}
		}
		_, _ = fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	if err := tw.Flush(); err != nil {
		return errs.Wrap(errs.Internal, err, "write the output")
	}
	return nil
}
