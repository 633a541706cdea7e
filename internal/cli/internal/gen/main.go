// Command gen writes the reference pages of the command line into a directory.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-project/slipway/internal/cli"
)

func main() {
	for name, page := range map[string]string{"cli.md": cli.ReferencePage(), "exit-codes.md": cli.ExitCodesPage()} {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), []byte(page), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1) //nolint:forbidigo // the main of its own
		}
	}
}
