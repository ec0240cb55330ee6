package score

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// ErrReused refuses an event whose id was answered with other content.
var ErrReused = errors.New("the event_id was used for other content")

// Replayed returns a scorer that answers an event id that was answered before with its first answer, whatever
// model is live now, and passes the others on to s.
//
// Of twins that come at once, one is scored and the others wait for its answer. What cannot be scored, and
// what is answered without a score, is not kept: its retry counts as new.
//
// A store that processes share can be down. With closed, an event whose answer cannot be looked up, or kept, is then
// refused; else it is answered, and a repeat may be answered anew.
func Replayed(s Scorer, kept store.Store, closed bool, m *telemetry.Metrics) Scorer {
	r := &replayed{Scorer: s, store: kept, closed: closed, counts: m.Replay}
	if _, r.far = kept.(store.Shared); r.far {
		r.opens, _ = s.(opener)
	}
	return r
}

// An opener claims the only event of a batch, a raw one, and takes hold of its histories by the way.
type opener interface {
	open(ctx context.Context, b *Batch, dst []byte) (store.Claimed, []byte, error)
}

type replayed struct {
	Scorer
	store  store.Store
	closed bool
	far    bool // each call takes a while: those for a batch are made together
	opens  opener
	counts telemetry.Replay
}

func (s *replayed) Score(ctx context.Context, b *Batch) error {
	waiting := s.claimAll(ctx, b)
	// Twins within one batch wait for each other here, too: the first of them is answered by then, and nobody
	// waits for another while holding what that one waits for.
	err := s.pass(ctx, b, 0, len(b.Events))
	for i := 0; waiting > 0 && err == nil && i < len(b.Events); i++ {
		e := &b.Events[i]
		if !e.Done || e.Replayed || e.Refused != nil {
			continue
		}
		waiting--
		e.Done = false
		b.Answers, _ = s.claim(ctx, e, true, b.Answers)
		if !e.Replayed && e.Refused == nil { // won, or answered without a claim
			err = s.pass(ctx, b, i, i+1)
		}
	}
	return err
}

// claimAll asks for the right to answer the events of a batch, and returns how many others are about to answer. Those
// are Done.
func (s *replayed) claimAll(ctx context.Context, b *Batch) (waiting int) {
	if s.far && len(b.Events) > 1 {
		return s.claimTogether(ctx, b)
	}
	if s.opens != nil && len(b.Events) == 1 {
		if e := &b.Events[0]; e.Guarded && e.Raw && e.Refused == nil {
			return s.openOne(ctx, b, e)
		}
	}
	for i := range b.Events {
		e := &b.Events[i]
		if !e.Guarded {
			continue
		}
		var here bool
		if b.Answers, here = s.claim(ctx, e, false, b.Answers); !here {
			e.Done = true
			waiting++
		}
	}
	return waiting
}

// openOne is claimAll for the only event of a batch, a raw one.
func (s *replayed) openOne(ctx context.Context, b *Batch, e *Event) (waiting int) {
	start := len(b.Answers)
	claimed, answers, err := s.opens.open(ctx, b, b.Answers)
	b.Answers = answers
	if !s.take(e, false, claimed, answers[start:], err) {
		e.Done = true
		return 1
	}
	return 0
}

// claim asks for the right to answer e, or finds its answer, which is appended to dst. false: somebody else is about
// to answer it.
func (s *replayed) claim(ctx context.Context, e *Event, wait bool, dst []byte) (_ []byte, here bool) {
	start := len(dst)
	claimed, dst, err := s.store.Claim(ctx, e.Key, e.Digest, wait, dst)
	return dst, s.take(e, wait, claimed, dst[start:], err)
}

// take takes note of what became of a claim. false: somebody else is about to answer the event.
func (s *replayed) take(e *Event, waited bool, claimed store.Claimed, answer []byte, err error) (here bool) {
	if errors.Is(err, store.ErrDown) && !s.closed {
		s.counts.Unguarded.Inc()
		return true
	}
	if err != nil {
		e.Refused = err
		return true
	}
	switch claimed {
	case store.Won:
		e.claimed = true
		s.counts.Miss.Inc()
	case store.Answered:
		e.replay(answer)
		if waited {
			s.counts.Joined.Inc()
		} else {
			s.counts.Hit.Inc()
		}
	case store.Reused:
		e.Refused = ErrReused
		s.counts.Conflict.Inc()
	case store.Pending:
		return false
	}
	return true
}

// pass passes the events from i up to j on, and lets go of what was claimed, come what may.
func (s *replayed) pass(ctx context.Context, b *Batch, i, j int) error {
	finished := false
	defer func() {
		s.finishAll(ctx, b, i, j, finished)
	}()
	for k := i; k < j; k++ {
		if e := &b.Events[k]; !e.Done && e.Refused == nil {
			if err := s.next(ctx, b, i, j); err != nil {
				return err
			}
			break
		}
	}
	finished = true
	return nil
}

func (s *replayed) next(ctx context.Context, b *Batch, i, j int) error {
	if j-i == len(b.Events) {
		return s.Scorer.Score(ctx, b)
	}
	p := b.Part(i, j)
	p.Answers = nil // those of parts before are still to be sent
	return s.Scorer.Score(ctx, p)
}

// finishAll keeps the answers of the events from i up to j.
func (s *replayed) finishAll(ctx context.Context, b *Batch, i, j int, passed bool) {
	lasting := context.Background() // others wait for the answers, whoever has hung up
	if s.far {
		lasting = context.WithoutCancel(ctx) // which is told what the store takes
	}
	if s.far && j-i > 1 {
		s.finishTogether(ctx, lasting, b, i, j, passed)
		return
	}
	for k := i; k < j; k++ {
		if e := &b.Events[k]; !s.finish(lasting, e, passed) {
			s.overtaken(ctx, b, e)
		}
	}
}

// finish keeps the answer of an event that was claimed, or lets others try. false: another has answered it, or is
// about to.
func (s *replayed) finish(ctx context.Context, e *Event, passed bool) bool {
	if !e.claimed || e.later {
		return true
	}
	e.claimed = false
	if !passed || e.Refused != nil || e.Result.Degraded || e.Answer == nil {
		_ = s.store.Abandon(ctx, e.Key, e.Digest)
		return true
	}
	switch err := s.store.Complete(ctx, e.Key, e.Digest, e.stored()); {
	case errors.Is(err, store.ErrNoClaim):
		return false
	case errors.Is(err, store.ErrDown) && s.closed:
		e.Refused = err
	case errors.Is(err, store.ErrDown):
		s.counts.Unguarded.Inc()
	}
	return true
}

// overtaken gives an event whose claim has expired the answer that another gave meanwhile. If that is still to come it
// is waited for; if nobody gives one, ours is as good.
func (s *replayed) overtaken(ctx context.Context, b *Batch, e *Event) {
	s.counts.Overtaken.Inc()
	if b.Answers, _ = s.claim(ctx, e, true, b.Answers); !e.claimed {
		return
	}
	e.claimed = false
	if err := s.store.Complete(context.Background(), e.Key, e.Digest, e.stored()); err != nil && s.closed {
		e.Refused = err
	}
}

// stored returns what is kept of an answered event: the model's version, then the answer.
func (e *Event) stored() []byte { return e.Answer[:len(e.Answer):len(e.Answer)] }

// replay takes what stored returned.
func (e *Event) replay(answer []byte) {
	version, n := binary.Uvarint(answer)
	if n <= 0 {
		e.Refused = errors.New("an answer that is kept cannot be read")
		return
	}
	e.Answer, e.Version = answer, int(version)
	e.Done, e.Replayed, e.Refused = true, true, nil
}

// Body returns the members of the answer, from the score on.
func (e *Event) Body() []byte {
	_, n := binary.Uvarint(e.Answer)
	return e.Answer[max(n, 0):]
}
