package plan

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// blackFriday is 100 requests a second that become 10,000.
func blackFriday(t *testing.T) Input {
	t.Helper()
	in := Defaults(prices(t))
	var err error
	if in.Profile, err = Step(100, 10_000, 4); err != nil {
		t.Fatal(err)
	}
	in.Runs = 2
	return in
}

func makePlan(t *testing.T, in Input) *Plan {
	t.Helper()
	p, err := Make(t.Context(), in, prices(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func written(t *testing.T, p *Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func quota(t *testing.T, p *Plan, name string) Quota {
	t.Helper()
	for _, q := range p.Quotas {
		if q.Name == name {
			return q
		}
	}
	t.Fatalf("no quota of %q", name)
	return Quota{}
}

func TestPlan(t *testing.T) {
	t.Run("a new account's quotas do not take ten thousand at once", func(t *testing.T) {
		p := makePlan(t, blackFriday(t))
		for _, name := range []string{"Lambda concurrency", "API Gateway requests a second", "environments made at once"} {
			if q := quota(t, p, name); !q.Short {
				t.Errorf("%+v", q)
			}
		}
		if p.Simulation.Throttled < 0.001 || p.Kept() {
			t.Errorf("nothing is throttled: %+v", p.Simulation)
		}
	})
	t.Run("what a plan says is needed is enough", func(t *testing.T) {
		in := blackFriday(t)
		first := makePlan(t, in)
		in.Provisioned = first.Provisioned.Need
		in.Concurrency = int(quota(t, first, "Lambda concurrency").Need)
		in.GatewayRate = quota(t, first, "API Gateway requests a second").Need
		second := makePlan(t, in)
		if second.Simulation.Failed > in.Allowed || second.Formulas.Failed > in.Allowed || !second.Kept() {
			t.Errorf("with %d provisioned of %d, %v of the requests fail", in.Provisioned, in.Concurrency, second.Simulation.Failed)
		}
		if second.Otherwise == nil || second.Otherwise.Cold < 0.001 {
			t.Errorf("were they capped, most would spill over: %+v", second.Otherwise)
		}
	})
	t.Run("formulas and simulation see the same latency", func(t *testing.T) {
		p := makePlan(t, blackFriday(t))
		for _, c := range [][2]time.Duration{
			{p.Formulas.P50, p.Simulation.P50}, {p.Formulas.P99, p.Simulation.P99}, {p.Formulas.P999, p.Simulation.P999},
		} {
			if off := (c[0] - c[1]).Abs(); off > c[1]/20 {
				t.Errorf("%v and %v", c[0], c[1])
			}
		}
	})
	t.Run("the same input makes the same plan, another seed another", func(t *testing.T) {
		in := blackFriday(t)
		in.Picture = true
		a, b := makePlan(t, in), makePlan(t, in)
		if diff := cmp.Diff(a, b, cmp.AllowUnexported(Plan{}, Input{}, Profile{}, segment{}, moment{}, Item{}), cmpopts.EquateNaNs()); diff != "" {
			t.Error(diff)
		}
		in.Seed = 99
		if c := makePlan(t, in); c.Simulation == a.Simulation {
			t.Error("another seed changed nothing")
		}
	})
	t.Run("a trickle is simulated for long enough to see its cold starts", func(t *testing.T) {
		in := blackFriday(t)
		in.Profile, _ = Constant(0.002)
		p := makePlan(t, in)
		if got := p.Simulation.Cold; got < 0.25 || got > 0.35 { // exp(-1.2)
			t.Errorf("cold: %v by formulas, %v by simulation", p.Formulas.Cold, got)
		}
	})
	t.Run("no traffic is a plan too", func(t *testing.T) {
		in := blackFriday(t)
		in.Profile, _ = Constant(0)
		p := makePlan(t, in)
		if s := written(t, p); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
			t.Error(s)
		}
	})
	t.Run("without a cache it says what is lost", func(t *testing.T) {
		in := blackFriday(t)
		if s := written(t, makePlan(t, in)); !strings.Contains(s, "events are marked degraded") {
			t.Error(s)
		}
		in.Cache = true
		if s := written(t, makePlan(t, in)); strings.Contains(s, "events are marked degraded") {
			t.Error(s)
		}
	})
	t.Run("figures without a source are marked", func(t *testing.T) {
		s := written(t, makePlan(t, blackFriday(t)))
		for _, want := range []string{"answers sent out *", "latency-http-api, 8: ms that the front door adds: a guess", "lambda-idle, 600"} {
			if !strings.Contains(s, want) {
				t.Errorf("no %q in\n%s", want, s)
			}
		}
		if strings.Contains(s, "latency-alb") {
			t.Error("a figure is told that was not used")
		}
	})
	t.Run("it can be interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Make(ctx, blackFriday(t), prices(t), nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	for name, spoil := range map[string]func(*Input){
		"service time":          func(in *Input) { in.Service.Mean = 0 },
		"variation":             func(in *Input) { in.Service.CV = -1 },
		"cold start":            func(in *Input) { in.Start = 0 },
		"idle time":             func(in *Input) { in.Idle = 0 },
		"concurrency":           func(in *Input) { in.Concurrency = 0 },
		"memory":                func(in *Input) { in.Memory = 64 },
		"no such architecture":  func(in *Input) { in.Arch = "riscv" },
		"no such front door":    func(in *Input) { in.Door = "window" },
		"a WAF can stand":       func(in *Input) { in.WAF = true },
		"shares":                func(in *Input) { in.LogSample = 2 },
		"an amount":             func(in *Input) { in.Budget = -1 },
		"a number":              func(in *Input) { in.Alarms = -1 },
		"no traffic":            func(in *Input) { in.Profile = Profile{} },
		"provisioned for":       func(in *Input) { in.ProvisionedHours = 25 },
		"API Gateway's rate":    func(in *Input) { in.GatewayRate = 0 },
		"answers":               func(in *Input) { in.TaskRate = 0 },
		"a target":              func(in *Input) { in.TargetP99 = 0 },
		"runs":                  func(in *Input) { in.Runs = 0 },
		"provisioned concurren": func(in *Input) { in.Provisioned = 1001 },
		"reserved concurrency":  func(in *Input) { in.Reserved = 1001 },
	} {
		t.Run("is refused: "+name, func(t *testing.T) {
			in := blackFriday(t)
			spoil(&in)
			if _, err := Make(t.Context(), in, prices(t), nil); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestSVG(t *testing.T) {
	in := blackFriday(t)
	in.Picture = true
	for name, profile := range map[string]func() (Profile, error){
		"a step":     func() (Profile, error) { return Step(100, 10_000, 4) },
		"a fall":     func() (Profile, error) { return Step(10_000, 100, 4) },
		"a constant": func() (Profile, error) { return Constant(50) },
		"a trickle":  func() (Profile, error) { return Constant(0.01) },
		"nothing":    func() (Profile, error) { return Constant(0) },
		"a day":      func() (Profile, error) { return Day(1, 300) },
	} {
		t.Run(name+" is drawn within the picture, as XML, without numbers that are none", func(t *testing.T) {
			in := in
			in.Profile, _ = profile()
			var b bytes.Buffer
			if err := makePlan(t, in).SVG(&b); err != nil {
				t.Fatal(err)
			}
			if s := b.String(); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") {
				t.Error("a number is none")
			}
			for d := xml.NewDecoder(&b); ; {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	in.Picture = false
	if err := makePlan(t, in).SVG(io.Discard); err == nil {
		t.Error("a picture was drawn of nothing")
	}
}

func TestNumbersForPeople(t *testing.T) {
	for got, want := range map[string]string{
		percent(0): "0 %", percent(1e-9): "< 0.0001 %", percent(0.00123): "0.123 %", percent(0.25): "25.0 %", percent(0.0312): "3.12 %",
		percent(0.9999): "99.9900 %", percent(1): "100.0 %", percent(0.000_012): "0.0012 %",
		plusMinus(0.00123, 0.0001): "0.123 ± 0.010 %", plusMinus(0.00123, 1e-9): "0.123 %", plusMinus(0, 0): "0 %",
		took(1234 * time.Microsecond): "1.23 ms", took(250 * ms): "250 ms", took(3005 * ms): "3 s", took(12 * time.Second): "12 s",
		count(999): "999", count(10_300): "10,300", count(405e6): "405 million", count(26.28e9): "26.28 billion", count(1.5e6): "1.5 million",
		money(0.125): "0.12", money(999.5): "999.50", money(1_234_567): "1,234,567", number(0.05): "0.05", number(1500): "1,500",
		span(60): "60 seconds", span(3600): "60 minutes", span(86400 * 30): "30 days", span(10800): "3 hours",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
