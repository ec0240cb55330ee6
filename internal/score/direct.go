package score

import (
	"context"
	"math"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/memo"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Direct returns the innermost scorer: rows become margins, values and decisions.
func Direct() Scorer { return direct{} }

// Remembering is Direct that remembers the margins of rows, of models that say that they may be, and estimates what
// that is worth for all. Margins that take long are shared with other processes, far. Each may be nil; without m, far is
// not asked.
func Remembering(m *memo.Memo, g *memo.Ghost, far Far) Scorer { return direct{m, g, far} }

type direct struct {
	memo  *memo.Memo
	ghost *memo.Ghost
	far   Far
}

func (s direct) Score(ctx context.Context, b *Batch) error {
	m := b.Model
	at := b.Times.Now()
	if err := s.margins(ctx, b); err != nil {
		return err
	}
	at = b.Times.Spent(telemetry.StageScore, at)
	if err := m.Apply(b.Values, b.Margins); err != nil {
		return err
	}
	for i := range b.Events {
		if e := &b.Events[i]; e.Refused == nil && !e.Done {
			e.Result, e.Version = judge(b, i), m.Version
		}
	}
	b.Times.Spent(telemetry.StageDecide, at)
	return nil
}

// judge picks the selected output of event i and decides.
func judge(b *Batch, i int) Result {
	m := b.Model
	r := selected(m, b.Margins[i*m.Outputs:(i+1)*m.Outputs], b.EventValues(i))
	decide(b, i, &r)
	return r
}

// selected returns the selected output of one row's margins and values, not yet decided.
func selected(m *registry.Model, margins, values []float64) Result {
	r := Result{Score: values[m.Output], Margin: margins[min(m.Output, len(margins)-1)]}
	switch {
	case m.NoMargin:
		r.Margin = math.NaN()
	case m.Values == 1 && m.Outputs > 1:
		r.Margin = margins[int(r.Score)] // the value is the class; its margin made it so
	}
	r.Degraded = math.IsNaN(r.Score) || math.IsInf(r.Score, 0)
	return r
}

// Degrade gives event i the answer of one whose score cannot be had: the fallback's decision, if there is one.
func Degrade(b *Batch, i int) {
	e := &b.Events[i]
	e.Result = Result{Score: math.NaN(), Margin: math.NaN(), Degraded: true}
	e.Version = b.Model.Version
	decide(b, i, &e.Result)
}

// decide lets the policy decide: its lists first, then the cutoffs or, without a score, the fallback.
func decide(b *Batch, i int, r *Result) {
	p := b.Model.Policy()
	if p == nil {
		return
	}
	if list := listed(b, i, p); list != nil {
		r.Decision, r.Policy, r.List = list.Decision, p, list
		return
	}
	r.Decision = p.Decide(r.Score)
	if r.Decision != policy.None {
		r.Policy = p
	}
}

// listed returns the first list that has one of the event's entities.
func listed(b *Batch, i int, p *policy.Policy) *policy.List {
	if !b.Events[i].Raw {
		return nil
	}
	for _, list := range p.Lists {
		if !b.Model.HasEntity(list.Entity) {
			continue
		}
		if h := b.Inputs[i].Hashes[b.Model.Plan.Field(list.Entity)]; h != (feature.Hash{}) && list.Has(h) {
			return list
		}
	}
	return nil
}
