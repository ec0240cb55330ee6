package history

import (
	"strconv"
	"time"

	"github.com/besra-ml/besra/internal/journal"
	"github.com/besra-ml/besra/internal/outcome"
	"github.com/besra-ml/besra/internal/store"
)

// Status is how much is remembered.
type Status struct {
	Store    store.Stats
	Shared   *store.SharedStatus // instead of Store; nil: there is none
	Outcomes outcome.Stats
	Durable  bool // there is a journal
	Journal  journal.Stats
}

// Status returns how much is remembered.
func (h *History) Status() Status {
	s := Status{Store: h.Store.Stats()}
	if h.Shared != nil {
		shared := h.Shared.Status()
		s.Shared = &shared
		s.Store.Horizon = h.TTL
	}
	if h.Outcomes != nil {
		s.Outcomes = h.Outcomes.Stats()
	}
	if h.Journal != nil {
		s.Durable, s.Journal = true, h.Journal.Stats()
	}
	return s
}

// Measure brings the gauges up to date. Of versions that are not served there are none.
func (h *History) Measure() {
	s, m := h.Status(), h.Metrics
	m.State.Entities.Set(float64(s.Store.Entities))
	m.State.Bytes.Set(float64(s.Store.Bytes))
	m.State.Idle.Set(float64(s.Store.Idle))
	m.State.Shed.Set(float64(s.Store.Shed))
	m.Replay.Answers.Set(float64(s.Store.Answers))
	m.Replay.Bytes.Set(float64(s.Store.AnswerBytes))
	m.Replay.TTL.Set(h.TTL.Seconds())
	m.Replay.Horizon.Set(s.Store.Horizon.Seconds())
	if s.Shared == nil {
		m.Store.Up.Set(1)
	} else {
		h.lost(s.Shared.Losses)
		if s.Shared.Up { // else later: that is no failure to count
			h.tellShared()
		}
	}
	m.Replay.Evicted.Set(float64(s.Store.EarlyEvictions))
	m.Labels.Waiting.Set(float64(s.Outcomes.Early))
	m.Labels.Outcomes.Set(float64(s.Outcomes.Records))
	m.Journal.Up.Set(1)
	if s.Journal.Failed {
		m.Journal.Up.Set(0)
	}
	m.Journal.Bytes.Set(float64(s.Journal.Bytes))
	if at := h.snapped.Load(); at > 0 {
		m.Journal.Snapshot.Set(h.Now().Sub(time.UnixMilli(at)).Seconds())
	}
	if h.Outcomes == nil {
		return
	}
	served := func(p *outcome.Performance) bool { return h.Served == nil || h.Served(p.Model, p.Version) }
	for _, p := range h.Outcomes.Performance() {
		if !served(&p) {
			continue
		}
		version := strconv.Itoa(p.Version)
		g := m.Performance(p.Model, version, p.Age.String())
		g.Precision.Set(p.Precision)
		g.Recall.Set(p.Recall)
		g.Labelled.Set(p.LabelledShare)
		g.Caught.Set(float64(p.CaughtLoss) / LossUnit)
		g.Missed.Set(float64(p.MissedLoss) / LossUnit)
		if !served(&p) {
			m.ForgetPerformance(p.Model, version) // it left meanwhile, and whoever dropped its figures may have done so before
		}
	}
}
