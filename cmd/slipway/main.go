// Command slipway builds, runs and removes container platforms; see docs/architecture.md.
package main

import (
	"os"

	"github.com/slipway-project/slipway/internal/cli"
)

func main() {
	os.Exit(cli.Main()) //nolint:forbidigo // the one place that ends the process
}
