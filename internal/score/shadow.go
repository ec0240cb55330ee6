package score

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/telemetry"
)

// ShadowOptions is what a Shadow is made of. All fields are needed but those that say otherwise.
type ShadowOptions struct {
	Challengers map[string]int // versions, by the name of the model

	// Served returns a model's live version and the one that is asked for, nil where it is not served.
	Served func(name string, version int) (live, asked *registry.Model)

	Sample     float64        // share of events that challengers score, too, 0 to 1
	Queue      int            // most events that wait for a challenger; 0: 1,024
	Overloaded func() bool    // true: there is no time for challengers; nil: there always is
	Rand       func() float64 // within [0, 1), for many goroutines; nil: math/rand/v2
	Metrics    *telemetry.Metrics
	Log        *slog.Logger
}

// A Shadow has challengers score a sample of what live versions score, and keeps how the two compare.
//
// It takes part in a request by the row of an event that is picked, and no more: rows wait in a queue that is
// bounded, for one worker, and where there is no room or no time they are dropped. What a challenger says is
// counted and forgotten: it enters no history, journal, replay or outcome. A nil Shadow does nothing.
type Shadow struct {
	ShadowOptions
	contests map[string]*contest // by the name of the model
	queue    queue
	stale    chan struct{} // another version is live than was at the last look
}

// A contest is what the settings ask for: a challenger of one model.
type contest struct {
	model   string
	version int
	counts  telemetry.Shadow

	now  atomic.Pointer[match] // nil: nobody has looked yet
	mu   sync.Mutex            // one match begins at a time
	told stage                 // what the log has last been told
}

// A stage is how far a contest is.
type stage uint8

const (
	unseen stage = iota
	absent       // the challenger is not served, or no version is live
	alone        // the challenger is the live version
	ready
)

// NewShadow returns a shadow, nil without challengers. Nothing is compared before Run.
func NewShadow(o ShadowOptions) *Shadow {
	if len(o.Challengers) == 0 {
		return nil
	}
	if o.Queue == 0 {
		o.Queue = 1024
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.Overloaded == nil {
		o.Overloaded = func() bool { return false }
	}
	s := &Shadow{ShadowOptions: o, contests: map[string]*contest{}, queue: newQueue(o.Queue), stale: make(chan struct{}, 1)}
	for name, version := range o.Challengers {
		s.contests[name] = &contest{model: name, version: version, counts: o.Metrics.Shadow(name, strconv.Itoa(version))}
	}
	return s
}

// event notes event i for the challenger, if it is picked. It has been scored and is not yet in the histories,
// which t holds.
func (s *Shadow) event(b *Batch, i int, t *history.Turn) {
	x := s.pick(b.Model)
	if x == nil {
		return
	}
	in, program := &b.Inputs[i], x.challenger.Program
	switch {
	case x.noEvents != "":
		x.incomparable(x.noEvents)
	case program.Missing(in) >= 0:
		x.fail(1, "it needs a field that the event does not have")
	default:
		s.note(b, i, x, func(row []float64) bool {
			program.Row(row, in, t.States, &t.Work)
			return true
		})
	}
}

// row notes event i, whose row is given, for the challenger, if it is picked.
func (s *Shadow) row(b *Batch, i int) {
	x := s.pick(b.Model)
	switch {
	case x == nil:
	case x.noRows != "":
		x.incomparable(x.noRows)
	default:
		s.note(b, i, x, func(row []float64) bool { return x.project(row, b.Row(i)) })
	}
}

// pick leaves it to chance whether an event of model m is to be compared: nil when it is not.
func (s *Shadow) pick(m *registry.Model) *match {
	if s == nil || s.Rand() >= s.Sample {
		return nil
	}
	c := s.contests[m.Name]
	if c == nil || s.queue.closed.Load() {
		return nil
	}
	x := c.now.Load()
	switch {
	case x == nil, x.champion != m:
		if m.Live { // others than the live version are nobody's champion
			c.counts.Dropped.Inc()
			s.lookSoon()
		}
		return nil
	case x.stage != ready:
		return nil
	}
	if s.Overloaded() || !s.queue.hasRoom() {
		x.drop()
		return nil
	}
	return x
}

// lookSoon has Run look at what is served: a match begins there, not while a request waits.
func (s *Shadow) lookSoon() {
	select {
	case s.stale <- struct{}{}:
	default:
	}
}

// note keeps event i, with the row that fill makes of it, until the batch is done. Whatever becomes of the
// challenger's row, the champion's answer is not touched.
func (s *Shadow) note(b *Batch, i int, x *match, fill func(row []float64) bool) {
	kept := &b.work.samples
	p := x.challenger.Policy() // of now, as the champion's: it may change before the challenger's score is there
	row := kept.add(sample{event: i, match: x, policy: p, listed: isListed(b, i, p)}, s.Queue)
	if row == nil {
		x.drop()
		return
	}
	filled := false
	defer func() {
		if r := recover(); r != nil {
			x.fail(1, telemetry.Panic(r).Error())
		}
		if !filled {
			kept.pop()
		}
	}()
	if filled = fill(row); !filled {
		x.fail(1, "the row has a number that is too large for it")
	}
}

// isListed reports whether a list decides event i, by the policy of the version that answered or by p, the
// challenger's.
func isListed(b *Batch, i int, p *policy.Policy) bool {
	if b.Events[i].Result.List != nil {
		return true
	}
	return p != nil && p != b.Events[i].Result.Policy && listed(b, i, p) != nil
}

// offer hands the events that were noted to the worker, but for those that were refused after all.
func (s *Shadow) offer(b *Batch) {
	if s == nil {
		return
	}
	kept := &b.work.samples
	for _, n := range kept.of {
		e := &b.Events[n.event]
		if e.Refused != nil {
			continue
		}
		j := job{match: n.match, score: e.Result.Score, decision: e.Result.Decision, policy: n.policy, listed: n.listed}
		if !s.queue.put(j, kept.row(n)) {
			n.match.drop()
		}
	}
	kept.reset()
}

// samples are the events of a batch that were picked, and the challengers' rows of them.
type samples struct {
	of   []sample
	rows []float64
}

type sample struct {
	event  int
	match  *match
	policy *policy.Policy // the challenger's; nil: it does not decide
	listed bool
	at     int // in rows
}

// add adds a sample and returns its row, which is still to be filled; nil when there are most already.
func (s *samples) add(n sample, most int) []float64 {
	n.at = len(s.rows)
	end := n.at + n.match.width()
	if len(s.of) == most || end > queueValues {
		return nil
	}
	s.of, s.rows = append(s.of, n), grown(s.rows, end)
	return s.rows[n.at:end]
}

// pop takes the last sample back.
func (s *samples) pop() {
	last := len(s.of) - 1
	s.rows, s.of[last] = s.rows[:s.of[last].at], sample{}
	s.of = s.of[:last]
}

func (s *samples) row(n sample) []float64 { return s.rows[n.at : n.at+n.match.width()] }

// reset forgets all samples, and lets go of the models they are for.
func (s *samples) reset() {
	clear(s.of)
	s.of, s.rows = s.of[:0], s.rows[:0]
}

const (
	lookEvery = time.Second          // from one look at which versions are served to the next
	gather    = 5 * time.Millisecond // that the worker lets events wait, so that waking it is not a request's work each time
	together  = 64                   // events that a challenger scores at once
)

// Run has the challengers score what was picked, until ctx ends. What waits then is dropped.
func (s *Shadow) Run(ctx context.Context) {
	defer s.stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var w worker
	s.look()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			s.look()
			continue
		case <-s.stale:
			s.look()
			continue
		case <-s.queue.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(gather):
		case <-s.queue.wake: // there are many
		}
		for ctx.Err() == nil && s.step(&w) {
		}
	}
}

// step has a challenger score the first events that wait; false: none does.
func (s *Shadow) step(w *worker) bool {
	w.jobs, w.rows = s.queue.take(w.jobs[:0], together)
	n := len(w.jobs)
	if n == 0 {
		return false
	}
	w.compare()
	clear(w.jobs)
	s.queue.release(n)
	return true
}

// stop lets go of all models.
func (s *Shadow) stop() {
	s.queue.close()
	for _, c := range s.contests {
		c.now.Store(nil)
	}
}

// look finds out which versions are served, so that those that have gone are let go of and the log hears of it.
func (s *Shadow) look() {
	for _, c := range s.contests {
		s.current(c)
	}
}

// current returns the match between the versions that are served now.
func (s *Shadow) current(c *contest) *match {
	live, asked := s.Served(c.model, c.version)
	if x := c.now.Load(); x != nil && x.champion == live && x.challenger == asked {
		return x
	}
	return s.begin(c)
}

// begin begins a match between the versions that are served now.
func (s *Shadow) begin(c *contest) *match {
	c.mu.Lock()
	defer c.mu.Unlock()
	live, asked := s.Served(c.model, c.version)
	before := c.now.Load()
	if before != nil && before.champion == live && before.challenger == asked {
		return before
	}
	x := newMatch(live, asked, c.counts, s.Log)
	if before != nil && isSame(before.champion, live) && isSame(before.challenger, asked) {
		x.tally = before.tally // the same versions, made ready anew
	}
	c.now.Store(x)
	if x.stage != c.told {
		c.told = x.stage
		s.tell(c, x)
	}
	return x
}

func (s *Shadow) tell(c *contest, x *match) {
	log := s.Log.With("model", c.model, "challenger", c.version)
	switch x.stage {
	case absent:
		log.Warn("the challenger is not served; it is compared as soon as it is")
	case alone:
		log.Info("the challenger is the live version; there is nothing to compare")
	case ready:
		log.Info("the challenger scores beside the live version", "version", x.champion.Version, "sample", s.Sample)
	case unseen:
	}
}

// isSame reports whether a and b are the same version of a model, by its content.
func isSame(a, b *registry.Model) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Version == b.Version && a.Digest == b.Digest
}

// Status returns how the challengers do, by the name of the model.
func (s *Shadow) Status() []ShadowStatus {
	if s == nil {
		return nil
	}
	var all []ShadowStatus
	for _, c := range s.contests {
		st := ShadowStatus{Model: c.model, Challenger: c.version, Sample: s.Sample}
		s.current(c).status(&st)
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b ShadowStatus) int { return strings.Compare(a.Model, b.Model) })
	return all
}
