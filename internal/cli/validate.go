package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/slipway-project/slipway/internal/app"
	"github.com/slipway-project/slipway/internal/cluster"
)

// verdict is what validate prints as data.
type verdict struct {
	Valid    bool             `json:"valid"`
	Faults   cluster.Faults   `json:"faults"`
	Warnings cluster.Warnings `json:"warnings"`
}

func (s *session) validateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the cluster document, without asking any cloud",
		Long: `Checks the form of the document and every rule that can be judged without the cloud. All faults are reported at once,
each with its line. The rules that need the cloud (instance types, the region's zones) are checked by plan and up.`,
		Example: "slipway validate\nslipway validate --file production.yaml -o json",
		Args:    noArgs,
	}
	output := outputFlag(cmd, formatText, formatJSON)
	cmd.RunE = func(*cobra.Command, []string) error {
		if output.value == formatJSON {
			return s.printVerdict()
		}
		doc, err := s.judgedDocument()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.process.Stdout, "%s is valid: cluster %s, %s\n", s.file, doc.Name, describe(doc))
		return err
	}
	return cmd
}

// printVerdict prints faults and warnings as data; the exit code says whether there are faults.
func (s *session) printVerdict() error {
	_, warnings, err := app.LoadDocument(s.file)
	v := verdict{Valid: err == nil, Faults: cluster.Faults{}, Warnings: append(cluster.Warnings{}, warnings...)}
	if err != nil && !errors.As(err, &v.Faults) {
		return err
	}
	if printErr := printJSON(s.process.Stdout, v); printErr != nil || v.Valid {
		return printErr
	}
	return result(codeOf(err))
}

// document loads the cluster document. Its warnings are for the commands that judge it.
func (s *session) document() (*cluster.Document, error) {
	doc, _, err := app.LoadDocument(s.file)
	return doc, err
}

// judgedDocument loads the cluster document and prints its warnings.
func (s *session) judgedDocument() (*cluster.Document, error) {
	doc, warnings, err := app.LoadDocument(s.file)
	for _, w := range warnings {
		s.message("slipway: warning: %s", w)
	}
	return doc, err
}

// describe says in a few words what the document asks for.
func describe(doc *cluster.Document) string {
	workers := 0
	for _, g := range doc.Workers {
		workers += g.Count
	}
	text := fmt.Sprintf("%s and %s on %s", plural(doc.Managers.Count, "manager"), plural(workers, "worker"), doc.Cloud.Provider)
	if doc.Cloud.Region != "" { // else the SDK knows
		text += " in " + doc.Cloud.Region
	}
	return text
}
