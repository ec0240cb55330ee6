package stack

// What Options choose from.
const (
	HTTPAPI     = "http-api"
	RESTAPI     = "rest-api"
	FunctionURL = "function-url"

	IAM  = "iam"
	JWT  = "jwt"
	None = "none"

	ARM64 = "arm64"
	X86   = "x86_64"

	InZip  = "zip"
	Bucket = "bucket"

	Serverless = "serverless"

	New = "new"

	AllAtOnce = "all-at-once"
)

// Options say what the stack has. The zero Options are a stack that works: an HTTP API with IAM, the function on arm64,
// a cache in a network of its own, canary releases, alarms and a dashboard. Names of options, in errors, are those of
// the flags of besra aws template.
type Options struct {
	Name string // of function, service, cache and log; "": besra

	// The front door.
	FrontDoor     string   // http-api, rest-api or function-url; "": http-api
	Auth          string   // iam, jwt (http-api) or none; "": iam
	JWTIssuer     string   // URL of whoever signs tokens
	JWTAudience   []string // for whom tokens must have been made
	APIKeys       []string // clients of rest-api, each with a key; nil: one, client
	Quota         string   // of each key: 1000000/day, week or month; "": none
	Caller        string   // account, or ARN of the role, that may ask function-url; "": the stack's account
	ThrottleRate  int      // requests a second that the API lets through; 0: 10,000
	ThrottleBurst int      // and at once; 0: 5,000
	WAF           bool     // a firewall before rest-api
	WAFRate       int      // requests of an address in five minutes that it lets through; 0: 2,000,000

	// The function.
	Digest   string            // of the zip: SHA-256 in hexadecimal; "": it is not known, and new code makes no new version
	Arch     string            // arm64 or x86_64; "": arm64
	Memory   int               // MB; 0: 1,769
	Timeout  int               // s; 0: 3
	Settings map[string]string // further settings of besra, by name
	Tracing  string            // active, or off; "": active
	Reserved int               // environments that are reserved for the function; 0: none are

	// What it remembers, and where its models are.
	Valkey          string // serverless or none; "": serverless
	CacheStorage    int    // most GB; 0: 10
	CacheECPU       int    // most ECPU/s; 0: 100,000
	CacheECPUMin    int    // ECPU/s that are always there; 0: none are
	Models          string // zip, bucket (one of the stack) or s3://BUCKET/PREFIX; "": zip
	VPC             string // new, none or vpc-…; "": new with a cache, else none
	CIDR            string // of a new VPC; "": 10.90.0.0/24
	Subnets         []string
	SecurityGroups  []string // of the function; nil: one of the stack
	RouteTables     []string // that get an endpoint for S3; nil: they have a way there
	Provisioned     int      // environments that are always ready; 0: none are
	Schedule        []Capacity
	ScheduleZone    string // of Schedule; "": UTC
	Release         string // canary-5m, -10m, -15m, -30m, linear-1m, -2m, -3m, -10m or all-at-once; "": canary-5m
	LogRetention    int    // days; 0: 30
	AlarmEmail      string // who gets mail; "": nobody
	Latency         int    // ms at the 99th percentile that raise an alarm; 0: 100
	AccountQuota    int    // concurrent executions of the account; 0: 1,000
	WithoutBoard    bool   // no dashboard
	CodeBucket, Key string // where the zip is; "": whoever deploys says so; besra-DIGEST.zip
}

// A Capacity is how many environments are ready from a time on.
type Capacity struct {
	Cron         string // AWS's six fields: 0 7 ? * MON-FRI *
	Environments int    // from 0 on
}

// or returns v, or what stands for its zero.
func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Defaults returns the zero Options with what their zeros stand for, but for what follows from other options.
func Defaults() Options {
	o := Options{}.filled()
	o.VPC, o.Key = "", ""
	return o
}

// filled returns o with the defaults in the place of zeros.
func (o Options) filled() Options {
	o.Name = or(o.Name, "besra")
	o.FrontDoor = or(o.FrontDoor, HTTPAPI)
	o.Auth = or(o.Auth, IAM)
	if o.APIKeys == nil && o.FrontDoor == RESTAPI {
		o.APIKeys = []string{"client"}
	}
	o.ThrottleRate = or(o.ThrottleRate, 10_000)
	o.ThrottleBurst = or(o.ThrottleBurst, 5_000)
	o.WAFRate = or(o.WAFRate, 2_000_000)
	o.Arch = or(o.Arch, ARM64)
	o.Memory = or(o.Memory, 1769) // one whole processor: with less, Lambda stops the function for up to 20 ms at a time
	o.Timeout = or(o.Timeout, 3)
	o.Tracing = or(o.Tracing, "active")
	o.Valkey = or(o.Valkey, Serverless)
	o.CacheStorage = or(o.CacheStorage, 10)
	o.CacheECPU = or(o.CacheECPU, 100_000)
	o.Models = or(o.Models, InZip)
	o.VPC = or(o.VPC, map[bool]string{true: New, false: None}[o.Valkey == Serverless])
	o.CIDR = or(o.CIDR, "10.90.0.0/24")
	o.ScheduleZone = or(o.ScheduleZone, "UTC")
	o.Release = or(o.Release, "canary-5m")
	o.LogRetention = or(o.LogRetention, 30)
	o.Latency = or(o.Latency, 100)
	o.AccountQuota = or(o.AccountQuota, 1_000)
	if o.Key == "" && isDigest(o.Digest) {
		o.Key = o.Name + "-" + o.Digest[:16] + ".zip" // CloudFormation does not look at a key that it knows
	}
	o.Key = or(o.Key, o.Name+".zip")
	return o
}

// Releases are the ways in which a new version takes the alias, and CodeDeploy's names of them.
func releases() map[string]string {
	return map[string]string{
		"canary-5m":  "LambdaCanary10Percent5Minutes",
		"canary-10m": "LambdaCanary10Percent10Minutes",
		"canary-15m": "LambdaCanary10Percent15Minutes",
		"canary-30m": "LambdaCanary10Percent30Minutes",
		"linear-1m":  "LambdaLinear10PercentEvery1Minute",
		"linear-2m":  "LambdaLinear10PercentEvery2Minutes",
		"linear-3m":  "LambdaLinear10PercentEvery3Minutes",
		"linear-10m": "LambdaLinear10PercentEvery10Minutes",
		AllAtOnce:    "LambdaAllAtOnce",
	}
}

// logRetentions are the days that CloudWatch takes.
func logRetentions() []int {
	return []int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
}
