package plan

import "math"

// A Bill is what a month costs.
type Bill struct {
	Items []Item  `json:"items"`
	Total float64 `json:"total"` // $
	Idle  float64 `json:"idle"`  // $, if nothing came at all
}

// An Item is a line of a bill.
type Item struct {
	Name       string  `json:"name"`
	Units      float64 `json:"units"`
	Per        string  `json:"per"`
	Cost       float64 `json:"cost"` // $
	Idle       float64 `json:"idle"` // $, of it, if nothing came
	Unverified bool    `json:"unverified,omitempty"`

	price string
}

// bill prices a month of a profile.
func bill(in *Input, prices *Prices, profile Profile) Bill {
	b := lines(in, prices, profile)
	rest := lines(in, prices, Profile{})
	for i := range b.Items {
		b.Items[i].Idle = rest.Items[i].Cost
	}
	b.Idle = rest.Total
	return b
}

// lines has a line for all that in asks for, traffic or not.
func lines(in *Input, prices *Prices, profile Profile) Bill {
	var b Bill
	add := func(name, price string, units float64) {
		item := Item{
			Name: name, price: price, Units: units, Per: prices.prices[price].per, Cost: prices.cost(price, units),
			Unverified: prices.unverified(price),
		}
		b.Items = append(b.Items, item)
		b.Total += item.Cost
	}
	millions := profile.requests() / 1e6
	use := usage(in, profile)
	add("Lambda: requests", "lambda-requests", millions)
	add("Lambda: at work on demand", "lambda-"+in.Arch, use.demand)
	if in.Provisioned > 0 {
		add("Lambda: provisioned, kept ready", "provisioned-idle-"+in.Arch, float64(in.Provisioned)*in.Memory*hours*3600*in.ProvisionedHours/24)
		add("Lambda: provisioned, at work", "provisioned-busy-"+in.Arch, use.provisioned)
	}
	switch in.Door {
	case HTTPAPI:
		add("API Gateway: HTTP API", "http-api", millions)
	case RESTAPI:
		add("API Gateway: REST API", "rest-api", millions)
	case ALB:
		add("load balancer", "alb", 1)
		add("load balancer: traffic", "alb-lcu", balancer(in, prices, profile, prices.figure("lcu-gb")))
	}
	common(in, prices, profile, add)
	return b
}

// common is what functions and servers both pay for.
func common(in *Input, prices *Prices, profile Profile, add func(name, price string, units float64)) {
	millions := profile.requests() / 1e6
	if in.Cache {
		add("cache: kept", "valkey-storage", max(in.CacheGB, prices.figure("valkey-least"))*hours)
		add("cache: work", "valkey-ecpu", millions*in.CacheECPU)
	}
	gb := millions * in.LogKB * in.LogSample
	add("CloudWatch: logs taken in", "logs", gb)
	add("CloudWatch: logs kept a month", "logs-kept", gb)
	if in.Metrics > 0 {
		add("CloudWatch: metrics", "metrics", float64(in.Metrics))
	}
	if in.Alarms > 0 {
		add("CloudWatch: alarms", "alarms", float64(in.Alarms))
	}
	if in.Dashboards > 0 {
		add("CloudWatch: dashboards", "dashboards", float64(in.Dashboards))
	}
	if in.TraceShare > 0 {
		add("X-Ray", "traces", millions*in.TraceShare)
	}
	if in.WAF {
		add("WAF", "waf", 1)
		add("WAF: rules", "waf-rule", float64(in.WAFRules))
		add("WAF: requests", "waf-requests", millions)
	}
	if in.Endpoints > 0 {
		add("VPC: interface endpoints", "endpoint", float64(in.Endpoints))
	}
	add("answers sent out", "transfer-out", millions*in.ResponseKB)
}

// work is GB-seconds.
type work struct{ demand, provisioned float64 }

// usage returns what a month's requests use. A start is billed too, in full: which part of it is placement and download, and
// therefore free, depends on the size of the package. Of a rise those are counted that are there afterwards.
func usage(in *Input, profile Profile) work {
	billed := in.Service.billed()
	var u work
	for i, s := range profile.month {
		n := s.seconds * s.rate
		ready := provisionedShare(in, s.rate) * in.ProvisionedHours / 24
		cold, warm := steadily(s.rate, in.Service, in.Provisioned, in.Idle)
		starts := n * cold
		if before := profile.month[(i+len(profile.month)-1)%len(profile.month)].rate; before < s.rate {
			_, had := steadily(before, in.Service, in.Provisioned, in.Idle)
			starts += max(0, warm-had) * profile.repeats
		}
		u.provisioned += n * ready * billed * in.Memory
		u.demand += (n*(1-ready)*billed + starts*in.Start.Seconds()) * in.Memory
	}
	return u
}

// provisionedShare returns which share of the requests of a steady rate the provisioned environments serve.
func provisionedShare(in *Input, rate float64) float64 {
	if in.Provisioned == 0 || rate <= 0 {
		return 0
	}
	ready := float64(in.Provisioned)
	share := 1 - erlangB(ready, rate*in.Service.Mean.Seconds())
	if in.ProvisionedRate {
		share = min(share, 10*ready/rate)
	}
	return share
}

// balancer returns how many units a load balancer needs on average. A client keeps its connection for a hundred requests.
func balancer(in *Input, prices *Prices, profile Profile, gbHour float64) float64 {
	total := 0.0
	for _, s := range profile.month {
		connections := s.rate / 100 / prices.figure("lcu-connections")
		bytes := s.rate * (in.ResponseKB + 1) * 3600 / 1e6 / gbHour // and 1 KB of request
		total += s.seconds / (hours * 3600) * max(connections, bytes)
	}
	return total
}

// A Server is what servers for the same peak would cost, which run all the time.
type Server struct {
	Name  string  `json:"name"`
	Count int     `json:"count"`
	Month float64 `json:"month"` // $, all that stands around them included
}

// Servers are kept at this share of what they can do, and are two at least.
const serverLoad = 0.7

func servers(in *Input, prices *Prices) []Server {
	around := prices.cost("alb", 1) + prices.cost("alb-lcu", balancer(in, prices, in.Profile, 1))
	common(in, prices, in.Profile, func(_, price string, units float64) { around += prices.cost(price, units) })
	need := in.Profile.peak() / (in.TaskRate * serverLoad)
	tasks, machines := max(2, int(math.Ceil(need))), max(2, int(math.Ceil(need/2)))
	return []Server{
		{"Fargate, tasks of 1 vCPU and 2 GB (x86_64)", tasks, around + float64(tasks)*(prices.cost("fargate-vcpu", 1)+prices.cost("fargate-gb", 2))},
		{"EC2, instances of 2 vCPU", machines, around + float64(machines)*in.EC2Price*hours},
	}
}
