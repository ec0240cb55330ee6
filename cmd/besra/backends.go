package main

import (
	"context"
	"net/http"
	"os"
	"time"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/dashboard"
	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/mirror/s3"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkey"
	"github.com/besra-ml/besra/internal/store/valkey/iam"
	"github.com/besra-ml/besra/internal/telemetry"
	"github.com/besra-ml/besra/internal/telemetry/emf"
	"github.com/besra-ml/besra/internal/telemetry/otlp"
	"github.com/besra-ml/besra/internal/telemetry/prometheus"
	"github.com/besra-ml/besra/models"
)

// backends lists what this binary links.
func backends() app.Backends {
	return app.Backends{
		Exporter: func(m *telemetry.Metrics) http.Handler { return prometheus.Handler(m) },
		Shared:   shared{},
		Tracer:   tracer,
		EMF:      emitter,
		Page:     dashboard.Handler,
		Remotes:  map[string]app.Remote{"s3": bucket},
		Demo:     models.Demo(),
		Build:    telemetry.Options{Version: buildVersion()},
	}
}

func tracer(o app.TracerOptions) (app.Tracer, error) {
	return otlp.New(otlp.Options{
		Endpoint: o.Endpoint, Headers: o.Headers, TLS: o.TLS, Sample: o.Sample, Slow: o.Slow,
		Service: o.Service, Version: buildVersion(), Store: o.Store, Metrics: o.Metrics, Log: o.Log,
	})
}

// emitter writes to stdout, where nothing else is written while besra serves.
func emitter(o app.EmitterOptions) (app.Emitter, error) {
	return emf.New(emf.Options{
		Namespace: o.Namespace, Service: o.Service, Every: o.Every, Metrics: o.Metrics, Out: os.Stdout, Log: o.Log,
	})
}

// bucket is one of Amazon S3, or of what speaks its protocol.
func bucket(name string, m *telemetry.Mirror) (mirror.Source, error) {
	return s3.New(s3.Options{Bucket: name, Metrics: m})
}

// shared is Valkey, or what speaks its protocol.
type shared struct{}

func (shared) Open(ctx context.Context, o store.SharedOptions, m *telemetry.Store) (store.Shared, error) {
	return valkey.Open(ctx, o, m)
}

func (shared) IAM(user, region, cache string, serverless bool) (func(context.Context) (string, string, time.Time, error), error) {
	source, err := iam.New(iam.Options{User: user, Region: region, Cache: cache, Serverless: serverless})
	if err != nil {
		return nil, err
	}
	return source.Login, nil
}
