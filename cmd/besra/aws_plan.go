package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/strictyaml"
	"github.com/besra-ml/besra/internal/tools/plan"
)

func awsPlanVerb() *verb {
	return &verb{
		name: "aws plan", short: "says what a function on Lambda needs and costs, before it is there",
		long: `
Which quotas, how much provisioned concurrency, how many requests wait for a start or are throttled when
traffic rises, how quick the others are, what a month costs, and what servers for the same peak would cost. Formulas
and a simulation of every request both say so. Nothing is asked of AWS; prices and quotas are a dated list
(--prices replaces it). The same flags give the same plan. docs/aws-plan.md explains the figures.

Traffic is --profile:
  step       --from requests a second all month, and all at once --to, for --peak-hours a month (with --to, the default)
  constant   --from requests a second (without --to, the default)
  day        every day the same: --from at night, --to in the afternoon
  FILE.csv   columns seconds,rps: from that second on, so many requests a second; repeated all month

Examples:
  besra aws plan --from 100 --to 10000 --service-time 5ms --cold 250ms --budget 500
  besra aws plan --from 100 --to 10000 --concurrency 3000 --gateway-rate 20000 --provisioned 75 --svg plan.svg
  besra aws plan --profile day --from 5 --to 800 --cache valkey --cache-gb 2 --front-door rest-api --waf
  besra aws plan --profile traffic.csv --json --check`,
		run: runAWSPlan,
	}
}

// A planJob is what a command line asks of aws plan.
type planJob struct {
	in            plan.Input
	profile       string
	from, to      float64
	peakHours     float64
	memory        int
	service       time.Duration
	cache         string
	svg, prices   string
	asJSON, check bool
	set           map[string]bool
}

func (j *planJob) add(fs *flag.FlagSet) {
	in := &j.in
	fs.StringVar(&j.profile, "profile", "", "how traffic changes: step, constant, day, or a `file` of seconds,rps")
	fs.Float64Var(&j.from, "from", 100, "requests a second most of the time: a `rate`")
	fs.Float64Var(&j.to, "to", 0, "requests a second at the peak: a `rate`")
	fs.Float64Var(&j.peakHours, "peak-hours", 4, "`hours` of a month that a step's peak lasts")
	fs.DurationVar(&j.service, "service-time", in.Service.Mean, "mean `time` that the function works on a request")
	fs.Float64Var(&in.Service.CV, "service-cv", in.Service.CV, "its standard deviation over its mean, a `ratio`; 0: always the same")
	fs.DurationVar(&in.Start, "cold", in.Start, "`time` from a request to where its new environment serves it: placement, download and INIT")
	fs.DurationVar(&in.Idle, "idle", in.Idle, "`time` after which Lambda takes an idle environment away; it does not say")
	fs.IntVar(&in.Concurrency, "concurrency", in.Concurrency, "the account's quota: `n` concurrent executions")
	fs.IntVar(&in.Reserved, "reserved", 0, "`n` of --concurrency are this function's own")
	fs.IntVar(&in.Provisioned, "provisioned", 0, "`n` environments are kept ready")
	fs.Float64Var(&in.ProvisionedHours, "provisioned-hours", in.ProvisionedHours, "`hours` a day that they are ready, the worst moment among them")
	fs.BoolVar(&in.ProvisionedRate, "provisioned-rate", false, "suppose that each takes ten requests a second at most, and the rest spills over")
	fs.Float64Var(&in.GatewayRate, "gateway-rate", in.GatewayRate, "quota of API Gateway, requests a second: a `rate`")
	fs.Float64Var(&in.GatewayBurst, "gateway-burst", in.GatewayBurst, "quota of API Gateway: `requests` at once")
	fs.IntVar(&j.memory, "memory", int(in.Memory*1024), "the function's memory in `MB`")
	fs.StringVar(&in.Arch, "arch", in.Arch, "the function's `processor`: "+strings.Join(plan.Architectures(), " or "))
	fs.StringVar(&in.Door, "front-door", in.Door, "what stands before it, a `door`: "+strings.Join(plan.Doors(), ", "))
	fs.StringVar(&j.cache, "cache", "none", "what environments share: none, or valkey (ElastiCache Serverless); a `kind`")
	fs.Float64Var(&in.CacheGB, "cache-gb", in.CacheGB, "what is kept in it, in `GB`")
	fs.Float64Var(&in.CacheECPU, "cache-ecpu", in.CacheECPU, "its work for a request, in `ECPU`; one moves a KB")
	fs.Float64Var(&in.LogKB, "log-kb", in.LogKB, "`KB` of log for a request that is logged")
	fs.Float64Var(&in.LogSample, "log-sample", in.LogSample, "`share` of the requests that is logged")
	fs.Float64Var(&in.TraceShare, "trace-share", in.TraceShare, "`share` of the requests that is traced")
	fs.Float64Var(&in.ResponseKB, "response-kb", in.ResponseKB, "`KB` of an answer that leaves AWS; 0 for clients within")
	fs.IntVar(&in.Metrics, "metrics", in.Metrics, "`n` metrics in CloudWatch, as emf.namespace makes them")
	fs.IntVar(&in.Alarms, "alarms", in.Alarms, "`n` alarms")
	fs.IntVar(&in.Dashboards, "dashboards", in.Dashboards, "`n` dashboards")
	fs.IntVar(&in.Endpoints, "endpoints", 0, "`n` interface endpoints of the VPC, each zone counted")
	fs.BoolVar(&in.WAF, "waf", false, "a WAF stands before the front door")
	fs.IntVar(&in.WAFRules, "waf-rules", in.WAFRules, "`n` rules of the WAF")
	fs.Float64Var(&in.TaskRate, "task-rate", in.TaskRate, "requests a second that one vCPU of a server answers: a `rate`")
	fs.Float64Var(&in.EC2Price, "ec2-price", in.EC2Price, "`dollars` an hour of a server with two vCPUs, such as an m5.large")
	fs.Float64Var(&in.Budget, "budget", 0, "`dollars` a month that it may cost")
	fs.DurationVar(&in.TargetP99, "p99", in.TargetP99, "99 % must be answered within this `time`")
	fs.DurationVar(&in.TargetBy, "within", in.TargetBy, "all must be answered within this `time`")
	fs.Float64Var(&in.Allowed, "allowed", in.Allowed, "as --within, except for this `share` of the requests, the throttled among them")
	fs.IntVar(&in.Runs, "runs", in.Runs, "simulate `n` times")
	fs.Uint64Var(&in.Seed, "seed", in.Seed, "another `number` gives another simulation")
	fs.StringVar(&j.prices, "prices", "", "prices and quotas from this `file`, laid out as internal/tools/plan/prices.yaml")
	fs.StringVar(&j.svg, "svg", "", "draw the worst moment, SVG, to this `file`")
	fs.BoolVar(&j.asJSON, "json", false, "write the plan as JSON")
	fs.BoolVar(&j.check, "check", false, "exit 3 when the budget or a target is missed")
}

func runAWSPlan(ctx context.Context, e *environ, v *verb, args []string) error {
	prices, err := plan.BuiltinPrices()
	if err != nil {
		return err
	}
	j := planJob{in: plan.Defaults(prices), set: map[string]bool{}}
	fs := v.flags()
	j.add(fs)
	rest, err := v.parse(e, fs, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return usagef("unexpected argument %q", rest[0])
	}
	fs.Visit(func(f *flag.Flag) { j.set[f.Name] = true })
	if prices, err = j.parse(prices); err != nil {
		return err
	}
	bar := newProgress(e.stderr, "runs")
	defer bar.end()
	p, err := plan.Make(ctx, j.in, prices, bar.show)
	if err != nil {
		return err
	}
	bar.end()
	if j.svg != "" {
		if err := writeFile(j.svg, p.SVG); err != nil {
			return err
		}
	}
	if err := j.write(e.stdout, p); err != nil {
		return err
	}
	if j.check && !p.Kept() {
		var missed []string
		for _, c := range p.Checks {
			if !c.Kept {
				missed = append(missed, fmt.Sprintf("%s: wanted %s, got %s", c.Name, c.Want, c.Got))
			}
		}
		return fmt.Errorf("%w from what is wanted: %s", errDifferent, strings.Join(missed, "; "))
	}
	return nil
}

func (j *planJob) write(w io.Writer, p *plan.Plan) error {
	if !j.asJSON {
		return p.Text(w)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(p)
}

// parse makes an input of the flags, and reads what they name.
func (j *planJob) parse(prices *plan.Prices) (*plan.Prices, error) {
	switch j.cache {
	case "none":
		for _, name := range []string{"cache-gb", "cache-ecpu"} {
			if j.set[name] {
				return nil, usagef("--%s needs --cache valkey", name)
			}
		}
	case "valkey":
		j.in.Cache = true
	default:
		return nil, usagef("--cache %q: want none or valkey", j.cache)
	}
	if j.prices != "" {
		data, err := strictyaml.ReadFile(j.prices)
		if err != nil {
			return nil, err
		}
		if prices, err = plan.ParsePrices(j.prices, data); err != nil {
			return nil, err
		}
		j.replace(plan.Defaults(prices))
	}
	j.in.Memory = float64(j.memory) / 1024
	j.in.Service.Mean = j.service
	j.in.Picture = j.svg != ""
	if j.in.Reserved < 0 || j.in.Provisioned < 0 {
		return nil, usagef("--reserved and --provisioned are not negative")
	}
	return prices, j.traffic()
}

// replace has the figures of a file of prices stand where no flag was given.
func (j *planJob) replace(d plan.Input) {
	if !j.set["idle"] {
		j.in.Idle = d.Idle
	}
	if !j.set["concurrency"] {
		j.in.Concurrency = d.Concurrency
	}
	if !j.set["gateway-rate"] {
		j.in.GatewayRate = d.GatewayRate
	}
	if !j.set["gateway-burst"] {
		j.in.GatewayBurst = d.GatewayBurst
	}
	if !j.set["ec2-price"] {
		j.in.EC2Price = d.EC2Price
	}
}

// traffic reads the profile.
func (j *planJob) traffic() (err error) {
	kind := j.profile
	switch {
	case kind == "" && j.set["to"]:
		kind = "step"
	case kind == "":
		kind = "constant"
	}
	if (kind == "step" || kind == "day") && !j.set["to"] {
		return usagef("--profile %s needs --to", kind)
	}
	if kind != "step" && kind != "day" && j.set["to"] {
		return usagef("--to is for the profiles step and day")
	}
	if kind != "step" && j.set["peak-hours"] {
		return usagef("--peak-hours is for the profile step")
	}
	switch kind {
	case "constant":
		j.in.Profile, err = plan.Constant(j.from)
	case "step":
		j.in.Profile, err = plan.Step(j.from, j.to, j.peakHours)
	case "day":
		j.in.Profile, err = plan.Day(j.from, j.to)
	default:
		if j.set["from"] {
			return usagef("--from is for the profiles step, constant and day")
		}
		return j.readProfile()
	}
	if err != nil {
		return &usageError{err}
	}
	return nil
}

func (j *planJob) readProfile() error {
	f, err := os.Open(j.profile)
	if err != nil {
		return err
	}
	defer f.Close()
	if j.in.Profile, err = plan.ReadProfile(f); err != nil {
		return fmt.Errorf("%s: %w", j.profile, err)
	}
	return nil
}
