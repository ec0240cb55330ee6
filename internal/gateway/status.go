package gateway

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/identity"
	"github.com/besra-ml/besra/internal/memo"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/rfc3339"
	"github.com/besra-ml/besra/internal/score"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/strictjson"
	"github.com/besra-ml/besra/internal/telemetry"
)

// status answers GET /v1/status: what is served, what is remembered, and how well it does.
func (g *Gateway) status(w http.ResponseWriter, _ *http.Request, v *visit) int {
	b := []byte(`{"ready":`)
	b = strconv.AppendBool(b, g.Ready() == nil)
	b = appendModels(append(b, ','), g.Registry.Set(), v.identity())
	b = appendState(b, g.History.Status())
	b = appendSLOs(b, &g.Metrics.SLOs)
	b = append(b, `,"performance":[`...)
	for _, p := range g.History.Outcomes.Performance() {
		if id := v.identity(); !id.Sees(p.Model) || id.Tenant != "" { // the figures are those of all tenants together
			continue
		}
		b = appendNext(b)
		b = appendPerformance(b, &p)
	}
	b = append(b, `],"shadow":[`...)
	if g.Shadow != nil {
		for _, s := range g.Shadow() {
			if !v.identity().Sees(s.Model) {
				continue
			}
			b = appendNext(b)
			b = appendShadow(b, &s)
		}
	}
	b = append(b, "],"...)
	b = appendDrift(b, g.Registry.Set(), v.identity())
	if g.Memo != nil {
		b = appendMemo(b, g.Memo(), v.identity())
	}
	return writeJSON(w, http.StatusOK, append(b, '}'))
}

func appendSLOs(b []byte, s *telemetry.SLOs) []byte {
	b = append(b, `,"slo":[`...)
	for _, slo := range s.All() {
		m := slo.Measurement()
		b = appendNext(b)
		o := object{b: append(b, '{'), first: true}
		o.text("name", slo.Name)
		o.number("objective", slo.Objective)
		if slo == &s.Latency {
			o.seconds("latency_seconds", s.Within)
		}
		o.int("good", int64(m.Good))
		o.int("bad", int64(m.Bad))
		o.number("budget_remaining", m.Budget)
		o.name("since")
		o.b = append(rfc3339.Append(append(o.b, '"'), m.Since.UnixMilli()), '"')
		o.name("burn")
		o.b = append(o.b, '[')
		for _, r := range m.Burns {
			o.b = appendNext(o.b)
			o.b, o.first = append(o.b, '{'), true
			o.text("window", r.Window)
			o.number("rate", r.Rate)
			o.close()
		}
		o.b = append(o.b, ']')
		o.close()
		b = o.b
	}
	return append(b, ']')
}

// A MemoStatus is what is remembered of rows, and what that is or would be worth.
type MemoStatus struct {
	memo.Stats
	Models    []string // whose rows are remembered, name@version
	Estimates []MemoEstimate
}

// A MemoEstimate is the worth of a memo of some size.
type MemoEstimate struct {
	memo.Estimate
	Cores float64 // of processors that it would save; negative: that it would cost; NaN: nobody knows yet
}

func appendMemo(b []byte, s MemoStatus, id *identity.Identity) []byte {
	o := object{b: b}
	o.open("memo")
	o.name("models")
	o.b = append(o.b, '[')
	for _, m := range s.Models {
		if name, _, _ := strings.Cut(m, "@"); !id.Sees(name) {
			continue
		}
		o.b = appendNext(o.b)
		o.b = strictjson.AppendString(o.b, m)
	}
	o.b = append(o.b, ']')
	o.int("hits", int64(s.Hits))
	o.int("misses", int64(s.Misses))
	o.int("collisions", int64(s.Collisions))
	o.int("entries", int64(s.Entries))
	o.int("bytes", s.Bytes)
	o.int("evicted", int64(s.Evicted))
	o.name("estimates")
	o.b = append(o.b, '[')
	for _, e := range s.Estimates {
		o.b = appendNext(o.b)
		o.b, o.first = append(o.b, '{'), true
		o.int("rows", int64(e.Rows))
		o.int("bytes", e.Bytes)
		o.number("hit_ratio", e.HitRatio)
		o.number("saved_cores", e.Cores)
		o.int("sampled", int64(e.Sampled))
		o.close()
	}
	o.b = append(o.b, ']')
	o.close()
	return o.b
}

// appendNext appends the comma before an element of an array, unless it is the first.
func appendNext(b []byte) []byte {
	if b[len(b)-1] == '[' {
		return b
	}
	return append(b, ',')
}

// An object appends the members of a JSON object.
type object struct {
	b     []byte
	first bool
}

func (o *object) name(name string) {
	if !o.first {
		o.b = append(o.b, ',')
	}
	o.first = false
	o.b = strictjson.AppendString(o.b, name)
	o.b = append(o.b, ':')
}

func (o *object) open(name string) {
	o.name(name)
	o.b, o.first = append(o.b, '{'), true
}

func (o *object) close() { o.b, o.first = append(o.b, '}'), false }

func (o *object) int(name string, v int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, v, 10)
}

func (o *object) number(name string, v float64) {
	o.name(name)
	o.b = strictjson.AppendNumber(o.b, v, 64)
}

func (o *object) bool(name string, v bool) {
	o.name(name)
	o.b = strconv.AppendBool(o.b, v)
}

func (o *object) text(name, v string) {
	o.name(name)
	o.b = strictjson.AppendString(o.b, v)
}

func (o *object) seconds(name string, d time.Duration) { o.number(name, d.Seconds()) }

func appendState(b []byte, s history.Status) []byte {
	o := object{b: b}
	if s.Shared != nil {
		appendShared(&o, s.Shared)
	}
	o.open("state")
	o.int("entities", s.Store.Entities)
	o.int("bytes", s.Store.Bytes)
	o.int("idle", int64(s.Store.Idle))
	o.int("shed", int64(s.Store.Shed))
	o.close()
	o.open("replay")
	o.int("answers", s.Store.Answers)
	o.int("bytes", s.Store.AnswerBytes)
	o.seconds("horizon_seconds", s.Store.Horizon)
	o.int("evicted_early", int64(s.Store.EarlyEvictions))
	o.close()
	o.open("labels")
	o.int("outcomes", s.Outcomes.Records)
	o.int("waiting", int64(s.Outcomes.Early))
	o.close()
	if s.Durable {
		o.open("journal")
		o.bool("up", !s.Journal.Failed)
		o.int("bytes", s.Journal.Bytes)
		o.int("position", int64(s.Journal.Last))
		o.int("snapshot_position", int64(s.Journal.SnapshotAt))
		if s.Journal.LastError != nil {
			o.text("last_error", s.Journal.LastError.Error())
		}
		o.close()
	}
	return o.b
}

func appendShared(o *object, s *store.SharedStatus) {
	o.open("store")
	o.text("address", s.Address)
	o.bool("up", s.Up)
	if s.Why != "" {
		o.text("why", s.Why)
	}
	o.name("since")
	o.b = append(rfc3339.Append(append(o.b, '"'), s.Since.UnixMilli()), '"')
	o.text("server", s.Server)
	o.bool("cluster", s.Cluster)
	o.text("eviction", s.Eviction)
	o.int("evicted_keys", s.Evicted)
	o.int("bytes", s.Used)
	o.int("max_bytes", s.Max)
	o.int("losses", int64(s.Losses))
	o.int("waiting", int64(s.Waiting))
	o.close()
}

func appendPerformance(b []byte, p *outcome.Performance) []byte {
	o := object{b: append(b, '{'), first: true}
	o.text("model", p.Model)
	o.int("version", int64(p.Version))
	o.text("age", p.Age.String())
	o.int("events", p.Events)
	o.int("labelled", p.Labelled)
	o.int("frauds", p.Frauds)
	o.int("flagged", p.Flagged)
	o.int("caught", p.Caught)
	o.int("missed", p.Missed)
	o.int("false_alarms", p.FalseAlarms)
	o.number("precision", p.Precision)
	o.number("recall", p.Recall)
	o.number("caught_loss", float64(p.CaughtLoss)/history.LossUnit)
	o.number("missed_loss", float64(p.MissedLoss)/history.LossUnit)
	o.close()
	return o.b
}

func appendShadow(b []byte, s *score.ShadowStatus) []byte {
	o := object{b: append(b, '{'), first: true}
	o.text("model", s.Model)
	if s.Champion >= 0 {
		o.int("champion", int64(s.Champion))
	}
	o.int("challenger", int64(s.Challenger))
	o.bool("challenger_ready", s.Ready)
	if s.Why != "" {
		o.text("why", s.Why)
	}
	o.number("sample", s.Sample)
	o.name("since")
	o.b = append(rfc3339.Append(append(o.b, '"'), s.Since.UnixMilli()), '"')
	o.int("compared", int64(s.Compared))
	o.int("dropped", int64(s.Dropped))
	o.int("failed", int64(s.Failed))
	o.number("agreement", s.Agreement)
	o.open("score_shift")
	o.number("mean", s.MeanShift)
	o.number("absolute", s.AbsoluteShift)
	o.number("largest", s.LargestShift)
	o.close()
	o.name("decisions")
	o.b = append(o.b, '[')
	for _, d := range s.Decisions {
		o.b = appendNext(o.b)
		o.b = appendDecisions(o.b, &d)
	}
	o.b = append(o.b, ']')
	o.close()
	return o.b
}

func appendDecisions(b []byte, d *score.DecisionPair) []byte {
	o := object{b: append(b, '{'), first: true}
	o.text("champion", cmp.Or(d.Champion.String(), "none"))
	o.text("challenger", cmp.Or(d.Challenger.String(), "none"))
	o.int("events", int64(d.Events))
	o.close()
	return o.b
}
