package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/tools/lambdasim"
	"github.com/besra-ml/besra/internal/tools/lambdasim/door"
	awslocal "github.com/besra-ml/besra/internal/tools/lambdasim/local"
	"github.com/besra-ml/besra/internal/tools/lambdazip"
	"github.com/besra-ml/besra/internal/tools/scaling"
)

func awsLocalVerb() *verb {
	return &verb{
		name: "aws local", args: "[PATH…]", short: "runs API Gateway, Lambda and besra's function on this machine",
		long: `
What besra aws package would put into a zip is put into a directory instead, and real processes of the bootstrap serve it,
each as an environment of Lambda: one request at a time, cold starts, throttles and quotas by Lambda's rules, in front of
them what stands there in AWS. Events, limits, signatures, tokens, keys and errors are those that AWS documents. PATH is as
for besra aws package; without any, the demo is served.

Credentials are made up and shown, with a line for curl that works. The second address shows environments, cold starts,
throttles, metrics that CloudWatch would extract, the log and traces. Ctrl-C ends everything.

  besra aws local
  besra aws local --front-door rest-api --auth key --provisioned 4 fraud-3.zip
  besra aws local --auth jwt --concurrency 10 --cold-start 200ms --freeze --log
  besra aws local --valkey 127.0.0.1:6379 --env BESRA_LOG_LEVEL=debug`,
		run: runAWSLocal,
	}
}

// A localJob is what a command line asks of aws local.
type localJob struct {
	awslocal.Options
	pack      packageFlags
	kind      string
	valkey    string
	json, log bool
}

func (j *localJob) add(fs *flag.FlagSet) {
	f := &j.Function
	fs.StringVar(&j.kind, "front-door", string(door.HTTPAPI), "what stands before the function, http-api, rest-api, function-url, alb or direct: a `word`")
	fs.StringVar(&j.Auth, "auth", "", "who may ask: iam (signed by SigV4), jwt (http-api), key (rest-api) or none: a `word` (default: iam; of alb, none)")
	fs.StringVar(&j.Listen, "listen", "127.0.0.1:0", "the front door's `address`, on loopback; port 0: any that is free")
	fs.StringVar(&j.Watch, "watch", "127.0.0.1:0", "the `address` where one looks, on loopback")

	fs.StringVar(&j.pack.bootstrap, "bootstrap", "", "the `file` of the program, for this machine (default: what this release brings, or bootstrap-ARCH beside besra)")
	fs.StringVar(&j.pack.config, "config", "", "the settings `file` of the function")
	fs.StringVar(&j.pack.policy, "policy", "", "the policy `file` that wins over the bundles' own")
	fs.StringVar(&j.valkey, "valkey", "", "the `address` of a Valkey that stands for ElastiCache; a key for entities is made up")
	fs.Func("env", "a further environment variable of the function, `NAME=VALUE`, as often as you like", func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return errors.New("want NAME=VALUE")
		}
		f.Variables[name] = value
		return nil
	})

	fs.IntVar(&f.Memory, "memory", 1769, "`MB` of the function")
	fs.DurationVar(&f.Timeout, "timeout", 3*time.Second, "the `time` after which an invocation is given up")
	fs.BoolVar(&f.Traced, "tracing", false, "X-Ray's active tracing: every request is sampled, unless it says otherwise")
	fs.BoolVar(&j.json, "json-log", false, "Lambda's own lines are JSON")
	fs.BoolVar(&j.log, "log", false, "show the function's log on stderr")

	fs.IntVar(&f.Limits.Provisioned, "provisioned", 0, "environments that are always ready, a `number`")
	fs.IntVar(&f.Limits.Concurrency, "concurrency", f.Limits.Concurrency, "the account's quota of concurrent executions, a `number`")
	fs.IntVar(&f.Limits.Reserved, "reserved", 0, "concurrency that is reserved for the function, which never gets more: a `number`")
	fs.Float64Var(&f.Limits.Burst, "scaling-burst", f.Limits.Burst, "environments that can be made at once, a `number`")
	fs.Float64Var(&f.Limits.Refill, "scaling-refill", f.Limits.Refill, "and again in each second, a `number`")
	fs.DurationVar(&f.Limits.Idle, "idle", f.Limits.Idle, "the `time` after which an environment that serves nothing is taken away")
	fs.DurationVar(&f.Placement, "cold-start", 0, "`time` that a cold start takes beside INIT: finding a place, downloading the code")
	fs.BoolVar(&f.Freeze, "freeze", false, "stop environments between requests, as Lambda does")
	fs.Float64Var(&j.Throttle.PerSecond, "throttle-rate", 10000, "requests a second that API Gateway lets through, a `number`")
	fs.Float64Var(&j.Throttle.Burst, "throttle-burst", 5000, "and at once, a `number`")
	fs.IntVar(&j.Quota, "quota", 0, "rest-api: most requests of the key in a day, a `number`")
}

func runAWSLocal(ctx context.Context, e *environ, v *verb, args []string) (err error) {
	j := localJob{Options: awslocal.Options{Function: lambdasim.Options{Variables: map[string]string{}, Limits: scaling.Defaults()}}}
	fs := v.flags()
	j.add(fs)
	paths, err := v.parse(e, fs, args)
	if err != nil {
		return err
	}
	if err := j.complete(len(paths) == 0); err != nil {
		return err
	}
	root, err := os.MkdirTemp("", "besra-aws-local-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(root)) }()
	if err := j.unpack(root, paths); err != nil {
		return err
	}
	if j.log {
		j.Line = func(l lambdasim.Line) { fmt.Fprintln(e.stderr, l.Text) }
	}
	l, err := awslocal.Start(ctx, j.Options)
	if err != nil {
		return err
	}
	defer l.Close()
	j.tell(e.stdout, l)
	return l.Wait(ctx)
}

// complete makes settings of the function of what was asked.
func (j *localJob) complete(demo bool) error {
	j.Kind = door.Kind(j.kind)
	if j.Auth == "" {
		j.Auth = awslocal.IAM
		if j.Kind == door.ALB {
			j.Auth = awslocal.None
		}
	}
	if j.Kind != door.RESTAPI && j.Kind != door.HTTPAPI {
		j.Throttle = door.Rate{}
	}
	f := &j.Function
	f.Name, f.JSONLogs = "besra", j.json
	j.set("BESRA_LAMBDA_EVENT", j.kind)
	j.set("BESRA_LOG_SAMPLE", "1") // whoever tries it wants to see what it does
	j.set("BESRA_TRACES_SAMPLE", "1")
	if j.valkey != "" {
		j.set("BESRA_VALKEY_ADDRESS", j.valkey)
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		j.set(app.EntityKeyVariable, hex.EncodeToString(key))
	}
	if demo && j.pack.config == "" {
		j.Sample = `{"event":{"time":"` + time.Now().UTC().Format(time.RFC3339) + `","card":"c_17","terminal":"t_9","amount":129.9}}`
	}
	return nil
}

// unpack makes the directory that a zip would become.
func (j *localJob) unpack(root string, paths []string) error {
	p := newParcel()
	defer p.close()
	if err := j.findBootstrap(p); err != nil {
		return err
	}
	if err := p.addContents(j.pack, paths); err != nil {
		return err
	}
	if err := j.letIn(); err != nil {
		return err
	}
	for _, f := range p.files {
		if err := unpackFile(filepath.Join(root, filepath.FromSlash(f.Name)), f); err != nil {
			return err
		}
	}
	j.Function.TaskRoot = root
	if j.Function.Bootstrap == "" {
		j.Function.Bootstrap = filepath.Join(root, lambdazip.Bootstrap)
	}
	return nil
}

// letIn has the function take requests of nobody in particular where none has to prove anything to the front door, unless
// its settings have it ask by itself.
func (j *localJob) letIn() error {
	asks := j.Function.Variables["BESRA_AUTH_KEYS"] != "" || j.Function.Variables["BESRA_AUTH_JWT"] != ""
	if j.pack.config != "" {
		c, _, err := app.Load(app.Sources{File: j.pack.config, Getenv: func(string) string { return "" }, Defaults: app.Defaults()})
		if err != nil {
			return err
		}
		asks = asks || c.Auth.On()
	}
	if j.Auth == awslocal.None && !asks {
		j.set("BESRA_INSECURE", "true")
	}
	return nil
}

// set sets a variable, unless the command line has.
func (j *localJob) set(name, value string) {
	if _, ok := j.Function.Variables[name]; !ok {
		j.Function.Variables[name] = value
	}
}

// findBootstrap adds the bootstrap for this machine, or says where the one that was named is.
func (j *localJob) findBootstrap(p *parcel) error {
	if j.pack.bootstrap != "" {
		j.Function.Bootstrap = j.pack.bootstrap
		info, err := os.Stat(j.pack.bootstrap)
		if err == nil && info.IsDir() {
			err = fmt.Errorf("%s: is a directory", j.pack.bootstrap)
		}
		return err
	}
	if runtime.GOOS != "linux" {
		return errors.New("functions are programs for Linux: build one for this system, go build -tags lambda.norpc,grpcnotrace ./cmd/bootstrap, and name it with --bootstrap")
	}
	program, _, err := findBootstrap(strings.Replace(runtime.GOARCH, "amd64", "x86_64", 1))
	if err == nil {
		p.add(lambdazip.Bootstrap, program)
	}
	return err
}

func unpackFile(to string, f lambdazip.File) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	from, err := f.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	mode := fs.FileMode(0o644)
	if f.Name == lambdazip.Bootstrap {
		mode = 0o755
	}
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, from)
	return errors.Join(err, file.Close())
}

// tell says where everything is, and how to ask.
func (j *localJob) tell(w io.Writer, l *awslocal.Local) {
	fmt.Fprintf(w, "%s on %s\nwatch it on %s\n", j.kind, l.URL, l.WatchURL)
	switch {
	case l.Token != "":
		fmt.Fprintf(w, "issuer %s, audience besra\n", l.Issuer)
	case l.Credential.AccessKey != "":
		fmt.Fprintf(w, "export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s AWS_REGION=us-east-1\n", l.Credential.AccessKey, l.Credential.Secret)
	}
	fmt.Fprintf(w, "try: %s\n", l.Curl())
}
