// Package plan says what a function on AWS needs and costs: which quotas, how much provisioned concurrency, how many
// requests wait for a start or are throttled when traffic rises, what a month costs, and what servers would cost.
//
// It says so twice: by formulas (steadily, fluid), which are quick and can be argued with, and by a simulation of every
// request (simulate) with the rules of package scaling. Both are shown.
package plan

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/besra-ml/besra/internal/tools/scaling"
)

// The front doors.
const (
	HTTPAPI     = "http-api"
	RESTAPI     = "rest-api"
	FunctionURL = "function-url"
	ALB         = "alb"
)

// Doors lists the front doors.
func Doors() []string { return []string{HTTPAPI, RESTAPI, FunctionURL, ALB} }

// Architectures lists the processors that Lambda has.
func Architectures() []string { return []string{"arm64", "x86_64"} }

// Input is what a plan is made for.
type Input struct {
	Profile Profile
	Service Service
	Start   time.Duration // from a request to where its new environment can serve it: placement, download and INIT
	Idle    time.Duration // after which Lambda takes an idle environment away

	Concurrency      int // quota of the account
	Reserved         int // of it, for this function; 0: none
	Provisioned      int
	ProvisionedHours float64 // a day, which are taken to be those of the worst moment
	ProvisionedRate  bool    // provisioned environments take ten requests a second each at most
	GatewayRate      float64 // requests a second that API Gateway lets through
	GatewayBurst     float64

	Memory float64 // GB, of 1,024 MB
	Arch   string
	Door   string

	Cache     bool    // ElastiCache Serverless, Valkey
	CacheGB   float64 // kept in it
	CacheECPU float64 // units of work a request

	LogKB, LogSample    float64 // of a logged request, and the share that is logged
	TraceShare          float64
	ResponseKB          float64
	Metrics, Alarms     int
	Dashboards          int
	Endpoints           int // interface endpoints of the VPC, times its zones
	WAF                 bool
	WAFRules            int
	TaskRate            float64 // requests a second that a vCPU of a server answers
	EC2Price            float64 // an hour of a server with two
	Budget              float64 // $ a month; 0: none
	TargetP99, TargetBy time.Duration
	Allowed             float64 // share of requests that may be throttled, or take longer than TargetBy

	Runs    int // of the simulation
	Seed    uint64
	Picture bool // have what Plan.SVG needs
}

// Defaults are an input without traffic: a new account, 512 MB on arm64 behind an HTTP API.
func Defaults(p *Prices) Input {
	return Input{
		Service: Service{Mean: 5 * time.Millisecond, CV: 0.4}, Start: 250 * time.Millisecond,
		Idle:        time.Duration(p.figure("lambda-idle") * float64(time.Second)),
		Concurrency: int(p.figure("lambda-concurrency")), ProvisionedHours: 24,
		GatewayRate: p.figure("gateway-rate"), GatewayBurst: p.figure("gateway-burst"),
		Memory: 0.5, Arch: "arm64", Door: HTTPAPI, CacheGB: 0.1, CacheECPU: 3,
		LogKB: 1, LogSample: 0.01, TraceShare: 0.01, ResponseKB: 1, Metrics: 15, Alarms: 12, Dashboards: 1,
		WAFRules: 3, TaskRate: 1000, EC2Price: p.cost("ec2", 1),
		TargetP99: 50 * time.Millisecond, TargetBy: 100 * time.Millisecond, Allowed: 1e-4,
		Runs: 4, Seed: 1,
	}
}

// check refuses what makes no sense.
func (in *Input) check() error {
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	amount := func(x float64) bool { return x >= 0 && x <= 1e12 }
	switch {
	case len(in.Profile.month) == 0:
		return errors.New("there is no traffic to plan for")
	case in.Service.Mean < 10*time.Microsecond || in.Service.Mean > 15*time.Minute:
		return fmt.Errorf("service time %v; want 10µs to 15m", in.Service.Mean)
	case !(in.Service.CV >= 0 && in.Service.CV <= 5):
		return fmt.Errorf("variation of the service time %v; want 0 to 5", in.Service.CV)
	case in.Start < time.Millisecond || in.Start > 10*time.Minute:
		return fmt.Errorf("cold start %v; want 1ms to 10m", in.Start)
	case in.Idle < time.Second || in.Idle > 24*time.Hour:
		return fmt.Errorf("idle time %v; want 1s to 24h", in.Idle)
	case in.Concurrency < 1 || in.Concurrency > 1e6:
		return fmt.Errorf("concurrency %d; want 1 to 1,000,000", in.Concurrency)
	case !(in.ProvisionedHours >= 0 && in.ProvisionedHours <= 24):
		return fmt.Errorf("provisioned for %v hours a day; want 0 to 24", in.ProvisionedHours)
	case !(in.GatewayRate >= 1 && in.GatewayBurst >= 1 && in.GatewayRate <= MaxRate*10 && in.GatewayBurst <= MaxRate*10):
		return fmt.Errorf("API Gateway's rate %v and burst %v; want 1 to %v", in.GatewayRate, in.GatewayBurst, MaxRate*10)
	case !(in.Memory >= 0.125 && in.Memory <= 10):
		return fmt.Errorf("memory %v MB; Lambda has 128 to 10240", in.Memory*1024)
	case !slices.Contains(Architectures(), in.Arch):
		return fmt.Errorf("no such architecture: %q", in.Arch)
	case !slices.Contains(Doors(), in.Door):
		return fmt.Errorf("no such front door: %q", in.Door)
	case in.WAF && (in.Door == HTTPAPI || in.Door == FunctionURL):
		return fmt.Errorf("a WAF can stand before %s or %s, not before %s", RESTAPI, ALB, in.Door)
	case !share(in.LogSample), !share(in.TraceShare), !share(in.Allowed), in.Allowed == 0:
		return errors.New("shares of requests are between 0 and 1, and what is allowed to go wrong is above 0")
	case !amount(in.CacheGB), !amount(in.CacheECPU), !amount(in.LogKB), !amount(in.ResponseKB), !amount(in.Budget), !amount(in.EC2Price):
		return errors.New("an amount is negative or no number")
	case in.Metrics < 0, in.Alarms < 0, in.Dashboards < 0, in.Endpoints < 0, in.WAFRules < 0:
		return errors.New("a number of things is negative")
	case !(in.TaskRate > 0):
		return fmt.Errorf("a vCPU answers %v requests a second; want more than 0", in.TaskRate)
	case in.TargetP99 <= 0, in.TargetBy <= 0:
		return errors.New("a target is not above 0")
	case in.Runs < 1 || in.Runs > 100:
		return fmt.Errorf("%d runs; want 1 to 100", in.Runs)
	}
	return nil
}

// workload is what formulas and simulation look at.
func (in *Input) workload(p *Prices) workload {
	w := workload{service: in.Service, start: in.Start, always: in.always(p), slow: in.TargetBy, limits: scaling.Limits{
		Concurrency: in.Concurrency, Reserved: in.Reserved, Provisioned: in.Provisioned,
		Burst: p.figure("lambda-burst"), Refill: p.figure("lambda-refill"), RequestRate: p.figure("lambda-rate"),
		RateDepth:       time.Duration(p.figure("lambda-rate-depth") * float64(time.Second)),
		ProvisionedRate: in.ProvisionedRate, Idle: in.Idle,
	}}
	if in.gateway() {
		w.gateway = scaling.Bucket{Rate: in.GatewayRate, Depth: in.GatewayBurst}
	}
	return w
}

func (in *Input) gateway() bool { return in.Door == HTTPAPI || in.Door == RESTAPI }

// always is what a request takes besides the function's own work.
func (in *Input) always(p *Prices) time.Duration {
	ms := p.figure("latency-" + in.Door)
	if in.Cache {
		ms += p.figure("latency-cache")
	}
	return time.Duration(ms * float64(time.Millisecond))
}

// A Plan is what was found.
type Plan struct {
	PricesOf string  `json:"prices_of"` // the day on which prices were read
	Region   string  `json:"region"`
	Profile  string  `json:"profile"`
	Requests float64 `json:"requests"` // a month
	Peak     float64 `json:"peak"`     // requests a second

	Worst       Worst       `json:"worst"`
	Formulas    Outcome     `json:"formulas"`
	Simulation  Outcome     `json:"simulation"`
	Otherwise   *Outcome    `json:"formulas_otherwise,omitempty"` // by formulas, were provisioned environments capped when they are not, or not when they are
	Quotas      []Quota     `json:"quotas"`
	Provisioned Provisioned `json:"provisioned"`
	Bill        Bill        `json:"bill"`
	Servers     []Server    `json:"servers"`
	Checks      []Check     `json:"checks"`
	Warnings    []string    `json:"warnings"`
	Unverified  []string    `json:"unverified"`

	input Input
	line  []moment // of the picture
}

// Worst is the moment that was looked at.
type Worst struct {
	From    float64 `json:"from"` // requests a second, for long
	To      float64 `json:"to"`   // at most, after it
	Seconds float64 `json:"seconds"`
}

// Provisioned says how many environments should be kept ready.
type Provisioned struct {
	Given     int     `json:"given"`
	Need      int     `json:"need"`        // so that no more than the allowed share finds none, by Erlang's formula
	NeedRate  int     `json:"need_capped"` // if each takes ten requests a second at most
	Month     float64 `json:"month"`       // $ that Need costs a month, kept ready all day
	BreakEven float64 `json:"break_even"`  // from this share of time at work on, it is cheaper than on demand
	Hours     float64 `json:"hours"`       // a day, that Given are kept ready
}

// A Check is a promise, and whether it is kept.
type Check struct {
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
	Kept bool   `json:"kept"`
}

// Kept reports whether all of a plan's checks are.
func (p *Plan) Kept() bool {
	return !slices.ContainsFunc(p.Checks, func(c Check) bool { return !c.Kept })
}

// Make makes a plan. It calls progress, if there is one, as the simulation's runs end.
func Make(ctx context.Context, in Input, prices *Prices, progress func(done, total int)) (*Plan, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	w := in.workload(prices)
	if _, err := scaling.New(w.limits); err != nil {
		return nil, err
	}
	p := &Plan{
		PricesOf: prices.Date, Region: prices.Region, Profile: in.Profile.Name, Requests: in.Profile.requests(), Peak: in.Profile.peak(),
		input: in,
	}
	worst := in.Profile.lookAt()
	p.Worst = Worst{From: in.Profile.before, Seconds: worst.seconds(), To: worst.peak()}
	p.Formulas = formulas(w, in.Profile.before, worst)
	var err error
	if p.Simulation, err = simulated(ctx, w, in.Profile.before, worst, in.Runs, in.Seed, progress); err != nil {
		return nil, err
	}
	if in.Picture {
		if p.line, err = picture(ctx, w, in.Profile.before, worst, in.Seed); err != nil {
			return nil, err
		}
	}
	p.Provisioned = provisioned(&in, prices)
	p.Quotas = quotas(&in, prices, w, worst)
	if in.Provisioned > 0 {
		w.limits.ProvisionedRate = !in.ProvisionedRate
		other := formulas(w, in.Profile.before, worst)
		p.Otherwise = &other
	}
	p.Bill = bill(&in, prices, in.Profile)
	p.Servers = servers(&in, prices)
	p.Checks = p.checks()
	p.Warnings = p.warn()
	p.Unverified = prices.unverifiedOf(p.rests())
	return p, nil
}

// rests returns the prices and figures that the plan rests on.
func (p *Plan) rests() (prices, figures []string) {
	for _, item := range p.Bill.Items {
		prices = append(prices, item.price)
	}
	figures = []string{"lambda-rate-depth", "latency-" + p.input.Door, "lcu-connections"}
	if p.input.Cache {
		figures = append(figures, "latency-cache")
	}
	if p.input.Door == ALB {
		figures = append(figures, "lcu-gb")
	}
	return prices, append(figures, "lambda-idle")
}

func provisioned(in *Input, prices *Prices) Provisioned {
	load := in.Profile.peak() * in.Service.Mean.Seconds()
	p := Provisioned{Given: in.Provisioned, Hours: in.ProvisionedHours}
	if load > 0 {
		p.Need = environmentsFor(load, in.Allowed)
	}
	p.NeedRate = max(p.Need, int(math.Ceil(in.Profile.peak()/prices.figure("lambda-rate"))))
	p.Month = prices.cost("provisioned-idle-"+in.Arch, float64(p.Need)*in.Memory*hours*3600)
	p.BreakEven = prices.cost("provisioned-idle-"+in.Arch, 1) / (prices.cost("lambda-"+in.Arch, 1) - prices.cost("provisioned-busy-"+in.Arch, 1))
	return p
}

func (p *Plan) checks() []Check {
	in := &p.input
	var list []Check
	if in.Budget > 0 {
		list = append(list, Check{
			Name: "budget", Want: dollars(in.Budget) + " a month", Got: dollars(p.Bill.Total), Kept: p.Bill.Total <= in.Budget,
		})
	}
	s := p.Simulation
	return append(list, Check{
		Name: "p99", Want: "within " + took(in.TargetP99), Got: took(s.P99), Kept: s.P99 <= in.TargetP99,
	}, Check{
		Name: "answered in time", Want: fmt.Sprintf("%s within %s", percent(1-in.Allowed), took(in.TargetBy)),
		Got: percent(1 - s.Failed), Kept: s.Failed <= in.Allowed,
	})
}

func (p *Plan) warn() []string {
	in, list := &p.input, []string(nil)
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for _, q := range p.Quotas {
		switch {
		case q.Short && q.Fixed:
			add("a rise asks for %s new environments before the first are ready, and Lambda makes %s at once and %v a second: the others are throttled. Provisioned concurrency or a shorter start helps", count(q.Need), count(q.Have), 100)
		case q.Short:
			add("%s: you have %s and need %s. Ask AWS in time, a raise takes days", q.Name, count(q.Have), count(q.Need))
		}
	}
	if !in.Cache {
		add("without a cache nothing is shared between environments: a repeated event may be scored twice, histories of cards and terminals cannot be kept, and events are marked degraded (--cache valkey)")
	}
	if p.Simulation.Throttled > 0 {
		switch in.Door {
		case HTTPAPI, RESTAPI:
			add("API Gateway answers a request that Lambda throttles with 500, and does not try again; its own throttle is 429")
		default:
			add("a request that Lambda throttles fails; clients have to try again")
		}
	}
	if in.Provisioned > 0 {
		add("provisioned concurrency belongs to a version or an alias, never to $LATEST")
		is := "do, as some read AWS's documents"
		if in.ProvisionedRate {
			is = "do not"
		}
		add("whether provisioned environments take ten requests a second each at most is not settled. If they %s, %s of the requests are cold and %s throttled, by formulas (--provisioned-rate)", is, percent(p.Otherwise.Cold), percent(p.Otherwise.Throttled))
	}
	if in.Door == HTTPAPI && in.TraceShare > 0 {
		add("an HTTP API takes no part in X-Ray: traces begin at the function")
	}
	if q := in.Concurrency - 100; in.Provisioned > q || in.Reserved > q {
		add("AWS keeps 100 of the concurrency unreserved: of %d at most %d can be provisioned or reserved", in.Concurrency, max(q, 0))
	}
	return list
}
