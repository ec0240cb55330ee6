package main

import (
	"context"
	"errors"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/mirror"
)

// local has do read a bundle or a model file: the one at path, or a copy of what is at an address such as
// s3://bucket/fraud.ubj.
func local(ctx context.Context, e *environ, path string, do func(path string) error) error {
	if !mirror.IsAddress(path) {
		return do(path)
	}
	log, err := logger(e.stderr, "warn")
	if err != nil {
		return err
	}
	c, err := app.Fetch(ctx, backends(), path, log)
	if err != nil {
		return err
	}
	return errors.Join(c.Named(do(c.Path)), c.Close())
}
