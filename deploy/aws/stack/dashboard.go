package stack

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Widgets of a CloudWatch dashboard, spelled as its body has them.
type (
	widget struct {
		Type       string `json:"type"`
		X          int    `json:"x"`
		Y          int    `json:"y"`
		Width      int    `json:"width"`
		Height     int    `json:"height"`
		Properties any    `json:"properties"`
	}
	graph struct {
		Title   string  `json:"title"`
		Region  string  `json:"region"`
		View    string  `json:"view"`
		Stacked bool    `json:"stacked"`
		Period  int     `json:"period"`
		Stat    string  `json:"stat"`
		Metrics [][]any `json:"metrics"`
	}
	alarms struct {
		Title  string   `json:"title"`
		Alarms []string `json:"alarms"`
	}
	logs struct {
		Title  string `json:"title"`
		Region string `json:"region"`
		View   string `json:"view"`
		Query  string `json:"query"`
	}
	drawn struct { // how a metric is drawn, or what is made of others
		Expression string `json:"expression,omitempty"`
		ID         string `json:"id,omitempty"`
		Label      string `json:"label"`
		Stat       string `json:"stat,omitempty"`
	}
)

// How a metric is told apart from others of its name. What stands in ${} the template puts in.
const (
	region = "${AWS::Region}"
	live   = "${Function}:live"
)

func line(title string, metrics ...[]any) graph {
	return graph{Title: title, Region: region, View: "timeSeries", Period: 60, Stat: "Sum", Metrics: metrics}
}

func area(title string, metrics ...[]any) graph {
	g := line(title, metrics...)
	g.Stacked = true
	return g
}

// own is one of besra's own metrics, function one of Lambda's about the alias, cached one of the cache.
func own(name string, d drawn) []any { return []any{"besra", name, "service", "${Name}", d} }

func function(name string, d drawn) []any {
	return []any{"AWS/Lambda", name, "FunctionName", "${Function}", "Resource", live, d}
}

func cached(name string, d drawn) []any {
	return []any{"AWS/ElastiCache", name, "clusterId", "${Cache}", d}
}

// graphs are what the dashboard shows below the state of alarms, from left to right and down.
func (o Options) graphs() []any {
	all := []any{
		line("Requests a minute", own("Requests", drawn{Label: "to besra"}), own("Replayed", drawn{Label: "answered before"})),
		line("Latency of scores in besra, ms", own("Latency", drawn{Stat: "p50", Label: "p50"}), own("Latency", drawn{Stat: "p99", Label: "p99"}), own("Latency", drawn{Stat: "p99.9", Label: "p99.9"})),
		line("What went wrong", own("Errors", drawn{Label: "5xx of besra"}), own("Degraded", drawn{Label: "degraded"}), own("Denied", drawn{Label: "denied"}), own("Shed", drawn{Label: "shed"}), function("Errors", drawn{Label: "errors of the function"})),
		area("Decisions a minute", own("Approve", drawn{Label: "approve"}), own("Review", drawn{Label: "review"}), own("Decline", drawn{Label: "decline"})),
		line("Declined by model", []any{drawn{Expression: `SEARCH('{besra,service,model} MetricName="Decline" service="${Name}"', 'Sum')`, ID: "models"}}),
		line("Latency of batches in besra, ms", own("BatchLatency", drawn{Stat: "p50", Label: "p50"}), own("BatchLatency", drawn{Stat: "p99", Label: "p99"})),
	}
	switch o.FrontDoor {
	case HTTPAPI:
		api := func(name string, d drawn) []any { return []any{"AWS/ApiGateway", name, "ApiId", "${HttpApi}", d} }
		all = append(all,
			line("API: requests a minute", api("Count", drawn{Label: "all"}), api("4xx", drawn{Label: "4xx"}), api("5xx", drawn{Label: "5xx"})),
			line("API: latency, ms", api("Latency", drawn{Stat: "p50", Label: "p50"}), api("Latency", drawn{Stat: "p99", Label: "p99"}), api("IntegrationLatency", drawn{Stat: "p99", Label: "p99 of Lambda"})))
	case RESTAPI:
		api := func(name string, d drawn) []any { return []any{"AWS/ApiGateway", name, "ApiName", "${Name}", d} }
		all = append(all,
			line("API: requests a minute", api("Count", drawn{Label: "all"}), api("4XXError", drawn{Label: "4xx"}), api("5XXError", drawn{Label: "5xx"})),
			line("API: latency, ms", api("Latency", drawn{Stat: "p50", Label: "p50"}), api("Latency", drawn{Stat: "p99", Label: "p99"}), api("IntegrationLatency", drawn{Stat: "p99", Label: "p99 of Lambda"})))
	case FunctionURL:
		all = append(all,
			line("URL: requests a minute", function("UrlRequestCount", drawn{Label: "all"}), function("Url4xxCount", drawn{Label: "4xx"}), function("Url5xxCount", drawn{Label: "5xx"})),
			line("URL: latency, ms", function("UrlRequestLatency", drawn{Stat: "Average", Label: "average"}), function("UrlRequestLatency", drawn{Stat: "Maximum", Label: "maximum"})))
	}
	all = append(all,
		line("Function: duration, ms", function("Duration", drawn{Stat: "p50", Label: "p50"}), function("Duration", drawn{Stat: "p99", Label: "p99"}), function("Duration", drawn{Stat: "Maximum", Label: "maximum"})),
		line("Function: environments in use", []any{"AWS/Lambda", "ConcurrentExecutions", "FunctionName", "${Function}", drawn{Stat: "Maximum", Label: "function"}}, []any{"AWS/Lambda", "ClaimedAccountConcurrency", drawn{Stat: "Maximum", Label: "claimed in the account"}}),
		line("Function: throttles and cold starts", []any{"AWS/Lambda", "Throttles", "FunctionName", "${Function}", drawn{Label: "throttles"}}, []any{"besra", "ColdStart", "service", "${Name}", "function_name", "${Function}", drawn{Label: "cold starts"}}))
	if o.Provisioned > 0 {
		all = append(all, line("Environments that are ready", function("ProvisionedConcurrentExecutions", drawn{Stat: "Maximum", Label: "in use"}), function("ProvisionedConcurrencySpilloverInvocations", drawn{Label: "requests that went past"})))
	}
	if o.Valkey == Serverless {
		all = append(all,
			line("Cache: ECPU a minute", cached("ElastiCacheProcessingUnits", drawn{Label: "spent"}), cached("ThrottledCmds", drawn{Label: "commands throttled"}), own("StoreErrors", drawn{Label: "calls that failed"})),
			line("Cache: bytes", cached("BytesUsedForCache", drawn{Stat: "Maximum", Label: "held"})),
			line("Cache: latency, µs", cached("SuccessfulReadRequestLatency", drawn{Stat: "p99", Label: "reads, p99"}), cached("SuccessfulWriteRequestLatency", drawn{Stat: "p99", Label: "writes, p99"})))
	}
	return append(all, logs{"Warnings and errors", region, "table", "SOURCE '${LogGroup}' | filter level in [\"WARN\", \"ERROR\"] | sort @timestamp desc | limit 50 | display @timestamp, level, message, error"})
}

// board lays the dashboard: one widget a line.
func (d *draft) board() {
	const width, height, columns = 8, 6, 24
	all := []widget{{Type: "alarm", Width: columns, Height: 2, Properties: alarms{"Alarms", d.alarms()}}}
	x, y := 0, 2
	for _, p := range d.o.graphs() {
		w := widget{Type: "metric", Width: width, Height: height, Properties: p}
		if _, ok := p.(logs); ok {
			w.Type, w.Width = "log", columns
		}
		if x+w.Width > columns {
			x, y = 0, y+height
		}
		w.X, w.Y = x, y
		all = append(all, w)
		x += w.Width
	}
	lines := []string{`{"start": "-PT6H", "widgets": [`}
	for i, w := range all {
		var b bytes.Buffer
		enc := json.NewEncoder(&b) // with sorted members
		enc.SetEscapeHTML(false)
		if err := enc.Encode(w); err != nil && d.err == nil {
			d.err = err
		}
		text := strings.TrimSpace(b.String())
		if i < len(all)-1 {
			text += ","
		}
		lines = append(lines, text)
	}
	d.lay("dashboard")
	at := d.t.at("Resources", "Dashboard", "Properties", "DashboardBody")
	if at == nil {
		return // lay has said why
	}
	at.text = append(lines, "]}")
}

// alarms are the ARNs of all alarms, the one that sums them up first.
func (d *draft) alarms() []string {
	all := []string{"${HealthAlarm.Arn}"}
	for _, e := range d.t.at("Resources").below {
		if kind := e.below.find("Type"); kind.head == "Type: AWS::CloudWatch::Alarm" {
			all = append(all, "${"+e.key()+".Arn}")
		}
	}
	return all
}
