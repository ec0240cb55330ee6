package telemetry

import (
	"math"
	"testing"
	"time"
)

// kept runs an SLO of 99.9 % for some time, with so many requests a second of which a share is bad. It is measured every
// five seconds.
func kept(slo *SLO, c *clock, d time.Duration, rate int, bad float64) {
	const step = 5
	owed := 0.0
	for end := c.at.Add(d); c.at.Before(end); c.at = c.at.Add(step * time.Second) {
		owed += step * float64(rate) * bad
		wrong := uint64(owed)
		owed -= float64(wrong)
		slo.bad.Add(wrong)
		slo.good.Add(step*uint64(rate) - wrong)
		slo.Measure(c.at)
	}
}

func burns(m Measurement) map[string]float64 {
	all := map[string]float64{}
	for _, b := range m.Burns {
		all[b.Window] = b.Rate
	}
	return all
}

func TestSLO(t *testing.T) {
	near := func(got, want float64) bool { return math.Abs(got-want) <= 0.03*math.Abs(want)+1e-9 }

	t.Run("all of the budget is left when nothing was bad", func(t *testing.T) {
		m, c := New(Options{}), &clock{time.Unix(1_700_000_000, 0)}
		slo := &m.SLOs.Availability
		slo.Measure(c.at)
		if got := slo.Measurement(); got.Budget != 1 {
			t.Errorf("%+v before the first request", got)
		}
		kept(slo, c, time.Hour, 10, 0)
		for window, rate := range burns(slo.Measurement()) {
			if rate != 0 {
				t.Errorf("%s burns at %v", window, rate)
			}
		}
	})

	t.Run("each window sees its own time", func(t *testing.T) {
		m, c := New(Options{}), &clock{time.Unix(1_700_000_000, 0)}
		slo := &m.SLOs.Availability
		kept(slo, c, 6*time.Hour, 100, 0)
		kept(slo, c, 30*time.Minute, 100, 0.01)
		got := burns(slo.Measurement())
		for window, want := range map[string]float64{"5m": 10, "30m": 10, "1h": 5, "6h": 10. / 12, "3d": 10. / 13} {
			if !near(got[window], want) {
				t.Errorf("%s burns at %v, want %v", window, got[window], want)
			}
		}
		kept(slo, c, 31*time.Minute, 100, 0)
		if got := burns(slo.Measurement()); got["5m"] != 0 || got["30m"] != 0 || got["1h"] < 4 {
			t.Errorf("after it was over: %v", got)
		}
	})

	t.Run("a budget that is overspent is less than nothing, and comes back", func(t *testing.T) {
		m, c := New(Options{}), &clock{time.Unix(1_700_000_000, 0)}
		slo := &m.SLOs.Availability
		kept(slo, c, time.Hour, 10, 0.002)
		if got := slo.Measurement().Budget; !near(got, -1) {
			t.Errorf("%v is left, want -1", got)
		}
		kept(slo, c, BudgetPeriod+time.Hour, 1, 0)
		if got := slo.Measurement().Budget; got != 1 {
			t.Errorf("%v is left a month later", got)
		}
	})

	t.Run("routes count for what they promise", func(t *testing.T) {
		m := New(Options{})
		m.Promise(SLOOptions{Availability: 0.99, Latency: 10 * time.Millisecond, LatencyShare: 0.9})
		quick, available, none := m.Route("/quick", PromiseQuick), m.Route("/available", PromiseAvailable), m.Route("/none", NoPromise)
		for _, r := range []*Route{quick, available, none} {
			r.Answered(200, 0, 10*time.Millisecond)
			r.Answered(200, 0, 11*time.Millisecond)
			r.Answered(422, 0, time.Second)
			r.Answered(503, 0, 0)
			r.Answered(200, 3, time.Second)
		}
		got := [4]uint64{m.SLOs.Availability.good.Value(), m.SLOs.Availability.bad.Value(), m.SLOs.Latency.good.Value(), m.SLOs.Latency.bad.Value()}
		if got != [4]uint64{6, 4, 1, 2} {
			t.Error(got)
		}
	})
}
