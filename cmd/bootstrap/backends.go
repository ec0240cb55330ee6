package main

import (
	"context"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/mirror/s3"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkey"
	"github.com/besra-ml/besra/internal/store/valkey/iam"
	"github.com/besra-ml/besra/internal/telemetry"
	"github.com/besra-ml/besra/internal/telemetry/emf"
	"github.com/besra-ml/besra/internal/telemetry/otlp"
)

// version is the release, set when it is built; "": the commit that the toolchain records.
var version string

// backends lists what this binary links.
func backends() app.Backends {
	return app.Backends{
		Exporter: func(*telemetry.Metrics) http.Handler { return nil }, // CloudWatch has them, by EMF
		Shared:   shared{},
		Tracer:   tracer,
		EMF:      emitter,
		Remotes:  map[string]app.Remote{"s3": bucket},
		Build:    telemetry.Options{Version: buildVersion()},
	}
}

func tracer(o app.TracerOptions) (app.Tracer, error) {
	return otlp.New(otlp.Options{
		Endpoint: o.Endpoint, Headers: o.Headers, TLS: o.TLS, Sample: o.Sample, Slow: o.Slow,
		Service: o.Service, Version: buildVersion(), Store: o.Store, Metrics: o.Metrics, Log: o.Log,
	})
}

func emitter(o app.EmitterOptions) (app.Emitter, error) {
	return emf.New(emf.Options{
		Namespace: o.Namespace, Service: o.Service, Function: os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), Every: o.Every,
		Metrics: o.Metrics, Out: os.Stdout, Log: o.Log, Properties: properties,
	})
}

// properties are what a line of metrics has beside them, by which it is found with the others of its request.
func properties(ctx context.Context) (all []emf.Field) {
	if l, ok := lambdacontext.FromContext(ctx); ok {
		all = append(all, emf.Field{Name: "function_request_id", Value: l.AwsRequestID})
	}
	if trace := traceOf(ctx); trace != "" {
		all = append(all, emf.Field{Name: "xray_trace_id", Value: trace})
	}
	return all
}

func bucket(name string, m *telemetry.Mirror) (mirror.Source, error) {
	return s3.New(s3.Options{Bucket: name, Metrics: m, Patience: patience})
}

// patience is for how long a bucket that does not answer is asked. INIT has ten seconds, and what it has come to by then
// should be told.
const patience = 5 * time.Second

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

func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(len(s.Value), 12)]
		}
	}
	return info.Main.Version
}
