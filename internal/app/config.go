package app

import (
	"flag"
	"time"

	"github.com/besra-ml/besra/internal/auth"
)

// A Config is every setting of the service, with its default in [Defaults].
type Config struct {
	Listen          string
	Insecure        bool
	Admin           AdminConfig
	Models          ModelsConfig
	Shadow          map[string]int // the challenger of each model, by name
	ShadowSample    float64        // share of events that challengers score, too
	Policy          string
	TLS             TLSConfig
	Auth            AuthConfig
	Proxy           ProxyConfig
	State           StateConfig
	Replay          ReplayConfig
	Valkey          ValkeyConfig
	Memo            MemoConfig
	Drift           DriftConfig
	UnknownFeatures string
	Limits          LimitsConfig
	Timeouts        TimeoutsConfig
	Dashboard       bool // operators' page is served
	Log             LogConfig
	Lambda          LambdaConfig
	Service         string // what it is called where several are seen
	Traces          TracesConfig
	EMF             EMFConfig
	Flight          time.Duration // of which a recording is kept; 0: none is
	SLO             SLOConfig
}

// ModelsConfig says where models are, and how often it is looked whether something has changed.
type ModelsConfig struct {
	Dir   string
	Poll  time.Duration
	Cache string // where copies are kept of models that are not on this machine; "": nowhere for longer than the process
}

// AdminConfig says where models are changed.
type AdminConfig struct {
	Listen string // "": nowhere
}

// TLSConfig names the files of certificates; without any, connections are not encrypted.
type TLSConfig struct {
	Cert, Key  string
	ClientCA   string // who signs clients' certificates; "": none are asked for
	ClientAuth string // whether every client must have one
	CRL        string // certificates that were revoked
}

// AuthConfig says who may ask. With nothing in it nobody is authenticated.
type AuthConfig struct {
	Keys string        // the file of keys
	JWT  []auth.Issuer // whose tokens are taken
}

// On reports whether clients are authenticated.
func (c AuthConfig) On() bool { return c.Keys != "" || len(c.JWT) > 0 }

// ProxyConfig says whom to believe about where a client is.
type ProxyConfig struct {
	Trusted  []string // addresses and prefixes of proxies
	Protocol bool     // they speak the PROXY protocol
}

// StateConfig says how what is remembered is kept.
type StateConfig struct {
	Dir           string // "": in memory only
	Bytes         int64  // of histories
	EntityKeyFile string
	EntityKey     string // of the environment, EntityKeyVariable: no flag or file has it
	CardNumbers   bool   // ids may look like card numbers
	Fsync         string
	FsyncInterval time.Duration
	OnFailure     string
	Deadline      time.Duration // for an answer's record to be written
	Snapshot      time.Duration // from one to the next
	Keep          int64         // bytes of the journal
	OnOutage      string        // what becomes of events while the shared store is down
}

// ReplayConfig says how long a repeated event gets its first answer.
type ReplayConfig struct {
	TTL      time.Duration
	Bytes    int64
	OnOutage string // whether events are answered while the shared store is down
}

// ValkeyConfig says where processes share what is remembered.
type ValkeyConfig struct {
	Address      string // host:port, or several of a cluster with commas between; "": nowhere, each process remembers by itself
	Prefix       string // of all keys
	TLS          bool
	CA           string // who signs the server's certificate; "": the system's authorities
	User         string
	PasswordFile string
	IAM          IAMConfig
	Deadline     time.Duration // for a call
}

// IAMConfig says for which ElastiCache passwords are made. Without a cache there are none.
type IAMConfig struct {
	Region, Cache string
	Serverless    bool
}

// MemoConfig bounds what is remembered of rows.
type MemoConfig struct {
	Bytes    int64
	Estimate bool // what it would be worth is estimated
	Shared   bool // margins that take long are shared with other processes
}

// LambdaConfig says how a function is called. It is read by the function alone.
type LambdaConfig struct {
	Event string // what sends it events: http-api, rest-api, function-url, alb, direct
}

// DriftConfig says how what models see is compared with what they were made for.
type DriftConfig struct {
	Window time.Duration // that is compared
}

// LimitsConfig bounds what one request may ask for.
type LimitsConfig struct {
	Body      int64
	Batch     int64
	BatchBody int64

	Deadline, BatchDeadline time.Duration
	OnDeadline              string
	Concurrency             string         // adaptive, off, or a number of requests
	Models                  map[string]int // most requests in flight for a model, by name
}

// TimeoutsConfig bounds how long a client may take.
type TimeoutsConfig struct {
	Header, Body, Answer, Idle, Drain time.Duration
}

// LogConfig says what is logged.
type LogConfig struct {
	Level    string
	Sample   float64  // share of requests that went well
	Rate     int64    // lines a second about requests
	Entities []string // fields of events whose keyed hashes are logged, too
}

// TracesConfig says which requests' traces are kept, and where they go.
type TracesConfig struct {
	Endpoint    string        // URL of the collector; "": none are
	Sample      float64       // share of requests
	Slow        time.Duration // what takes longer is kept, too
	HeadersFile string        // for the collector, such as a key
	CA          string        // who signs its certificate; "": the system's authorities
}

// EMFConfig says how metrics are written for CloudWatch.
type EMFConfig struct {
	Namespace string // "": they are not
	Interval  time.Duration
}

// SLOConfig says what is promised to clients.
type SLOConfig struct {
	Availability float64       // share of requests that do not fail on our side
	Latency      time.Duration // that LatencyShare of single scores take at most
	LatencyShare float64
}

// Defaults returns the settings that hold when nothing else is said.
func Defaults() Config {
	return Config{
		Listen:          "127.0.0.1:8080",
		UnknownFeatures: "refuse",
		Admin:           AdminConfig{Listen: "127.0.0.1:8082"},
		Models:          ModelsConfig{Poll: 5 * time.Second},
		ShadowSample:    0.1,
		TLS:             TLSConfig{ClientAuth: "optional"},
		State: StateConfig{
			Bytes: 1 << 30, Fsync: "interval", FsyncInterval: 100 * time.Millisecond, OnFailure: "refuse",
			Deadline: time.Second, Snapshot: 10 * time.Minute, Keep: 10 << 30, OnOutage: "degrade",
		},
		Replay: ReplayConfig{TTL: 24 * time.Hour, Bytes: 256 << 20, OnOutage: "open"},
		Valkey: ValkeyConfig{Prefix: "besra", Deadline: 2 * time.Millisecond},
		Memo:   MemoConfig{Bytes: 64 << 20, Estimate: true},
		Drift:  DriftConfig{Window: time.Hour},
		Limits: LimitsConfig{
			Body: 1 << 20, Batch: 10_000, BatchBody: 16 << 20,
			Deadline: 100 * time.Millisecond, BatchDeadline: 10 * time.Second, OnDeadline: "fail", Concurrency: "adaptive",
		},
		Timeouts: TimeoutsConfig{
			Header: 5 * time.Second, Body: 10 * time.Second, Answer: 20 * time.Second,
			Idle: 2 * time.Minute, Drain: 25 * time.Second,
		},
		Dashboard: true,
		Log:       LogConfig{Level: "info", Sample: 0.01, Rate: 100},
		Lambda:    LambdaConfig{Event: "http-api"},
		Service:   "besra",
		Traces:    TracesConfig{Sample: 0.01, Slow: 50 * time.Millisecond},
		EMF:       EMFConfig{Interval: time.Minute},
		SLO:       SLOConfig{Availability: 0.999, Latency: 50 * time.Millisecond, LatencyShare: 0.99},
	}
}

// Plain reports whether the setting is one word, and not a map or a list, which is YAML already.
func (s Setting) Plain() bool {
	_, node := s.Value.(nodeValue)
	return !node
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
		{"listen", text(&c.Listen), "`address` to serve on; beyond loopback it needs auth, or --insecure"},
		{"insecure", boolean(&c.Insecure), "serve without authentication beyond loopback: behind a mesh, in a container"},
		{"admin.listen", text(&c.Admin.Listen), "`address` where models are changed; empty: nowhere"},
		{"models.dir", text(&c.Models.Dir), "`directory` of models, <name>/<version>/, or s3://bucket/prefix"},
		{"models.poll", duration(&c.Models.Poll), "`time` from one look for changes of models, policy, keys and certificates to the next"},
		{"models.cache", text(&c.Models.Cache), "`directory` where copies of models in S3 are kept from one start to the next (default: temporary files)"},
		{"shadow", counts(&c.Shadow), "challengers that score beside the live versions: {fraud: 4}, a `map` from model to version"},
		{"shadow_sample", share(&c.ShadowSample), "`share` of events that challengers score, too, 0 to 1"},
		{"policy", text(&c.Policy), "policy `file` that wins over the bundles' own; changes are taken as they come"},
		{"tls.cert", text(&c.TLS.Cert), "`file` of the certificate, PEM; with it connections are encrypted; changes are taken as they come"},
		{"tls.key", text(&c.TLS.Key), "`file` of the certificate's key, PEM"},
		{"tls.client_ca", text(&c.TLS.ClientCA), "`file` of the authorities that sign clients' certificates, PEM"},
		{"tls.client_auth", choice(&c.TLS.ClientAuth, "optional", "require"), "whether clients must have a certificate, optional or require: a `word`"},
		{"tls.crl", text(&c.TLS.CRL), "`file` of revoked certificates, PEM or DER"},
		{"auth.keys", text(&c.Auth.Keys), "`file` of API keys (besra keys); changes are taken as they come"},
		{"auth.jwt", yaml(&c.Auth.JWT, auth.ReadIssuers, auth.FormatIssuers), "`list` of issuers whose tokens are taken: [{issuer: https://id.example.com, audience: besra}]"},
		{"proxy.trusted", texts(&c.Proxy.Trusted), "`list` of proxies' addresses that are believed about where a client is: [10.0.0.0/8]"},
		{"proxy.protocol", boolean(&c.Proxy.Protocol), "these proxies speak the PROXY protocol; without it X-Forwarded-For is read"},
		{"state.dir", text(&c.State.Dir), "`directory` of the journal; without it everything is in memory only"},
		{"state.bytes", size(&c.State.Bytes), "most memory of entities' histories, a `size`"},
		{"state.entity_key_file", text(&c.State.EntityKeyFile), "`file` of the key of entities' hashes (default: made once, in state.dir)"},
		{"state.allow_card_numbers", boolean(&c.State.CardNumbers), "take ids that look like payment cards' numbers"},
		{"state.fsync", choice(&c.State.Fsync, "always", "interval", "never"), "when the journal is synced to the disk, always, interval or never: a `word`"},
		{"state.fsync_interval", duration(&c.State.FsyncInterval), "`time` from one sync to the next, with interval"},
		{"state.on_failure", choice(&c.State.OnFailure, "refuse", "continue"), "what becomes of answers that the journal cannot hold, refuse or continue: a `word`"},
		{"state.deadline", duration(&c.State.Deadline), "`time` that an answer waits for the journal"},
		{"state.snapshot", duration(&c.State.Snapshot), "`time` from one snapshot to the next"},
		{"state.keep", size(&c.State.Keep), "most of the journal that is kept beyond what a start needs, a `size`"},
		{"state.on_outage", choice(&c.State.OnOutage, "degrade", "refuse"), "what becomes of events while valkey is down: degrade, scored without their history, or refuse: a `word`"},
		{"replay.ttl", duration(&c.Replay.TTL), "`time` for which a repeated event gets its first answer"},
		{"replay.bytes", size(&c.Replay.Bytes), "most memory of answers to repeated events, a `size`"},
		{"replay.on_outage", choice(&c.Replay.OnOutage, "open", "closed"), "what becomes of events with an id while valkey is down: open, answered, or closed, refused: a `word`"},
		{"valkey.address", text(&c.Valkey.Address), "`address` of a Valkey, Redis or ElastiCache where processes share histories, answers and limits: host:port, or several of a cluster with commas between"},
		{"valkey.prefix", text(&c.Valkey.Prefix), "`word` that all keys begin with"},
		{"valkey.tls", boolean(&c.Valkey.TLS), "encrypt connections to valkey"},
		{"valkey.ca", text(&c.Valkey.CA), "`file` of the authorities that sign valkey's certificate, PEM (default: the system's)"},
		{"valkey.user", text(&c.Valkey.User), "`name` of valkey's user"},
		{"valkey.password_file", text(&c.Valkey.PasswordFile), "`file` of the user's password; it is read for each connection"},
		{"valkey.iam.region", text(&c.Valkey.IAM.Region), "AWS `region` of the cache (default: AWS_REGION)"},
		{"valkey.iam.cache", text(&c.Valkey.IAM.Cache), "`name` of an ElastiCache whose passwords are made by IAM"},
		{"valkey.iam.serverless", boolean(&c.Valkey.IAM.Serverless), "the cache is an ElastiCache Serverless"},
		{"valkey.deadline", duration(&c.Valkey.Deadline), "`time` that valkey has for a call"},
		{"memo.bytes", size(&c.Memo.Bytes), "most memory of rows that were scored, of bundles that say memo: true, a `size`"},
		{"memo.shared", boolean(&c.Memo.Shared), "share rows that take longer than 2 ms with other processes, at valkey"},
		{"memo.estimate", boolean(&c.Memo.Estimate), "estimate from a sample of rows how often they repeat, and what memo: true would be worth"},
		{"drift.window", duration(&c.Drift.Window), "`time` back over which what models see is compared with their references, at least 1m"},
		{"unknown_features", choice(&c.UnknownFeatures, "refuse", "ignore"), "what becomes of features that the model does not have, refuse or ignore: a `word`"},
		{"limits.body", size(&c.Limits.Body), "largest request body, a `size` such as 1MiB"},
		{"limits.batch", count(&c.Limits.Batch), "most events in a batch, a `number`"},
		{"limits.batch_body", size(&c.Limits.BatchBody), "largest body of a batch, a `size`"},
		{"limits.deadline", duration(&c.Limits.Deadline), "`time` in which a request is answered; X-Request-Timeout-Ms can shorten it"},
		{"limits.batch_deadline", duration(&c.Limits.BatchDeadline), "`time` in which a batch is answered"},
		{"limits.on_deadline", choice(&c.Limits.OnDeadline, "fail", "fallback"), "what becomes of a request past its deadline: fail (504), or fallback, the policy's decision: a `word`"},
		{"limits.concurrency", concurrency(&c.Limits.Concurrency), "most requests in flight: adaptive, off, or a `number`"},
		{"limits.models", counts(&c.Limits.Models), "most requests in flight for a model: {fraud: 64}, a `map`"},
		{"timeouts.header", duration(&c.Timeouts.Header), "`time` a client has for its request's headers"},
		{"timeouts.body", duration(&c.Timeouts.Body), "`time` a client has for a whole request"},
		{"timeouts.answer", duration(&c.Timeouts.Answer), "`time` from a request's headers to the end of its answer"},
		{"timeouts.idle", duration(&c.Timeouts.Idle), "`time` an idle connection is kept"},
		{"timeouts.drain", duration(&c.Timeouts.Drain), "`time` that requests in flight have when besra is told to stop"},
		{"dashboard", boolean(&c.Dashboard), "serve operators' page at /dashboard"},
		{"log.level", choice(&c.Log.Level, "debug", "info", "warn", "error"), "least `level` that is logged: debug, info, warn or error"},
		{"log.sample", share(&c.Log.Sample), "`share` of requests that went well and get a line, too, 0 to 1; those that went wrong all do"},
		{"log.rate", count(&c.Log.Rate), "most lines a second about requests, a `number`; those beyond are counted"},
		{"log.entities", texts(&c.Log.Entities), "`list` of events' fields whose keyed hashes stand in the lines of their requests: [card]"},
		{"lambda.event", choice(&c.Lambda.Event, "http-api", "rest-api", "function-url", "alb", "direct"), "what sends an AWS Lambda function its events, http-api, rest-api, function-url, alb or direct: a `word`"},
		{"service", text(&c.Service), "`name` of this service in traces and EMF metrics"},
		{"traces.endpoint", text(&c.Traces.Endpoint), "`URL` of a collector that takes traces by OTLP over HTTP, http://localhost:4318, or of an X-Ray daemon, udp://127.0.0.1:2000; empty: none are kept"},
		{"traces.sample", share(&c.Traces.Sample), "`share` of requests whose traces are kept where the client has not decided, 0 to 1"},
		{"traces.slow", duration(&c.Traces.Slow), "`time` beyond which a request's trace is kept, whoever decided; those of failed and degraded ones are, too"},
		{"traces.headers_file", text(&c.Traces.HeadersFile), "`file` of headers for the collector, one a line, such as a key; it is read each time"},
		{"traces.ca", text(&c.Traces.CA), "`file` of the authorities that sign the collector's certificate, PEM (default: the system's)"},
		{"emf.namespace", text(&c.EMF.Namespace), "`namespace` in CloudWatch; with it metrics are written to stdout in the Embedded Metric Format"},
		{"emf.interval", duration(&c.EMF.Interval), "`time` from one writing of metrics to the next"},
		{"flight", duration0(&c.Flight), "`time` of which what the runtime does is kept, for GET /debug/flight of the admin listener; 0s: none"},
		{"slo.availability", portion(&c.SLO.Availability), "`share` of requests that is promised not to fail on this side, below 1"},
		{"slo.latency", duration(&c.SLO.Latency), "`time` within which scores are promised to be answered"},
		{"slo.latency_share", portion(&c.SLO.LatencyShare), "`share` of scores that this is promised for, below 1"},
	}
}
