package main

import (
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/besra-ml/besra/internal/app"
)

func serveVerb() *verb {
	return &verb{
		name: "serve", args: "[PATH…]", short: "serves model files, bundles or a directory of models",
		long: `
PATH is a model file as its trainer saved it, a bundle (a directory or a zip), or a directory of
models, <name>/<version>/; on this machine or in S3, s3://bucket/prefix. Without any, the demo is served.

Every flag is also a setting in besra.yaml (limits.body) and an environment variable
(BESRA_LIMITS_BODY); a flag wins over the environment, the environment over the file.

  besra serve                          the demo, on 127.0.0.1:8080
  besra serve fraud.ubj                a bare model file, unproven
  besra serve fraud-3.zip --listen 127.0.0.1:9000
  besra serve s3://bucket/models       a directory of models in S3; AWS_REGION says where
  besra serve --models-dir ./models --config besra.yaml

SIGTERM or Ctrl-C stops taking connections, finishes what is in flight, and ends with 0.`,
		run: runServe,
	}
}

func runServe(ctx context.Context, e *environ, v *verb, args []string) error {
	fs := v.flags()
	settings := addSettings(fs, app.Defaults())
	paths, err := v.parse(e, fs, args)
	if err != nil {
		return err
	}
	c, _, err := settings.load(e, app.Defaults())
	if err != nil {
		return err
	}
	log, err := logger(e.stderr, c.Log.Level)
	if err != nil {
		return err
	}
	if e.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(c.Memory())
	}
	a, err := app.New(c, backends(), paths, log)
	if err != nil {
		return err
	}
	l, err := a.Listen(ctx)
	if err != nil {
		return err
	}
	for _, m := range a.Models() {
		log.Info("serving", "model", m.Name, "version", m.Version, "proven", m.Proven)
	}
	a.Warn(l)
	listening := []any{slog.String("url", a.URL(l))}
	if c.Dashboard {
		listening = append(listening, slog.String("dashboard", a.URL(l)+"/dashboard"))
	}
	log.Info("listening", listening...)
	return a.Serve(ctx, l)
}
