package score

import (
	"context"
	"errors"
	"time"

	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/telemetry"
)

// ErrLate refuses an event that could not be scored before its deadline. Nothing of it is kept.
var ErrLate = errors.New("there was no time left to score the event")

// Timely returns a scorer that does not begin what cannot end before the batch's deadline, and drops what has not:
// ErrLate.
func Timely(s Scorer) Scorer { return timely{s} }

type timely struct{ Scorer }

func (s timely) Score(ctx context.Context, b *Batch) error {
	pace := b.Model.Pace
	if b.Deadline.IsZero() || pace == nil {
		return s.Scorer.Score(ctx, b)
	}
	n := len(b.Events)
	begun := time.Now()
	if begun.Add(pace.For(n)).After(b.Deadline) {
		refuse(b, ErrLate)
		return nil
	}
	if err := s.Scorer.Score(ctx, b); err != nil {
		return err
	}
	ended := time.Now()
	pace.Observe(n, ended.Sub(begun))
	if ended.After(b.Deadline) {
		refuse(b, ErrLate)
	}
	return nil
}

// refuse refuses what is not refused yet.
func refuse(b *Batch, err error) {
	for i := range b.Events {
		if e := &b.Events[i]; !e.Done && e.Refused == nil {
			e.Refused = err
		}
	}
}

// Overdue returns a scorer that counts the events whose deadline passed, wherever they waited, and with fallback has the
// policy's fallback decide them, where there is one.
func Overdue(s Scorer, fallback bool, m *telemetry.Metrics) Scorer {
	return &overdue{s, fallback, m.Access.Shed.Deadline}
}

type overdue struct {
	Scorer
	fallback bool
	shed     *telemetry.Counter
}

func (s *overdue) Score(ctx context.Context, b *Batch) error {
	if err := s.Scorer.Score(ctx, b); err != nil {
		return err
	}
	for i := range b.Events {
		e := &b.Events[i]
		if e.Refused == nil || !errors.Is(e.Refused, ErrLate) && !errors.Is(e.Refused, context.DeadlineExceeded) {
			continue
		}
		s.shed.Inc()
		if p := b.Model.Policy(); s.fallback && p != nil && p.Fallback != policy.None {
			e.Refused = nil
			Degrade(b, i)
		}
	}
	return nil
}
