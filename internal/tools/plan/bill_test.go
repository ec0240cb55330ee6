package plan

import (
	"math"
	"testing"
	"time"
)

func prices(t *testing.T) *Prices {
	t.Helper()
	p, err := BuiltinPrices()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// cost returns what the lines of a bill with any of the names cost.
func cost(t *testing.T, b Bill, names ...string) float64 {
	t.Helper()
	total, found := 0.0, 0
	for _, i := range b.Items {
		for _, name := range names {
			if i.Name == name {
				total += i.Cost
				found++
			}
		}
	}
	if found != len(names) {
		t.Fatalf("the bill has no %v: %+v", names, b.Items)
	}
	return total
}

// TestBill holds bills against those that were worked out by hand, of 5 ms at 512 MB on arm64.
func TestBill(t *testing.T) {
	p := prices(t)
	in := Defaults(p)
	in.Service = Service{Mean: 5 * time.Millisecond}
	in.LogSample, in.TraceShare = 1, 0.05
	month := hours * 3600
	hundred := 100e6 / month // requests a second that make 100 million a month
	for _, c := range []struct {
		name  string
		rate  float64
		set   func(*Input)
		lines []string
		want  float64
	}{
		{"100 million: requests and work", hundred, nil, []string{"Lambda: requests", "Lambda: at work on demand"}, 20 + 3.33},
		{"100 million: HTTP API", hundred, nil, []string{"API Gateway: HTTP API"}, 100},
		{"100 million: REST API", hundred, func(in *Input) { in.Door = RESTAPI }, []string{"API Gateway: REST API"}, 350},
		{"100 million: logs of 1 KB", hundred, nil, []string{"CloudWatch: logs taken in"}, 50},
		{"100 million: 5 % traced", hundred, nil, []string{"X-Ray"}, 24.5},
		{"100 million: the smallest cache", hundred, func(in *Input) { in.Cache, in.CacheECPU = true, 1 }, []string{"cache: kept", "cache: work"}, 6.13 + 0.23},
		{"100 million: a load balancer", hundred, func(in *Input) { in.Door = ALB }, []string{"load balancer", "load balancer: traffic"}, 16.43 + 5.84*hundred*2*3600/1e6/0.4},
		{"a hundred provisioned", hundred, func(in *Input) { in.Provisioned = 100 }, []string{"Lambda: provisioned, kept ready"}, 438},
		{"a hundred provisioned for eight hours a day", hundred, func(in *Input) { in.Provisioned, in.ProvisionedHours = 100, 8 }, []string{"Lambda: provisioned, kept ready"}, 146},
		{"10,000 a second: requests and work", 10_000, nil, []string{"Lambda: requests", "Lambda: at work on demand"}, 6132},
		{"10,000 a second: HTTP API", 10_000, nil, []string{"API Gateway: HTTP API"}, 23_682},
		{"10,000 a second: REST API", 10_000, func(in *Input) { in.Door = RESTAPI }, []string{"API Gateway: REST API"}, 57_736},
		{"10,000 a second: logs", 10_000, nil, []string{"CloudWatch: logs taken in"}, 9070},
		{"10,000 a second: traces", 10_000, nil, []string{"X-Ray"}, 6570},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := in
			if c.set != nil {
				c.set(&in)
			}
			profile, err := Constant(c.rate)
			if err != nil {
				t.Fatal(err)
			}
			if got := cost(t, bill(&in, p, profile), c.lines...); math.Abs(got-c.want) > 0.002*c.want {
				t.Errorf("$%.2f, want $%.2f", got, c.want)
			}
		})
	}
	t.Run("tiers begin where they say", func(t *testing.T) {
		for units, want := range map[float64]float64{0: 0, 300: 300, 301: 300.9, 1300: 1200} {
			if got := p.cost("http-api", units); math.Abs(got-want) > 1e-9 {
				t.Errorf("%v million cost %v, want %v", units, got, want)
			}
		}
		if got := p.cost("logs", 60_000); math.Abs(got-12_500) > 1e-6 {
			t.Errorf("60 TB of logs cost %v", got)
		}
		if got, want := p.cost("lambda-arm64", 20e9), 7.5e9*0.0000133334+11.25e9*0.0000120001+1.25e9*0.0000106667; math.Abs(got-want) > 1 {
			t.Errorf("20 billion GB-seconds cost %v, want %v", got, want)
		}
	})
	t.Run("at night nothing is paid for but what is kept", func(t *testing.T) {
		profile, _ := Constant(0)
		in := in
		in.Metrics, in.Alarms, in.Dashboards = 0, 0, 0
		if b := bill(&in, p, profile); b.Total != 0 || b.Idle != 0 {
			t.Errorf("nothing came, and it costs %v, %v", b.Total, b.Idle)
		}
		in.Cache, in.Endpoints = true, 2
		if b := bill(&in, p, profile); math.Abs(b.Idle-(0.1*0.084*730+14.6)) > 1e-9 || b.Idle != b.Total {
			t.Errorf("a cache and two endpoints cost %v, %v", b.Idle, b.Total)
		}
	})
	t.Run("provisioned environments pay off from 60 % on", func(t *testing.T) {
		in := in
		in.Profile, _ = Constant(10_000)
		if got := provisioned(&in, p); math.Abs(got.BreakEven-0.6) > 0.001 || got.NeedRate != 1000 || got.Need != environmentsFor(50, in.Allowed) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("what provisioned environments serve is not paid for twice", func(t *testing.T) {
		in := in
		in.Provisioned = 100
		profile, _ := Constant(1000)
		u := usage(&in, profile)
		if all := 1000 * month * 0.005 * 0.5; math.Abs(u.provisioned-all) > 1e-6*all || u.demand > 1e-6*all {
			t.Errorf("of %v GB-seconds, %v are provisioned and %v on demand", all, u.provisioned, u.demand)
		}
		in.ProvisionedRate = true
		profile, _ = Constant(2000)
		if u = usage(&in, profile); math.Abs(u.provisioned/u.demand-1) > 0.01 {
			t.Errorf("at twice their rate they serve half: %v and %v", u.provisioned, u.demand)
		}
	})
}
