package cluster

import (
	"embed"
	"fmt"

	"github.com/slipway-project/slipway/internal/errs"
)

//go:embed samples/*.yaml
var samples embed.FS

// Sample returns a document to begin with, for the provider.
func Sample(provider Provider) ([]byte, error) {
	data, err := samples.ReadFile("samples/" + string(provider) + ".yaml")
	if err != nil {
		return nil, errs.New(errs.NotFound, fmt.Sprintf("there is no sample for the provider %q: use sandbox or aws", provider))
	}
	return data, nil
}
