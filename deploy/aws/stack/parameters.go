package stack

import (
	"strconv"
	"strings"
)

// A Parameter is one of a template, and what the options give it.
type Parameter struct {
	Name  string
	Value string // "": who deploys the stack must say it, or its default holds
	Needs bool   // there is no default
	text  bool
}

// yaml is the value as the template spells it.
func (p Parameter) yaml() string {
	if p.text {
		return strconv.Quote(p.Value)
	}
	return p.Value
}

// Parameters returns the parameters of o's template, with the values that o gives them, in the order of the template. A
// stack that is updated keeps the values that it was deployed with, whatever the defaults of the new template are: so
// whoever deploys says them all.
func (o Options) Parameters() []Parameter {
	o = o.filled()
	number := func(name string, value int) Parameter { return Parameter{Name: name, Value: strconv.Itoa(value)} }
	word := func(name, value string) Parameter { return Parameter{Name: name, Value: value, text: true} }
	all := []Parameter{
		word("Name", o.Name),
		{Name: "CodeBucket", Value: o.CodeBucket, text: true, Needs: true},
		word("CodeKey", o.Key),
		word("CodeObjectVersion", ""),
		number("LogRetention", o.LogRetention),
	}
	if o.Reserved > 0 {
		all = append(all, number("ReservedConcurrency", o.Reserved))
	}
	switch o.FrontDoor {
	case FunctionURL:
		all = append(all, word("Caller", o.Caller))
	default:
		all = append(all, number("ThrottleRate", o.ThrottleRate), number("ThrottleBurst", o.ThrottleBurst))
	}
	if o.Auth == JWT {
		all = append(all, word("JwtIssuer", o.JWTIssuer), word("JwtAudience", strings.Join(o.JWTAudience, ",")))
	}
	if o.Quota != "" {
		limit, period, _ := parseQuota(o.Quota) // which Check has done
		all = append(all, number("QuotaLimit", limit), word("QuotaPeriod", period))
	}
	if o.WAF {
		all = append(all, number("WafRate", o.WAFRate))
	}
	if o.Valkey == Serverless {
		all = append(all, number("CacheStorageMaximum", o.CacheStorage), number("CacheProcessingMaximum", o.CacheECPU))
	}
	if o.CacheECPUMin > 0 {
		all = append(all, number("CacheProcessingMinimum", o.CacheECPUMin))
	}
	if o.Provisioned > 0 {
		all = append(all, number("ProvisionedConcurrency", o.Provisioned))
	}
	return append(all, word("AlarmEmail", o.AlarmEmail), number("LatencyThreshold", o.Latency), number("AccountConcurrency", o.AccountQuota))
}
