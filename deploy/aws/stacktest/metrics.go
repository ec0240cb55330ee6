package stacktest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// known are the metrics of AWS that are looked at, with the sets of dimensions that they have, as its documents list them.
func known(namespace, metric string) []string {
	alias := []string{"FunctionName", "FunctionName,Resource", "FunctionName,Resource,ExecutedVersion"}
	names := map[string]map[string][]string{
		"AWS/Lambda": {
			"Invocations": alias, "Errors": alias, "Throttles": alias, "Duration": alias, "ConcurrentExecutions": alias,
			"ProvisionedConcurrentExecutions": alias, "ProvisionedConcurrencySpilloverInvocations": alias, "ProvisionedConcurrencyUtilization": alias,
			"ProvisionedConcurrencyInvocations": alias, "ClaimedAccountConcurrency": {""},
			"UrlRequestCount": alias, "Url4xxCount": alias, "Url5xxCount": alias, "UrlRequestLatency": alias,
		},
		"AWS/ApiGateway": {
			"Count": {"ApiId", "ApiName"}, "Latency": {"ApiId", "ApiName"}, "IntegrationLatency": {"ApiId", "ApiName"},
			"4xx": {"ApiId"}, "5xx": {"ApiId"}, "4XXError": {"ApiName"}, "5XXError": {"ApiName"},
		},
		"AWS/ElastiCache": {
			"ElastiCacheProcessingUnits": {"clusterId"}, "BytesUsedForCache": {"clusterId"}, "ThrottledCmds": {"clusterId"},
			"SuccessfulReadRequestLatency": {"clusterId"}, "SuccessfulWriteRequestLatency": {"clusterId"},
		},
	}
	return names[namespace][metric]
}

// metric checks that somebody emits a metric with these dimensions, whose values are of this stack.
func (c *checker) metric(r Resource, namespace, name string, dimensions map[string]string, order []string) {
	sets := known(namespace, name)
	if namespace == "besra" {
		sets = c.facts.Metrics[name]
	}
	if sets == nil {
		c.wrong(r, "nobody emits %s of %s", name, namespace)
		return
	}
	if !slices.Contains(sets, strings.Join(order, ",")) {
		c.wrong(r, "%s of %s has no dimensions %s", name, namespace, strings.Join(order, ","))
	}
	for d, v := range dimensions {
		want := map[string]string{
			"FunctionName": "${Function}", "Resource": "${Function}:live", "service": "${Name}", "function_name": "${Function}",
			"ApiId": "${HttpApi}", "ApiName": "${Name}", "clusterId": "${Cache}",
		}[d]
		if v != want {
			c.wrong(r, "%s of %s: %s is %q, and not %q", name, namespace, d, v, want)
		}
	}
}

// dimensionsOf reads those of an alarm's metric.
func dimensionsOf(v any) (map[string]string, []string) {
	all, order := map[string]string{}, []string{}
	for _, d := range list(v) {
		name := Text(at(d, "Name"))
		all[name] = Text(at(d, "Value"))
		order = append(order, name)
	}
	return all, order
}

var word = regexp.MustCompile(`[a-z][a-zA-Z0-9_]*`)

func (c *checker) alarms() {
	told := map[string]bool{}
	for _, composite := range c.of("AWS::CloudWatch::CompositeAlarm") {
		for _, id := range c.rule(composite) {
			told[id] = true
		}
		c.told(composite)
	}
	for _, a := range c.of("AWS::CloudWatch::Alarm") {
		c.alarm(a)
		if a.At("AlarmActions") != nil {
			c.told(a)
		} else if !told[a.ID] {
			c.wrong(a, "nobody is told")
		}
	}
}

// told checks that the alarm is told by the topic.
func (c *checker) told(a Resource) {
	for _, to := range list(a.At("AlarmActions")) {
		if !c.refersTo(to, "AWS::SNS::Topic") {
			c.wrong(a, "%q is no topic of this template", Text(to))
		}
	}
	if len(list(a.At("AlarmActions"))) == 0 {
		c.wrong(a, "nobody is told")
	}
}

var alarmIn = regexp.MustCompile(`(?:ALARM|OK|INSUFFICIENT_DATA)\("([^"]*)"\)`)

// rule returns the alarms that a composite one is made of.
func (c *checker) rule(composite Resource) (ids []string) {
	text := Text(composite.At("AlarmRule"))
	for _, m := range alarmIn.FindAllStringSubmatch(text, -1) {
		i := slices.IndexFunc(c.Resources, func(r Resource) bool {
			return r.Type == "AWS::CloudWatch::Alarm" && (m[1] == "${"+r.ID+"}" || m[1] == Text(r.At("AlarmName")))
		})
		if i < 0 {
			c.wrong(composite, "AlarmRule: there is no alarm %q", m[1])
			continue
		}
		ids = append(ids, c.Resources[i].ID)
	}
	if rest := strings.Fields(strings.NewReplacer("OR", " ", "AND", " ", "NOT", " ", "(", " ", ")", " ").Replace(alarmIn.ReplaceAllString(text, ""))); len(rest) > 0 || len(ids) == 0 {
		c.wrong(composite, "AlarmRule: %q is no rule", text)
	}
	return ids
}

func (c *checker) alarm(a Resource) {
	c.want(a, "notBreaching", "TreatMissingData") // without traffic nothing is emitted
	if !strings.HasPrefix(Text(a.At("AlarmName")), "${Name}-") {
		c.wrong(a, "AlarmName %q is not within what the topic takes", Text(a.At("AlarmName")))
	}
	periods, _ := a.At("EvaluationPeriods").(float64)
	if n, ok := a.At("DatapointsToAlarm").(float64); ok && n > periods {
		c.wrong(a, "%v of %v points can never be", n, periods)
	}
	if n, ok := c.number(a.At("Threshold")); !ok || n < 0 {
		c.wrong(a, "Threshold is %s", Text(a.At("Threshold")))
	}
	if a.At("MetricName") != nil {
		d, order := dimensionsOf(a.At("Dimensions"))
		c.metric(a, Text(a.At("Namespace")), Text(a.At("MetricName")), d, order)
		return
	}
	ids, returned := map[string]bool{}, 0
	for _, m := range list(a.At("Metrics")) {
		ids[Text(at(m, "Id"))] = true
		if at(m, "ReturnData") != false {
			returned++
		}
	}
	if returned != 1 {
		c.wrong(a, "%d of its metrics are compared, and not one", returned)
	}
	for _, m := range list(a.At("Metrics")) {
		if of := at(m, "MetricStat", "Metric"); of != nil {
			d, order := dimensionsOf(at(of, "Dimensions"))
			c.metric(a, Text(at(of, "Namespace")), Text(at(of, "MetricName")), d, order)
			continue
		}
		for _, id := range word.FindAllString(reference.ReplaceAllString(Text(at(m, "Expression")), ""), -1) {
			if !ids[id] {
				c.wrong(a, "Expression: there is no %s", id)
			}
		}
	}
}

func (c *checker) dashboards() {
	for _, d := range c.of("AWS::CloudWatch::Dashboard") {
		text := Text(d.At("DashboardBody"))
		var body struct {
			Start   string
			Widgets []struct {
				Type                string
				X, Y, Width, Height int
				Properties          struct {
					Title, Region, View, Stat, Query string
					Period                           int
					Stacked                          bool
					Metrics                          [][]any
					Alarms                           []string
				}
			}
		}
		strict := json.NewDecoder(strings.NewReader(text))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&body); err != nil {
			c.wrong(d, "DashboardBody: %v", err)
			continue
		}
		taken := map[[2]int]bool{}
		for _, w := range body.Widgets {
			where := fmt.Sprintf("widget %q", w.Properties.Title)
			if w.X < 0 || w.Width < 1 || w.X+w.Width > 24 || w.Height < 1 {
				c.wrong(d, "%s stands outside of 24 columns", where)
			}
			for x := w.X; x < w.X+w.Width; x++ {
				for y := w.Y; y < w.Y+w.Height; y++ {
					if taken[[2]int{x, y}] {
						c.wrong(d, "%s stands on another", where)
						x = 24
						break
					}
					taken[[2]int{x, y}] = true
				}
			}
			switch w.Type {
			case "metric":
				if len(w.Properties.Metrics) == 0 || w.Properties.Region != "${AWS::Region}" {
					c.wrong(d, "%s shows nothing, or of another Region", where)
				}
				for _, m := range w.Properties.Metrics {
					c.shown(d, m)
				}
			case "alarm":
				for _, arn := range w.Properties.Alarms {
					if r, ok := c.resource(arn); !ok || !strings.Contains(r.Type, "Alarm") || arn != "${"+r.ID+".Arn}" {
						c.wrong(d, "%s: %s is no alarm", where, arn)
					}
				}
			case "log":
				if !strings.HasPrefix(w.Properties.Query, "SOURCE '${LogGroup}' | ") {
					c.wrong(d, "%s asks another log", where)
				}
			default:
				c.wrong(d, "%s: there is no type %q", where, w.Type)
			}
		}
	}
}

var search = regexp.MustCompile(`^SEARCH\('\{([^,}]+),([^}]+)\} MetricName="([^"]+)" service="\$\{Name\}"', '[A-Za-z0-9.]+'\)$`)

// shown checks a metric of a widget: namespace, name, dimensions, how it is drawn.
func (c *checker) shown(d Resource, m []any) {
	var words []string
	for i, v := range m {
		if w, ok := v.(string); ok {
			words = append(words, w)
			continue
		}
		if drawn, ok := v.(map[string]any); ok && i == len(m)-1 {
			if e, ok := drawn["expression"].(string); ok {
				s := search.FindStringSubmatch(e)
				if s == nil {
					c.wrong(d, "%q is no search", e)
				} else if !slices.Contains(c.facts.Metrics[s[3]], s[2]) || s[1] != "besra" {
					c.wrong(d, "nobody emits %s of %s by %s", s[3], s[1], s[2])
				}
				return
			}
		}
	}
	if len(words) < 2 || len(words)%2 != 0 {
		c.wrong(d, "%v is no metric", words)
		return
	}
	dimensions, order := map[string]string{}, []string{}
	for i := 2; i < len(words); i += 2 {
		dimensions[words[i]] = words[i+1]
		order = append(order, words[i])
	}
	c.metric(d, words[0], words[1], dimensions, order)
}
