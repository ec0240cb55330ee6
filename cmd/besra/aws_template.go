package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/deploy/aws/stack"
	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/tools/lambdazip"
)

func awsTemplateVerb() *verb {
	return &verb{
		name: "aws template", short: "prints the CloudFormation template of a stack",
		long: `
The template is plain CloudFormation, and the line that deploys it is the aws command's: both lines that are
needed are shown on stderr. Run it again with --zip for each new zip, and the alias "live" moves to the new
version as --release says, and back when an alarm is raised meanwhile.

  besra aws template --zip besra.zip -o template.yaml
  besra aws template --zip besra.zip --auth jwt --jwt-issuer https://id.example.com --jwt-audience besra
  besra aws template --zip besra.zip --front-door rest-api --api-keys shop-eu,shop-us --quota 1000000/day --waf
  besra aws template --zip besra.zip --provisioned 5 --provisioned-schedule '0 7 ? * MON-FRI *=50' \
      --provisioned-schedule '0 20 ? * MON-FRI *=5' --provisioned-timezone Europe/Paris
  besra aws template --zip besra.zip --vpc vpc-0a1b2c3d --subnets subnet-0a1b2c3d,subnet-1a2b3c4d
  besra aws template --zip besra.zip --models bucket --set log.sample=0.001

deploy/aws/README.md says what is in it, what it may do, and why.`,
		run: runAWSTemplate,
	}
}

// A templateJob is what a command line asks of aws template.
type templateJob struct {
	stack.Options
	keys, audience, subnets, groups, tables words
	zip, out                                string
	quiet                                   bool
}

func (j *templateJob) add(fs *flag.FlagSet) {
	o := &j.Options
	fs.StringVar(&j.out, "o", "", "write the template to this `file` (default: stdout)")
	fs.BoolVar(&j.quiet, "quiet", false, "say nothing on stderr")
	fs.StringVar(&o.Name, "name", o.Name, "what stack, function, cache and log are called: a `word`")

	fs.StringVar(&j.zip, "zip", "", "the `file` of besra aws package: its digest names the function's version")
	fs.StringVar(&o.Digest, "digest", "", "instead of --zip: its SHA-256, 64 hexadecimal `digits`")
	fs.StringVar(&o.CodeBucket, "code-bucket", "", "the `bucket` that the zip is copied to")
	fs.StringVar(&o.Key, "code-key", "", "and its `key` there (default: NAME-DIGEST.zip)")

	fs.StringVar(&o.FrontDoor, "front-door", o.FrontDoor, "what stands before the function: http-api, rest-api (API keys, usage plan, WAF; 3.5 times the price) or function-url (no charge, no throttle): a `word`")
	fs.StringVar(&o.Auth, "auth", o.Auth, "who may ask: iam (signed by SigV4), jwt (http-api: tokens of an OIDC issuer) or none: a `word`")
	fs.StringVar(&o.JWTIssuer, "jwt-issuer", "", "with --auth jwt: the `URL` of whoever signs tokens")
	fs.Var(&j.audience, "jwt-audience", "with --auth jwt: for whom tokens must have been made: `words`")
	fs.Var(&j.keys, "api-keys", "rest-api: `names` of clients that get a key (default: client)")
	fs.StringVar(&o.Quota, "quota", "", "rest-api: most requests of each key, a `number` such as 1000000/day, /week or /month")
	fs.StringVar(&o.Caller, "caller", "", "function-url: the `account`, or ARN of the role, that may ask (default: this account, whose roles must be allowed to)")
	fs.IntVar(&o.ThrottleRate, "throttle-rate", o.ThrottleRate, "most requests a second, a `number`; the account's own quota is the default")
	fs.IntVar(&o.ThrottleBurst, "throttle-burst", o.ThrottleBurst, "most requests at once, a `number`; the account's own quota is the default")
	fs.BoolVar(&o.WAF, "waf", false, "rest-api: a firewall before it: known bad addresses and inputs, and a rate for each address")
	fs.IntVar(&o.WAFRate, "waf-rate", o.WAFRate, "with --waf: most requests of an address in five minutes, a `number`")

	fs.StringVar(&o.Arch, "arch", o.Arch, "the function's processor, arm64 or x86_64, if --zip does not tell: a `word`")
	fs.IntVar(&o.Memory, "memory", o.Memory, "`MB` of the function; 1769 are one whole processor")
	fs.IntVar(&o.Timeout, "timeout", o.Timeout, "`seconds` after which an invocation is given up, 1 to 29")
	fs.Var((*settingsFlag)(o), "set", "a further setting of besra, NAME=VALUE such as log.sample=0.001, as often as you like: a `setting`")
	fs.StringVar(&o.Tracing, "tracing", o.Tracing, "X-Ray's traces: active (a share of requests), or off: a `word`")
	fs.IntVar(&o.Reserved, "reserved", 0, "environments that are kept for the function, which never gets more: a `number` (default: none)")
	fs.IntVar(&o.Provisioned, "provisioned", 0, "environments that are always ready, a `number` (default: none)")
	fs.Var((*scheduleFlag)(o), "provisioned-schedule", "CRON=NUMBER, as often as you like: from then on so many are ready: a `time` such as '0 7 ? * MON-FRI *=50'")
	fs.StringVar(&o.ScheduleZone, "provisioned-timezone", o.ScheduleZone, "of --provisioned-schedule, a `name` such as Europe/Paris")

	fs.StringVar(&o.Valkey, "valkey", o.Valkey, "what environments remember together: serverless (ElastiCache, some $6 a month and by use), or none: a `word`")
	fs.IntVar(&o.CacheStorage, "cache-storage", o.CacheStorage, "most `GB` of it")
	fs.IntVar(&o.CacheECPU, "cache-ecpu", o.CacheECPU, "most ECPU a second of it, a `number`")
	fs.IntVar(&o.CacheECPUMin, "cache-ecpu-min", 0, "ECPU a second that are there before a burst, and always paid for: a `number` (default: none)")
	fs.StringVar(&o.Models, "models", o.Models, "where models are: zip, bucket (one that the stack makes) or s3://BUCKET/PREFIX: a `place`")
	fs.StringVar(&o.VPC, "vpc", "", "new (two private subnets, no NAT), none, or vpc-…, with --subnets: a `network` (default: new with a cache, else none)")
	fs.StringVar(&o.CIDR, "vpc-cidr", o.CIDR, "addresses of --vpc new: a `network`")
	fs.Var(&j.subnets, "subnets", "of --vpc vpc-…: two or more `ids`")
	fs.Var(&j.groups, "security-groups", "of --vpc vpc-…: the function's, `ids` (default: one that reaches the cache and S3 alone)")
	fs.Var(&j.tables, "route-tables", "of --vpc vpc-…: `ids` of those that get a gateway endpoint for S3 (default: there is a way)")

	fs.StringVar(&o.Release, "release", o.Release, "how the alias moves to a new version: canary-5m, -10m, -15m, -30m (a tenth first), linear-1m, -2m, -3m, -10m (a tenth each), all-at-once: a `word`")
	fs.IntVar(&o.LogRetention, "log-retention", o.LogRetention, "`days` for which the log is kept")
	fs.StringVar(&o.AlarmEmail, "alarm-email", "", "the `address` that gets mail of alarms (default: nobody)")
	fs.IntVar(&o.Latency, "latency", o.Latency, "`ms` at the 99th percentile above which there is an alarm")
	fs.IntVar(&o.AccountQuota, "account-quota", o.AccountQuota, "the account's concurrent executions, a `number`; alarms are at 80 % of it")
	fs.BoolVar(&o.WithoutBoard, "no-dashboard", false, "without a dashboard ($3 a month)")
}

func runAWSTemplate(_ context.Context, e *environ, v *verb, args []string) error {
	j := templateJob{Options: stack.Defaults()}
	flags := v.flags()
	j.add(flags)
	rest, err := v.parse(e, flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usagef("unexpected argument %q", rest[0])
	case j.zip != "" && j.Digest != "":
		return usagef("--zip %s: --digest says another digest; say one of them", j.zip)
	}
	j.JWTAudience, j.Subnets, j.SecurityGroups, j.RouteTables = j.audience, j.subnets, j.groups, j.tables
	if len(j.keys) > 0 {
		j.APIKeys = j.keys
	}
	if err := j.Check(); err != nil { // before a zip is read
		return usagef("--%v", err)
	}
	if err := j.readZip(func() bool { return given(flags, "arch") }); err != nil {
		return err
	}
	template, err := stack.Render(j.Options)
	if err != nil {
		return err
	}
	write := func(w io.Writer) error {
		_, err := w.Write(template)
		return err
	}
	if j.out == "" || j.out == "-" {
		err = write(e.stdout)
	} else {
		err = writeFile(j.out, write)
	}
	if err == nil && !j.quiet {
		j.hint(e.stderr, len(template))
	}
	return err
}

// given reports whether a flag was said.
func given(fs *flag.FlagSet, name string) (is bool) {
	fs.Visit(func(f *flag.Flag) { is = is || f.Name == name })
	return is
}

// readZip takes the digest of the zip, and the architecture of the bootstrap in it, which must be that of --arch if that
// was given. A function of another could not start.
func (j *templateJob) readZip(given func() bool) error {
	if j.zip == "" {
		return nil
	}
	f, err := os.Open(j.zip)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	if err != nil {
		return err
	}
	j.Digest = hex.EncodeToString(sum.Sum(nil))
	arch, err := lambdazip.Architecture(f, size)
	switch {
	case errors.Is(err, zip.ErrFormat), errors.Is(err, fs.ErrNotExist):
		return nil // it is somebody's own, or will be
	case err != nil:
		return fmt.Errorf("%s: %w", j.zip, err)
	case given() && arch != j.Arch:
		return usagef("--arch %s: the bootstrap in %s is for %s", j.Arch, j.zip, arch)
	}
	j.Arch = arch
	return nil
}

// hint shows the two lines that deploy the template.
func (j *templateJob) hint(w io.Writer, size int) {
	for _, warning := range j.Warnings() {
		fmt.Fprintln(w, "besra aws template:", warning)
	}
	upload, deploy := j.Commands(j.zip, strings.TrimPrefix(j.out, "-"), size)
	fmt.Fprintf(w, "Copy the zip, then make the stack, or have it become what the template says:\n\n  %s\n  %s\n\n", upload, strings.ReplaceAll(deploy, " --parameter-overrides ", " \\\n    --parameter-overrides "))
	if size > stack.InlineLimit {
		fmt.Fprintf(w, "The template has %d bytes; above %d it goes by a bucket, hence --s3-bucket.\n", size, stack.InlineLimit)
	}
	if j.Models == stack.Bucket {
		fmt.Fprintf(w, "Models go to the bucket that the stack calls Models: aws s3 sync models/ s3://…/models/\n")
	}
}

// A settingsFlag takes settings of besra, if they are some, with values that they take.
type settingsFlag stack.Options

func (f *settingsFlag) String() string { return "" }

func (f *settingsFlag) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("want NAME=VALUE, such as log.sample=0.001")
	}
	c := app.Defaults()
	all := c.Settings()
	at := slices.IndexFunc(all, func(s app.Setting) bool { return s.Name == name })
	if at < 0 {
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		return fmt.Errorf("there is no setting %q%s", name, didYouMean(name, names))
	}
	if err := all[at].Value.Set(value); err != nil {
		return err
	}
	if f.Settings == nil {
		f.Settings = map[string]string{}
	}
	f.Settings[name] = value
	return nil
}

// A scheduleFlag takes times and how many environments are ready from then on.
type scheduleFlag stack.Options

func (f *scheduleFlag) String() string { return "" }

func (f *scheduleFlag) Set(text string) error {
	at := strings.LastIndexByte(text, '=')
	n, err := strconv.Atoi(text[at+1:])
	if at < 1 || err != nil {
		return fmt.Errorf("want CRON=NUMBER, such as '0 7 ? * MON-FRI *=50'")
	}
	f.Schedule = append(f.Schedule, stack.Capacity{Cron: text[:at], Environments: n})
	return nil
}
