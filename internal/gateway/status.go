package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/strictjson"
)

// status answers GET /v1/status: what is served, what is remembered, and how well it does.
func (g *Gateway) status(w http.ResponseWriter, _ *http.Request) int {
	b := []byte(`{"ready":`)
	b = strconv.AppendBool(b, g.Ready() == nil)
	b = append(b, `,"models":[`...)
	for i, m := range g.Registry.Models() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendModel(b, m, false)
	}
	b = append(b, ']')
	b = appendState(b, g.History.Status())
	b = append(b, `,"performance":[`...)
	for i, p := range g.History.Outcomes.Performance() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendPerformance(b, &p)
	}
	return writeJSON(w, http.StatusOK, append(b, `]}`...))
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
