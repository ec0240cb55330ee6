package score

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/history"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/registry"
	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
	"github.com/besra-ml/besra/internal/window"
)

// Recorded returns a scorer that makes rows of events and their histories, has s score them, and then makes the
// event part of history.
//
// An event's entities are held from reading their windows until the event and what was said of it have entered
// history and are queued as one record of the journal; the disk is awaited after they are let go. What was not
// scored, and what was answered without a score, leaves no trace. A sample of the others is shown to shadow, nil
// for none.
func Recorded(s Scorer, h *history.History, shadow *Shadow) Scorer { return &recorded{s, h, shadow} }

type recorded struct {
	Scorer
	history *history.History
	shadow  *Shadow
}

// work is the memory of recording a batch.
type work struct {
	turn     history.Turn
	said     history.Scored
	recorded []entry
	samples  samples
	opened   bool  // the histories of the only event are held already, unless that failed
	failed   error // why they are not
}

// atOnce is how many events of a batch are scored until others may have the processor.
const atOnce = 1024

// An entry is an event that the journal has queued.
type entry struct {
	event    int
	position uint64
	kept     uint16
	tag      store.Tag // see history.Scored
}

// ErrRefused is why an event's own values keep it from being scored.
type ErrRefused struct {
	What   WarningKind // OutOfBounds, or Missing
	Field  string
	Detail string
}

// Missing refuses an event of which a feature that may not be missing is.
const Missing WarningKind = 255

func (e *ErrRefused) Error() string { return e.Field + ": " + e.Detail }

func (s *recorded) Score(ctx context.Context, b *Batch) error {
	b.work.recorded = b.work.recorded[:0]
	b.work.samples.reset()
	for i := 0; i < len(b.Events); {
		j := i + 1
		if b.Events[i].Raw {
			s.event(ctx, b, i)
		} else {
			for j < len(b.Events) && !b.Events[j].Raw && j-i < atOnce {
				j++
			}
			s.rows(ctx, b, i, j)
		}
		if i/atOnce != j/atOnce {
			runtime.Gosched() // a long batch lets those go first who have little to do
		}
		i = j
	}
	s.await(ctx, b)
	s.shadow.offer(b)
	return nil
}

// rows scores the events from i up to j, whose rows are given, and records what was said of those that have ids.
func (s *recorded) rows(ctx context.Context, b *Batch, i, j int) {
	err := s.Scorer.Score(ctx, b.Part(i, j))
	for k := i; k < j; k++ {
		e := &b.Events[k]
		if e.Done || e.Refused != nil {
			continue
		}
		if err != nil {
			s.degrade(ctx, b, k, err)
		}
		if e.Refused != nil {
			continue
		}
		b.Write(k)
		if !e.DryRun && !e.Result.Degraded {
			s.shadow.row(b, k)
		}
		if !e.Guarded || e.Result.Degraded {
			continue
		}
		now := s.history.Now().UnixMilli() // it has no time of its own
		position, err := s.history.Remember(&b.work.turn, b.stream(), now, said(b, k))
		if errors.Is(err, store.ErrDown) && !s.history.Refuse {
			err = nil // only its label will not be known
		}
		s.queued(e, b, entry{event: k, position: position}, err)
	}
}

// event makes a row of event i and its history, scores it, and makes it part of history.
func (s *recorded) event(ctx context.Context, b *Batch, i int) {
	e, in := &b.Events[i], &b.Inputs[i]
	if e.Done || e.Refused != nil {
		return
	}
	t := &b.work.turn
	at := b.Times.Now()
	if err := s.begin(ctx, b, e, in); err != nil {
		s.blind(ctx, b, i, err)
		return
	}
	defer s.history.Release(t)
	b.Model.Program.Row(b.Row(i), in, t.States, &t.Work)
	unknown(b, i)
	s.warn(b, i, t)
	b.Times.Spent(telemetry.StageHistory, at)
	if e.Refused = bounds(b, i); e.Refused != nil {
		return
	}
	if err := s.Scorer.Score(ctx, b.Part(i, i+1)); err != nil {
		s.degrade(ctx, b, i, err)
	}
	if e.Refused != nil || e.DryRun || e.Result.Degraded {
		return
	}
	b.Write(i)
	s.shadow.event(b, i, t)
	what := said(b, i)
	position, kept, err := s.history.Commit(ctx, t, b.stream(), in, what)
	s.queued(e, b, entry{i, position, kept, what.Tag}, err)
}

// asksHistory reports whether a model's column is made of history.
func asksHistory(m *registry.Model, column int) bool {
	g, _ := m.Program.Column(column)
	return g >= 0
}

// open claims the only event of a batch and takes hold of its histories, in one trip.
func (s *recorded) open(ctx context.Context, b *Batch, dst []byte) (store.Claimed, []byte, error) {
	e := &b.Events[0]
	at := b.Times.Now()
	claimed, dst, err := s.history.Claim(ctx, &b.work.turn, b.stream(), &b.Inputs[0], e.Key, e.Digest, dst)
	b.Times.Spent(telemetry.StageHistory, at)
	b.work.opened, b.work.failed = claimed == store.Won || err != nil, err
	return claimed, dst, err
}

// begin takes hold of the histories of an event's entities.
func (s *recorded) begin(ctx context.Context, b *Batch, e *Event, in *feature.Event) error {
	t, of := &b.work.turn, b.stream()
	if b.work.opened {
		b.work.opened = false
		return b.work.failed
	}
	switch {
	case e.DryRun:
		return s.history.Begin(ctx, t, of, in)
	case e.Guarded:
		return s.history.Announce(ctx, t, of, in, &e.Key)
	}
	return s.history.Announce(ctx, t, of, in, nil)
}

// blind answers event i though its histories cannot be had. While a store that processes share is down, it is scored
// without them, if that is what was chosen: what is asked of history is missing, and the answer leaves no trace. Where
// there is no such store history is empty, for all that anybody will ever know.
func (s *recorded) blind(ctx context.Context, b *Batch, i int, err error) {
	e := &b.Events[i]
	if !errors.Is(err, store.ErrDown) || ctx.Err() != nil {
		s.degrade(ctx, b, i, fmt.Errorf("history: %w", err))
		return
	}
	if s.history.Refuse {
		e.Refused = err
		return
	}
	t, row := &b.work.turn, b.Row(i)
	b.Model.Program.Row(row, &b.Inputs[i], t.States, &t.Work)
	unknown(b, i)
	lost := !errors.Is(err, store.ErrAbsent)
	for c := range row {
		if lost && asksHistory(b.Model, c) {
			row[c] = math.NaN()
		}
	}
	for k := range b.Model.Bounds {
		if bound := &b.Model.Bounds[k]; lost && bound.Needed && asksHistory(b.Model, bound.Column) {
			s.fallback(b, i, err) // the model cannot do without
			return
		}
	}
	if e.Refused = bounds(b, i); e.Refused != nil {
		return
	}
	if err := s.Scorer.Score(ctx, b.Part(i, i+1)); err != nil {
		s.degrade(ctx, b, i, err)
	}
	e.Result.Degraded, e.Cause = true, errors.Join(e.Cause, err)
}

// queued notes an event whose record is on its way to the disk, or refuses it.
func (s *recorded) queued(e *Event, b *Batch, at entry, err error) {
	if err != nil {
		e.Refused = err
		return
	}
	if at.position > 0 {
		b.work.recorded = append(b.work.recorded, at)
	}
}

// await waits until what was recorded is as durable as promised. What is not is refused, and undone; or given
// out all the same, if that is what was chosen.
func (s *recorded) await(ctx context.Context, b *Batch) {
	if len(b.work.recorded) == 0 {
		return
	}
	began := b.Times.Now()
	defer b.Times.Spent(telemetry.StageJournal, began)
	for n := len(b.work.recorded) - 1; n >= 0; n-- { // the last first: it takes the others along
		at := b.work.recorded[n]
		e := &b.Events[at.event]
		until := b.Deadline
		if !e.Guarded {
			until = time.Time{} // a retry would count as another event: its answer is worth waiting for
		}
		err := s.history.Wait(at.position, until)
		switch {
		case err == nil:
		case s.history.Continue:
			s.history.Metrics.Journal.Unsaved.Inc()
		case errors.Is(err, history.ErrSlow):
			s.later(b, at)
			e.Refused = err
		default:
			s.undo(ctx, &b.work.turn, b, at)
			e.Refused = err
		}
	}
}

func (s *recorded) undo(ctx context.Context, t *history.Turn, b *Batch, at entry) {
	what := said(b, at.event)
	what.Tag = at.tag
	s.history.Undo(context.WithoutCancel(ctx), t, b.stream(), &b.Inputs[at.event], at.kept, what)
}

// later leaves an event to the journal: when its record is written its answer is kept for those who ask again,
// and if it is lost, the event is undone.
func (s *recorded) later(b *Batch, at entry) {
	e := &b.Events[at.event]
	e.later = e.claimed
	stream, in, what := b.stream(), clone(&b.Inputs[at.event]), *said(b, at.event)
	answer := append([]byte(nil), e.Answer...)
	what.Answer, what.Tag = answer, at.tag
	claimed := e.claimed
	s.history.Later(at.position, func(err error) {
		ctx := context.Background()
		if err != nil {
			s.history.Undo(ctx, new(history.Turn), stream, &in, at.kept, &what)
			if claimed {
				_ = s.history.Kept().Abandon(ctx, what.Key, what.Digest)
			}
			return
		}
		if claimed {
			_ = s.history.Kept().Complete(ctx, what.Key, what.Digest, answer)
		}
	})
}

// clone copies an event, whose memory is the batch's. Its texts have gone into the journal.
func clone(e *feature.Event) feature.Event {
	return feature.Event{Time: e.Time, Numbers: slices.Clone(e.Numbers), Texts: make([][]byte, len(e.Texts)), Hashes: slices.Clone(e.Hashes)}
}

// degrade gives event i the fallback's answer, unless whoever asked has gone.
func (s *recorded) degrade(ctx context.Context, b *Batch, i int, err error) {
	if ctx.Err() != nil {
		b.Events[i].Refused = ctx.Err()
		return
	}
	s.fallback(b, i, err)
}

// fallback has the policy's fallback decide event i, or refuses it.
func (s *recorded) fallback(b *Batch, i int, err error) {
	if p := b.Model.Policy(); p == nil || p.Fallback == policy.None {
		b.Events[i].Refused = err
		return
	}
	Degrade(b, i)
	b.Events[i].Cause = err
}

// warn tells which entities will not remember the event, and which features lack a part of their history.
func (s *recorded) warn(b *Batch, i int, t *history.Turn) {
	e, p := &b.Events[i], b.Model.Plan
	for g, kept := range t.Kept {
		if kept == window.Remembered {
			continue
		}
		what, counter := Late, b.Model.Counters.Late
		if kept == window.Full {
			what, counter = Full, b.Model.Counters.Full
		}
		if !e.DryRun {
			counter.Inc()
		}
		for _, name := range p.Groups[g].Entities {
			e.warn(Warning{Field: name, Feature: -1, What: what})
		}
	}
	if !s.history.AnyShort(p) {
		return
	}
	for c := range b.Model.Columns {
		g, reach := b.Model.Program.Column(c)
		if g >= 0 && s.history.Short(p, g, b.Inputs[i].Time-reach) {
			e.warn(Warning{Field: b.Model.Columns[c].Name, Feature: c, What: ShortHistory})
		}
	}
}

// unknown warns of texts that the model does not know.
func unknown(b *Batch, i int) {
	p, row, in := b.Model.Program, b.Row(i), &b.Inputs[i]
	for c := p.Unknown(row, in, 0); c >= 0; c = p.Unknown(row, in, c+1) {
		b.Events[i].warn(Warning{Field: b.Model.Columns[c].Name, Feature: c, What: UnknownCategory})
	}
}

// warn adds a warning, once.
func (e *Event) warn(w Warning) {
	for _, other := range e.Warnings {
		if other == w {
			return
		}
	}
	e.Warnings = append(e.Warnings, w)
}

// bounds holds an event's row against what the bundle says of its features.
func bounds(b *Batch, i int) error {
	row := b.Row(i)
	for k := range b.Model.Bounds {
		bound := &b.Model.Bounds[k]
		x := row[bound.Column]
		missing := bound.Missing(x)
		if x >= bound.Min && x <= bound.Max && !missing || missing && !bound.Needed {
			continue
		}
		c := bound.Column
		f := &b.Model.Features[c]
		switch {
		case missing:
			return &ErrRefused{Missing, f.Name, "the bundle says that it may not be missing"}
		case f.RefuseOutOfBounds:
			return &ErrRefused{OutOfBounds, f.Name, fmt.Sprintf("%v is not within the bounds %v to %v of the bundle", x, f.Min, f.Max)}
		default:
			b.Events[i].warn(Warning{Field: f.Name, Feature: c, What: OutOfBounds})
		}
	}
	return nil
}

// said returns what was said of event i, in the batch's memory.
func said(b *Batch, i int) *history.Scored {
	e, s := &b.Events[i], &b.work.said
	*s = history.Scored{
		Version: e.Version, HasID: e.Guarded, Key: e.Key, Digest: e.Digest, Answer: e.Answer,
		Score: e.Result.Score, Decision: e.Result.Decision,
	}
	if e.Raw {
		s.Loss = loss(b.Model.Program.Loss(&b.Inputs[i]))
	}
	return s
}

// loss returns a loss in history's units.
func loss(amount int64, decimals int) int64 {
	unit := int64(history.LossUnit)
	for ; decimals > 0; decimals-- {
		if unit > 1 {
			unit /= 10
		} else {
			amount /= 10
		}
	}
	return amount * unit
}

func (b *Batch) stream() history.Stream {
	return history.Stream{Tenant: b.Tenant, Model: b.Model.Name, Plan: b.Model.Plan}
}
