// Command bootstrap is besra as a function of AWS Lambda, for the runtime provided.al2023.
//
// It serves the bundles under models/ in its task root, or those of the setting models.dir. Settings are in besra.yaml in
// the task root and in the environment, BESRA_*. It links what a function runs, and nothing else: the smaller it is, the
// sooner it starts.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	runtimeapi "github.com/aws/aws-lambda-go/lambda"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/lambda"
	"github.com/besra-ml/besra/internal/telemetry/otlp"
)

func main() {
	api := os.Getenv("AWS_LAMBDA_RUNTIME_API")
	registered := lambda.Register(context.Background(), api)
	f, door, err := start(context.Background())
	if err != nil {
		fmt.Fprintf(os.Stderr, "besra: %v\n", err)
		_ = lambda.ReportInit(context.Background(), api, err) // the log has it
		os.Exit(1)
	}
	if err := registered(); err != nil {
		fmt.Fprintf(os.Stderr, "besra: no SIGTERM will come, and what was counted last is lost: %v\n", err)
	}
	go endWith(f)
	runtimeapi.StartWithOptions(door)
}

// endWith waits for SIGTERM, and ends in time.
func endWith(f *app.Function) {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	<-term
	go func() {
		_ = f.Close() // the log has it
		os.Exit(0)
	}()
	time.Sleep(farewell)
	os.Exit(0)
}

// farewell is how long ending may take: after 500 ms Lambda ends the process,
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html.
const farewell = 400 * time.Millisecond

// start makes the function. Whatever can be wrong with it is found here, before an event comes.
func start(ctx context.Context) (*app.Function, *lambda.Door, error) {
	memory := sizes()
	if root := os.Getenv("LAMBDA_TASK_ROOT"); root != "" {
		if err := os.Chdir(root); err != nil {
			return nil, nil, err
		}
	}
	c, _, err := app.Load(app.Sources{Getenv: os.Getenv, Defaults: defaults()})
	if err != nil {
		return nil, nil, err
	}
	log, err := logger(c.Log.Level)
	if err != nil {
		return nil, nil, err
	}
	kind, err := lambda.ParseKind(c.Lambda.Event)
	if err != nil {
		return nil, nil, fmt.Errorf("lambda.event: %w", err)
	}
	if c.Models.Dir == "" {
		c.Models.Dir = "models"
		if _, err := os.Stat(c.Models.Dir); err != nil {
			return nil, nil, errors.New("there are no models: besra aws package puts bundles under models/, and the setting models.dir names another place")
		}
	}
	f, err := app.NewFunction(ctx, c, backends(), nil, log)
	if err != nil {
		return nil, nil, err
	}
	narrow(memory)
	for _, m := range f.Models() {
		log.Info("serving", "model", m.Name, "version", m.Version, "proven", m.Proven, "memory_mb", memory)
	}
	return f, lambda.New(lambda.Options{
		Kind: kind, Handler: f.Handler(), Issuers: f.Issuers(), OwnKeys: c.Auth.Keys != "", Before: f.Before, After: f.After, Trace: traceOf,
		Denied: func(ctx context.Context, err error) { log.WarnContext(ctx, "denied", "reason", "claims", "why", err) },
	}), nil
}

// defaults returns the settings of a function where they are other than a server's.
func defaults() app.Config {
	c := app.Defaults()
	c.Models.Poll = time.Minute               // what is in the zip does not change
	c.Valkey.Deadline = 10 * time.Millisecond // a third of a processor may be taken away for as long
	c.EMF.Namespace = "besra"
	c.Traces.Endpoint = otlp.DaemonEndpoint(os.Getenv("AWS_XRAY_DAEMON_ADDRESS"))
	c.Dashboard, c.Admin.Listen = false, ""
	return c
}

// processor is how much memory comes with a whole processor, MB:
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html.
const processor = 1769

// sizes makes the collector fit the memory that the function has, and returns that, MB; 0: not known. With as much as
// there is it rarely has to come.
func sizes() (memory int) {
	memory, _ = strconv.Atoi(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))
	if memory <= 0 {
		return 0
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(memory) << 20 * 8 / 10)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	return memory
}

// narrow makes the scheduler fit the part of a processor that the function has. Lambda shows more processors than it gives
// time on, once a function has started: with one thread that runs Go there is nobody to wait for.
func narrow(memory int) {
	if memory > 0 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(min(runtime.GOMAXPROCS(0), (memory+processor-1)/processor))
	}
}

// logger writes JSON lines as Lambda reads them: with timestamp, level and message.
func logger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: l, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 {
			a.Key = cmp.Or(map[string]string{slog.TimeKey: "timestamp", slog.MessageKey: "message"}[a.Key], a.Key)
		}
		return a
	}})), nil
}

// traceOf returns the trace that Lambda hands over beside an event, where the library keeps it.
func traceOf(ctx context.Context) string {
	trace, _ := ctx.Value("x-amzn-trace-id").(string)
	return trace
}
