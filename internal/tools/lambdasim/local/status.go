package local

import (
	"time"

	"github.com/besra-ml/besra/internal/tools/lambdasim"
	"github.com/besra-ml/besra/internal/tools/scaling"
)

// What follows is what programs are told.
type (
	status struct {
		Function     string         `json:"function"`
		ARN          string         `json:"arn"`
		FrontDoor    string         `json:"front_door"`
		URL          string         `json:"url"`
		MemoryMB     int            `json:"memory_mb"`
		TimeoutMS    float64        `json:"timeout_ms"`
		InFlight     int            `json:"in_flight"`
		Claims       int            `json:"claims"` // against the concurrency
		Concurrency  int            `json:"concurrency"`
		Most         int            `json:"most_environments"`
		Started      map[string]int `json:"started"`   // requests, by warm, cold and provisioned
		Throttled    map[string]int `json:"throttled"` // requests, by Lambda's reason
		Environments []environment  `json:"environments"`
		Embedded     counted        `json:"embedded_metrics"`
		Spans        counted        `json:"spans"`
		LogLines     int            `json:"log_lines"`
		LogBytes     int64          `json:"log_bytes"`
	}
	environment struct {
		Number      int       `json:"number"`
		Provisioned bool      `json:"provisioned"`
		State       string    `json:"state"`
		Frozen      bool      `json:"frozen"`
		PID         int       `json:"pid"`
		Made        time.Time `json:"made"`
		InitMS      float64   `json:"init_ms"`
		IdleMS      float64   `json:"idle_ms"`
		Served      int       `json:"served"`
		MemoryMB    float64   `json:"memory_mb"` // at most so far
		Stream      string    `json:"log_stream"`
	}
	counted struct {
		Seen   int      `json:"seen"`
		Broken int      `json:"broken"`
		Why    []string `json:"why,omitempty"`
	}
	series struct {
		Namespace  string            `json:"namespace"`
		Name       string            `json:"name"`
		Unit       string            `json:"unit"`
		Dimensions map[string]string `json:"dimensions"`
		Count      float64           `json:"count"`
		Sum        float64           `json:"sum"`
		Min        float64           `json:"min"`
		Max        float64           `json:"max"`
		P50        float64           `json:"p50"`
		P99        float64           `json:"p99"`
	}
	line struct {
		Time   time.Time `json:"time"`
		Stream string    `json:"log_stream"`
		Text   string    `json:"text"`
	}
	span struct {
		Trace   string    `json:"trace_id"`
		ID      string    `json:"id"`
		Parent  string    `json:"parent_id,omitempty"`
		Name    string    `json:"name"`
		Start   time.Time `json:"start"`
		MS      float64   `json:"ms"`
		Sampled bool      `json:"sampled"`
		Form    string    `json:"form"`
	}
)

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (l *Local) status() status {
	f := l.function.Status()
	s := status{
		Function: f.Name, ARN: f.ARN, FrontDoor: string(l.options.Kind), URL: l.URL, MemoryMB: f.Memory, TimeoutMS: ms(f.Timeout),
		InFlight: f.InFlight, Claims: f.Claims, Concurrency: f.Limits.Allowed(), Most: f.Most,
		Started: map[string]int{}, Throttled: map[string]int{}, Environments: []environment{},
	}
	for _, k := range []scaling.Kind{scaling.Warm, scaling.Cold, scaling.Provisioned} {
		s.Started[k.String()] = f.Started[k]
	}
	for _, t := range scaling.Throttles() {
		s.Throttled[t.Reason()] += f.Throttled[t]
	}
	for _, e := range f.Environments {
		s.Environments = append(s.Environments, environment{
			e.Number, e.Provisioned, e.State, e.Frozen, e.PID, e.Made, ms(e.Init), ms(e.Idle), e.Served, float64(e.Memory>>10) / 1024, e.Stream,
		})
	}
	o := &l.options.Function
	s.Embedded.Seen, s.Embedded.Broken, s.Embedded.Why = o.Metrics.Embedded()
	s.Spans.Seen, s.Spans.Broken, s.Spans.Why = l.traces.Received()
	s.LogLines, s.LogBytes = o.Logs.Size()
	return s
}

func (l *Local) metrics() []series {
	all := []series{}
	for _, m := range l.options.Function.Metrics.All() {
		s := series{
			m.Namespace, m.Name, m.Unit, map[string]string{}, m.Count, m.Sum, m.Min, m.Max, m.Percentile(0.5), m.Percentile(0.99),
		}
		for _, d := range m.Dimensions {
			s.Dimensions[d.Name] = d.Value
		}
		all = append(all, s)
	}
	return all
}

func (l *Local) logs(n int) []line {
	all := []line{}
	for _, x := range l.options.Function.Logs.Tail(n) {
		all = append(all, line(x))
	}
	return all
}

func (l *Local) spans(n int) []span {
	all := []span{}
	for _, x := range l.traces.Spans(n) {
		all = append(all, spanOf(x))
	}
	return all
}

func spanOf(x lambdasim.Span) span {
	return span{x.Trace, x.ID, x.Parent, x.Name, x.Start, ms(x.End.Sub(x.Start)), x.Sampled, x.Form}
}
