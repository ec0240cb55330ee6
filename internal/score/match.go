package score

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A match is a live version and its challenger. Another match begins when either changes.
type match struct {
	champion, challenger *registry.Model // nil: not served
	stage                stage
	counts               telemetry.Shadow
	log                  *slog.Logger
	*tally

	noEvents string // why events cannot be compared; "": they can
	noRows   string // the same of rows that are given
	columns  []int  // of rows: where the challenger's columns are among the champion's
	limit    float64
	bits     int // of the challenger's rows

	told   atomic.Pointer[string] // why some events are not compared
	failed atomic.Bool            // the log has been told why the challenger cannot score an event
}

// A tally is how a live version and its challenger compare.
type tally struct {
	since    time.Time
	dropped  atomic.Uint64
	failures atomic.Uint64

	mu        sync.Mutex // of all that follows
	compared  uint64
	shift     float64 // sum of challenger's score less champion's
	absolute  float64 // the same without signs
	largest   float64
	decisions [decisions][decisions]uint64 // champion's, challenger's
}

// decisions is how many there are, with none.
const decisions = int(policy.Decline) + 1

func newMatch(champion, challenger *registry.Model, counts telemetry.Shadow, log *slog.Logger) *match {
	x := &match{champion: champion, challenger: challenger, stage: ready, counts: counts, log: log}
	x.tally = &tally{since: time.Now()}
	switch {
	case champion == nil || challenger == nil:
		x.stage = absent
	case champion == challenger:
		x.stage = alone
	default:
		x.prepare()
	}
	return x
}

// prepare finds out what can be compared.
func (x *match) prepare() {
	switch {
	case x.challenger.Output < 0:
		x.noEvents = "none of the challenger's outputs is selected as its score"
	case x.width() > queueValues:
		x.noEvents = fmt.Sprintf("the challenger has more than %d features", queueValues)
	}
	if x.noEvents != "" {
		x.noRows = x.noEvents
		return
	}
	switch {
	case x.challenger.Program == nil:
		x.noEvents = "the challenger takes no events"
	case x.challenger.Plan != x.champion.Plan:
		x.noEvents = "the challenger's events are read by another plan"
	}
	x.noRows = x.align()
	x.bits, _ = x.challenger.Engine.Bits()
	x.limit = math.Inf(1)
	if x.bits == 32 {
		x.limit = float32Limit
	}
}

// float32Limit is the least float64 that rounds to an infinite float32.
const float32Limit = 0x1.ffffffp127

// align finds the challenger's columns among the champion's, or says why rows cannot be compared.
func (x *match) align() string {
	a, b := x.champion, x.challenger
	if a.Missing == a.Missing && a.Missing != b.Missing {
		return fmt.Sprintf("the live version takes %v for missing, and the challenger does not", a.Missing)
	}
	for _, c := range b.Columns {
		k := slices.IndexFunc(a.Columns, func(o besra.Column) bool { return o.Name == c.Name })
		switch {
		case k < 0:
			return fmt.Sprintf("the challenger has the feature %q, and the live version does not", c.Name)
		case (c.Type == besra.String) != (a.Columns[k].Type == besra.String):
			return fmt.Sprintf("the feature %q has names in one version and numbers in the other", c.Name)
		case !slices.Equal(c.Dictionary(), a.Columns[k].Dictionary()), c.Hashed() != a.Columns[k].Hashed(),
			c.Hashed() && a.Engine.Format() != b.Engine.Format():
			return fmt.Sprintf("the names of the feature %q have other codes", c.Name)
		}
		x.columns = append(x.columns, k)
	}
	return ""
}

// width is how many values a row of the challenger has.
func (x *match) width() int { return len(x.challenger.Columns) }

// project makes the challenger's row of the champion's; false: a number is too large for the challenger.
func (x *match) project(dst, row []float64) bool {
	missing := x.challenger.Missing
	for i, k := range x.columns {
		v := row[k]
		switch {
		case x.challenger.Columns[i].Type == besra.String: // a code
		case v == missing || x.bits == 32 && float32(v) == float32(missing):
			v = math.NaN()
		case v >= x.limit || v <= -x.limit:
			return false
		}
		dst[i] = v
	}
	return true
}

func (x *match) drop() {
	x.dropped.Add(1)
	x.counts.Dropped.Inc()
}

// incomparable drops an event that cannot be compared, and tells why, once.
func (x *match) incomparable(why string) {
	x.drop()
	if before := x.told.Load(); before == nil && x.told.CompareAndSwap(nil, &why) {
		x.log.Warn("some events cannot be compared with a challenger", "model", x.champion.Name,
			"version", x.champion.Version, "challenger", x.challenger.Version, "why", why)
	}
}

// fail counts n events that the challenger could not score, and tells why, once.
func (x *match) fail(n int, why string) {
	if x.failed.CompareAndSwap(false, true) {
		x.log.Warn("a challenger cannot score an event", "model", x.champion.Name,
			"version", x.champion.Version, "challenger", x.challenger.Version, "why", why)
	}
	x.failures.Add(uint64(n))
	x.counts.Failed.Add(uint64(n))
}

// A worker has challengers score, and compares.
type worker struct {
	jobs            []job // all of one match
	rows            []float64
	margins, values []float64 // memory
	judged          int       // jobs
}

// compare has the challenger score the jobs, and counts how it does. It does not panic.
func (w *worker) compare() {
	x := w.jobs[0].match
	w.judged = 0
	defer func() {
		if r := recover(); r != nil {
			x.fail(len(w.jobs)-w.judged, telemetry.Panic(r).Error())
		}
	}()
	c, n := x.challenger, len(w.jobs)
	w.margins, w.values = grown(w.margins, n*c.Outputs), grown(w.values, n*c.Values)
	err := c.Margins(w.margins, w.rows)
	if err == nil {
		err = c.Apply(w.values, w.margins)
	}
	if err != nil {
		x.fail(n, err.Error())
		return
	}
	for i := range w.jobs {
		row := w.rows[i*x.width() : (i+1)*x.width()]
		r := selected(c, w.margins[i*c.Outputs:(i+1)*c.Outputs], w.values[i*c.Values:(i+1)*c.Values])
		refused := refuses(c, row)
		w.judged++
		switch {
		case refused:
			x.fail(1, "a feature is not within the bounds of its bundle")
		case r.Degraded:
			x.fail(1, "the score is not a number")
		default:
			x.judge(&w.jobs[i], r.Score)
		}
	}
}

// refuses reports whether the model's bundle has a row refused.
func refuses(m *registry.Model, row []float64) bool {
	for i := range m.Bounds {
		b := &m.Bounds[i]
		switch v := row[b.Column]; {
		case b.Missing(v):
			if b.Needed {
				return true
			}
		case v < b.Min || v > b.Max:
			if m.Features[b.Column].RefuseOutOfBounds {
				return true
			}
		}
	}
	return false
}

// judge compares what was said of an event with the challenger's score.
func (x *match) judge(j *job, score float64) {
	shift := score - j.score
	decision := policy.None
	if j.policy != nil {
		decision = j.policy.Decide(score)
	}
	x.mu.Lock()
	x.compared++
	x.shift += shift
	x.absolute += math.Abs(shift)
	x.largest = max(x.largest, math.Abs(shift))
	if !j.listed {
		x.decisions[j.decision][decision]++
	}
	x.mu.Unlock()
	x.counts.Compared.Inc()
	x.counts.Shift.Observe(shift)
	if !j.listed && decision != j.decision {
		x.counts.Changed.Inc()
	}
}

// A ShadowStatus is how a challenger compares with the live version of its model.
type ShadowStatus struct {
	Model      string
	Champion   int // the live version; -1: there is none
	Challenger int
	Ready      bool    // the challenger is served
	Why        string  // nothing is compared, or some events are not; "": all is well
	Sample     float64 // share of events

	Since                     time.Time // when the two versions met
	Compared, Dropped, Failed uint64    // events
	Agreement                 float64   // share of the same decisions; NaN: nothing was decided

	// The challenger's score less the champion's; NaN: nothing was compared.
	MeanShift, AbsoluteShift, LargestShift float64

	Decisions []DecisionPair // those that there were
}

// A DecisionPair is how many events two versions decided so.
type DecisionPair struct {
	Champion, Challenger policy.Decision
	Events               uint64
}

// status fills in what st does not have yet.
func (x *match) status(st *ShadowStatus) {
	st.Champion, st.Ready = -1, x.challenger != nil
	if x.champion != nil {
		st.Champion = x.champion.Version
	}
	switch why := x.told.Load(); {
	case x.stage == alone:
		st.Why = "the challenger is the live version"
	case x.stage == absent && st.Ready:
		st.Why = "no version is live"
	case x.stage == absent:
		st.Why = "the challenger is not served"
	case why != nil:
		st.Why = *why
	}
	x.tally.status(st)
}

func (t *tally) status(st *ShadowStatus) {
	st.Since, st.Dropped, st.Failed = t.since, t.dropped.Load(), t.failures.Load()
	t.mu.Lock()
	defer t.mu.Unlock()
	n := float64(t.compared)
	st.Compared = t.compared
	st.MeanShift, st.AbsoluteShift, st.LargestShift = t.shift/n, t.absolute/n, t.largest
	if t.compared == 0 {
		st.LargestShift = math.NaN()
	}
	var same, all uint64
	for a, of := range t.decisions {
		for b, events := range of {
			if events == 0 {
				continue
			}
			st.Decisions = append(st.Decisions, DecisionPair{policy.Decision(a), policy.Decision(b), events})
			if a == int(policy.None) && b == a {
				continue // nobody decided
			}
			all += events
			if a == b {
				same += events
			}
		}
	}
	st.Agreement = float64(same) / float64(all)
}
