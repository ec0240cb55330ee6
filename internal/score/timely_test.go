package score

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/limit"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/telemetry"
)

// slow is a scorer that takes its time, and counts how often it is asked.
type slow struct {
	takes time.Duration
	asked int
}

func (s *slow) Score(context.Context, *Batch) error {
	s.asked++
	time.Sleep(s.takes)
	return nil
}

func timelyBatch(m *registry.Model, until time.Time, n int) *Batch {
	b := new(Batch)
	b.Reset(m, n)
	b.Deadline = until
	return b
}

func TestWhatCannotEndInTimeIsNotBegun(t *testing.T) {
	m := &registry.Model{Name: "fraud", Version: 1, Pace: new(limit.Estimate)}
	inner := &slow{takes: 20 * time.Millisecond}
	s := Timely(inner)
	ask := func(until time.Time) error {
		b := timelyBatch(m, until, 1)
		if err := s.Score(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		return b.Events[0].Refused
	}
	if err := ask(time.Time{}); err != nil || inner.asked != 1 {
		t.Errorf("without a deadline: %v", err)
	}
	if err := ask(time.Now().Add(time.Minute)); err != nil || inner.asked != 2 {
		t.Errorf("with time enough: %v", err)
	}
	if err := ask(time.Now().Add(10 * time.Millisecond)); !errors.Is(err, ErrLate) || inner.asked != 2 {
		t.Errorf("with less time than it takes: %v, asked %d times", err, inner.asked)
	}
	if err := ask(time.Now().Add(-time.Second)); !errors.Is(err, ErrLate) || inner.asked != 2 {
		t.Errorf("too late: %v, asked %d times", err, inner.asked)
	}
	inner.takes = 200 * time.Millisecond
	if err := ask(time.Now().Add(100 * time.Millisecond)); !errors.Is(err, ErrLate) || inner.asked != 3 {
		t.Errorf("slower than ever: %v, asked %d times", err, inner.asked)
	}
}

func TestWhatIsLateIsCountedAndMayBeDecidedByTheFallback(t *testing.T) {
	other := errors.New("something else")
	fails := scorerFunc(func(b *Batch) error {
		b.Events[0].Refused, b.Events[1].Refused, b.Events[2].Refused = ErrLate, context.DeadlineExceeded, other
		b.Events[3].Result.Score = 0.5
		return nil
	})
	for name, c := range map[string]struct {
		fallback bool
		policy   *policy.Policy
		decided  bool
	}{
		"to fail":                     {false, &policy.Policy{Version: "v", Fallback: policy.Review}, false},
		"to fall back":                {true, &policy.Policy{Version: "v", Fallback: policy.Review}, true},
		"without a fallback":          {true, &policy.Policy{Version: "v", Fallback: policy.None}, false},
		"without a policy":            {true, nil, false},
		"without a policy or setting": {false, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := &registry.Model{Name: "fraud", Version: 1}
			if c.policy != nil {
				m.SetPolicy(c.policy)
			}
			metrics := telemetry.New(telemetry.Options{})
			b := timelyBatch(m, time.Now(), 4)
			if err := Overdue(fails, c.fallback, metrics).Score(context.Background(), b); err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				e := &b.Events[i]
				if decided := e.Refused == nil && e.Result.Degraded && e.Result.Decision == policy.Review; decided != c.decided {
					t.Errorf("event %d: %+v", i, e)
				}
			}
			if !errors.Is(b.Events[2].Refused, other) || b.Events[3].Refused != nil || b.Events[3].Result.Degraded {
				t.Error("others are touched")
			}
			if n := metrics.Access.Shed.Deadline.Value(); n != 2 {
				t.Errorf("%d are counted", n)
			}
		})
	}
}
