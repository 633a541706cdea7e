//go:build linux

package cage_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/slipway-project/slipway/internal/sandbox/cage"
)

// TestMain lets the test binary be its own holder and host-init, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "sandbox" {
		os.Exit(hidden(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

func hidden(command string, args []string) int {
	var err error
	switch command {
	case "holder":
		err = cage.RunHolder(context.Background(), args)
	case "host-init":
		err = cage.RunHostInit(args)
	case "parent":
		err = parent(args[0])
	default:
		err = fmt.Errorf("unknown hidden command %q", command)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
