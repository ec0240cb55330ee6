package app

import (
	"fmt"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/besra-ml/besra/internal/gateway"
	"github.com/besra-ml/besra/internal/memo"
	"github.com/besra-ml/besra/internal/score"
)

// openMemo makes what remembers rows, and what estimates whether that is worth it. A model that comes later may say
// that its rows may be remembered, so there is always one; it takes no memory before that.
func (a *App) openMemo() (err error) {
	if a.foreign {
		return nil // nothing is served
	}
	if a.memo, err = memo.New(memo.Options{Bytes: a.config.Memo.Bytes}); err != nil {
		return fmt.Errorf("memo.bytes: %w", err)
	}
	if a.config.Memo.Estimate {
		a.ghost = memo.NewGhost()
	}
	a.measureMemo(time.Now()) // its series are there from the start
	return nil
}

// far is where processes share margins that take long; nil: nowhere.
func (a *App) far() score.Far {
	if a.shared == nil || !a.config.Memo.Shared {
		return nil
	}
	return a.shared
}

// rates follow how many rows a second are scored, and how long one takes.
type rates struct {
	mu      sync.Mutex
	rows    map[string]uint64 // by model and version, when they were counted last
	counted time.Time
	rate    float64 // rows a second
	seconds float64 // of one
}

// rateGain of a new second's rate.
const rateGain = 0.1

// count brings the rates up to date.
func (r *rates) count(a *App, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows, since := map[string]uint64{}, now.Sub(r.counted).Seconds()
	var rate, busy float64
	for _, m := range a.models.Models() {
		n := m.Counters.Rows.Value()
		rows[m.String()] = n
		if before, ok := r.rows[m.String()]; ok && n >= before && since > 0 {
			perSecond := float64(n-before) / since
			rate += perSecond
			busy += perSecond * m.Pace.Single().Seconds()
		}
	}
	r.rows, r.counted = rows, now
	r.rate += (rate - r.rate) * rateGain
	if rate > 0 {
		r.seconds = busy / rate
	}
}

// measureMemo brings the memo's metrics up to date.
func (a *App) measureMemo(now time.Time) {
	a.rates.count(a, now)
	s := a.memoStatus()
	m := &a.metrics.Memo
	m.Hits.Set(float64(s.Hits))
	m.Misses.Set(float64(s.Misses))
	m.Collisions.Set(float64(s.Collisions))
	m.Bytes.Set(float64(s.Bytes))
	m.Entries.Set(float64(s.Entries))
	m.Evicted.Set(float64(s.Evicted))
	for _, e := range s.Estimates {
		ratio, saved := a.metrics.MemoEstimate(strconv.Itoa(e.Rows))
		ratio.Set(e.HitRatio)
		saved.Set(e.Cores)
	}
}

// memoStatus says what is remembered of rows, and what it is or would be worth.
func (a *App) memoStatus() gateway.MemoStatus {
	s := gateway.MemoStatus{Stats: a.memo.Stats()}
	for _, m := range a.models.Models() {
		if m.Memo {
			s.Models = append(s.Models, m.String())
		}
	}
	if a.ghost == nil {
		return s
	}
	a.rates.mu.Lock()
	rate, seconds := a.rates.rate, a.rates.seconds
	a.rates.mu.Unlock()
	for _, e := range a.ghost.Estimate() {
		saved := math.NaN()
		if seconds > 0 {
			saved = memo.Saved(e.HitRatio, rate, seconds)
		}
		s.Estimates = append(s.Estimates, gateway.MemoEstimate{Estimate: e, Cores: saved})
	}
	return s
}
