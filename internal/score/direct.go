package score

import (
	"context"
	"math"
)

// Direct returns the innermost scorer: rows become margins, values and decisions.
func Direct() Scorer { return direct{} }

type direct struct{}

func (direct) Score(_ context.Context, b *Batch) error {
	m := b.Model
	if err := m.Engine.Margin64(b.Margins, b.Rows); err != nil {
		return err
	}
	if err := m.Engine.Apply(b.Values, b.Margins); err != nil {
		return err
	}
	for i := range b.Events {
		if e := &b.Events[i]; e.Refused == nil {
			e.Result = judge(b, i)
		}
	}
	return nil
}

// judge picks the selected output of event i and decides.
func judge(b *Batch, i int) Result {
	m := b.Model
	values := b.EventValues(i)
	margins := b.Margins[i*m.Outputs : (i+1)*m.Outputs]
	r := Result{Score: values[m.Output], Margin: margins[min(m.Output, len(margins)-1)]}
	if m.Values == 1 && m.Outputs > 1 {
		r.Margin = margins[int(r.Score)] // the value is the class; its margin made it so
	}
	if math.IsNaN(r.Score) || math.IsInf(r.Score, 0) {
		r.Degraded = true
		return r
	}
	if m.Policy != nil {
		r.Decision = m.Policy.Decide(r.Score)
	}
	return r
}
