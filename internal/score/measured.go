package score

import (
	"context"
	"time"

	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Measured returns a scorer that times s and counts what it says: a repeated answer and a dry run are nobody's
// business, and are timed alone.
func Measured(s Scorer) Scorer { return measured{s} }

type measured struct{ Scorer }

func (s measured) Score(ctx context.Context, b *Batch) error {
	err := s.Scorer.Score(ctx, b)
	b.Took = time.Since(b.Begun)
	if err != nil {
		return err
	}
	rows := uint64(0)
	for i := range b.Events {
		if e := &b.Events[i]; e.Refused == nil && !e.Replayed && !e.DryRun {
			rows++
			count(b, i)
		}
	}
	b.Model.Counters.Rows.Add(rows)
	return nil
}

// count records what event i was and how it was judged.
func count(b *Batch, i int) {
	c, e := b.Model.Counters, &b.Events[i]
	for f, x := range b.Row(i) {
		if x != x {
			c.Missing[f].Inc()
		}
	}
	for _, h := range b.Model.Coded {
		if b.Row(i)[h.Column] == h.Absent {
			c.Missing[h.Column].Inc()
		}
	}
	for _, w := range e.Warnings {
		if w.What == OutOfBounds && w.Feature >= 0 {
			c.OutOfBounds[w.Feature].Inc()
		}
	}
	if e.Result.Degraded {
		c.Degraded.Inc() // its row may lack what could not be had
	} else {
		c.Score.Observe(e.Result.Score)
		if d := b.Model.Drift; d != nil && !telemetry.Muted {
			d.Count(b.Row(i), e.Result.Score)
		}
	}
	switch e.Result.Decision {
	case policy.Approve:
		c.Approve.Inc()
	case policy.Review:
		c.Review.Inc()
	case policy.Decline:
		c.Decline.Inc()
	case policy.None:
	}
}
