package app

import (
	"flag"
	"time"
)

// A Config is every setting of the service, with its default in [Defaults].
type Config struct {
	Listen          string
	Insecure        bool
	Models          ModelsConfig
	Policy          string
	UnknownFeatures string
	Limits          LimitsConfig
	Timeouts        TimeoutsConfig
	Log             LogConfig
}

// ModelsConfig says where models are.
type ModelsConfig struct {
	Dir string
}

// LimitsConfig bounds what one request may ask for.
type LimitsConfig struct {
	Body      int64
	Batch     int64
	BatchBody int64
}

// TimeoutsConfig bounds how long a client may take.
type TimeoutsConfig struct {
	Header, Body, Answer, Idle, Drain time.Duration
}

// LogConfig says what is logged.
type LogConfig struct {
	Level string
}

// Defaults returns the settings that hold when nothing else is said.
func Defaults() Config {
	return Config{
		Listen:          "127.0.0.1:8080",
		UnknownFeatures: "refuse",
		Limits:          LimitsConfig{Body: 1 << 20, Batch: 10_000, BatchBody: 16 << 20},
		Timeouts: TimeoutsConfig{
			Header: 5 * time.Second, Body: 10 * time.Second, Answer: 20 * time.Second,
			Idle: 2 * time.Minute, Drain: 25 * time.Second,
		},
		Log: LogConfig{Level: "info"},
	}
}

// A Setting is one value of a [Config], by the name that the settings file gives it. The flag for
// "limits.batch_body" is --limits-batch-body, the environment variable BESRA_LIMITS_BATCH_BODY.
type Setting struct {
	Name  string
	Value flag.Value
	Usage string
}

// Settings lists the settings of c; setting a Value changes c.
func (c *Config) Settings() []Setting {
	return []Setting{
		{"listen", text(&c.Listen), "`address` to serve on; beyond loopback it needs --insecure"},
		{"insecure", boolean(&c.Insecure), "serve without authentication beyond loopback: behind a mesh, in a container"},
		{"models.dir", text(&c.Models.Dir), "`directory` of models, <name>/<version>/"},
		{"policy", text(&c.Policy), "policy `file` that wins over the bundles' own"},
		{"unknown_features", choice(&c.UnknownFeatures, "refuse", "ignore"), "what becomes of features that the model does not have, refuse or ignore: a `word`"},
		{"limits.body", size(&c.Limits.Body), "largest request body, a `size` such as 1MiB"},
		{"limits.batch", count(&c.Limits.Batch), "most events in a batch, a `number`"},
		{"limits.batch_body", size(&c.Limits.BatchBody), "largest body of a batch, a `size`"},
		{"timeouts.header", duration(&c.Timeouts.Header), "`time` a client has for its request's headers"},
		{"timeouts.body", duration(&c.Timeouts.Body), "`time` a client has for a whole request"},
		{"timeouts.answer", duration(&c.Timeouts.Answer), "`time` from a request's headers to the end of its answer"},
		{"timeouts.idle", duration(&c.Timeouts.Idle), "`time` an idle connection is kept"},
		{"timeouts.drain", duration(&c.Timeouts.Drain), "`time` that requests in flight have when besra is told to stop"},
		{"log.level", choice(&c.Log.Level, "debug", "info", "warn", "error"), "least `level` that is logged: debug, info, warn or error"},
	}
}
