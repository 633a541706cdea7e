package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/slipway-project/slipway/internal/cluster"
	"github.com/slipway-project/slipway/internal/cluster/strictyaml"
	"github.com/slipway-project/slipway/internal/errs"
)

// LoadDocument reads and checks the cluster document. A missing one is errs.NotFound, a faulty one errs.Invalid with
// every fault in it.
func LoadDocument(path string) (*cluster.Document, cluster.Warnings, error) {
	data, err := readDocument(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, errs.New(errs.NotFound, fmt.Sprintf("there is no cluster document %s", path)).
			WithRemedy("`slipway init` writes one for the sandbox, `slipway init --provider aws` one for AWS; --file names another.")
	case errors.Is(err, fs.ErrPermission):
		return nil, nil, errs.Wrap(errs.Forbidden, err, "read the cluster document")
	case err != nil:
		return nil, nil, errs.Wrap(errs.Invalid, err, "read the cluster document")
	}
	return cluster.Load(path, data)
}

// readDocument reads no more than shows that a document is too large to be one.
func readDocument(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, strictyaml.MaxSize+1))
	return data, errors.Join(err, f.Close())
}

// WriteSample writes the commented sample document of the provider to path. An existing file is errs.Conflict unless
// it may be overwritten.
func WriteSample(path string, provider cluster.Provider, overwrite bool) error {
	sample, err := cluster.Sample(provider)
	if err != nil {
		return err
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if overwrite {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return errs.New(errs.Conflict, path+" exists already").WithRemedy("Edit it, name another with --file, or write over it with --force.")
	}
	if err != nil {
		return errs.Wrap(errs.Invalid, err, "write the cluster document")
	}
	_, err = f.Write(sample)
	if err := errors.Join(err, f.Close()); err != nil {
		return errs.Wrap(errs.Internal, err, "write the cluster document")
	}
	return nil
}
