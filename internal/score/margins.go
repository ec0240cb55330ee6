package score

import (
	"context"
	"time"

	"github.com/besra-ml/besra/internal/memo"
	"github.com/besra-ml/besra/internal/registry"
)

// margins fills in the margins of a batch's rows.
func (s direct) margins(ctx context.Context, b *Batch) error {
	m := b.Model
	if s.ghost != nil {
		for i := range b.Events {
			if b.Events[i].open() {
				s.ghost.Saw(m.Scope, b.Row(i))
			}
		}
	}
	if s.memo == nil || !m.Memo {
		return m.Margins(b.Margins, b.Rows)
	}
	for i := 0; i < len(b.Events); {
		var keys [unknownRows]memo.Key
		n := 0 // rows from i on that are not known
		for i+n < len(b.Events) && n < unknownRows && b.Events[i+n].open() && !s.known(ctx, b, i+n, &keys[n]) {
			n++
		}
		if n == 0 {
			i++
			continue
		}
		if err := m.Margins(b.margins(i, i+n), b.Rows[i*len(m.Columns):(i+n)*len(m.Columns)]); err != nil {
			return err
		}
		for k := range n {
			row, margins := b.Row(i+k), b.margins(i+k, i+k+1)
			s.memo.Put(m.Scope, &keys[k], row, margins)
			if s.far != nil && expensive(m) {
				s.far.Put(farKey(keys[k]), m.Scope.AppendRecord(nil, row, margins), farKept)
			}
		}
		i += n
	}
	return nil
}

// known finds the margins of event i's row, here or where processes share them, and leaves its key in k.
func (s direct) known(ctx context.Context, b *Batch, i int, k *memo.Key) bool {
	m, row, margins := b.Model, b.Row(i), b.margins(i, i+1)
	if s.memo.Get(m.Scope, row, margins, k) {
		return true
	}
	if s.far == nil || !expensive(m) {
		return false
	}
	record, err := s.far.Get(ctx, farKey(*k))
	if err != nil || !m.Scope.ReadRecord(record, row, margins) {
		return false
	}
	s.memo.Put(m.Scope, k, row, margins)
	return true
}

// Far is where processes share margins. See store.Shared.
type Far interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Put(key string, value []byte, ttl time.Duration)
}

const (
	slowRow = 2 * time.Millisecond // a row that takes so long is worth a question over a network
	farKept = 24 * time.Hour
)

// expensive reports whether a model's rows take longer than to ask others for their margins.
func expensive(m *registry.Model) bool { return m.Pace != nil && m.Pace.Single() >= slowRow }

func farKey(k memo.Key) string { return "m:" + k.String() }

// unknownRows is how many rows that are not known are predicted at once.
const unknownRows = 64

// open reports whether the event is to be scored.
func (e *Event) open() bool { return e.Refused == nil && !e.Done }

// margins returns the margins of the events from i up to j.
func (b *Batch) margins(i, j int) []float64 {
	n := b.Model.Outputs
	return b.Margins[i*n : j*n]
}
