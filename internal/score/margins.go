package score

import "github.com/besra-ml/besra/internal/memo"

// margins fills in the margins of a batch's rows.
func (s direct) margins(b *Batch) error {
	m := b.Model
	if s.ghost != nil {
		for i := range b.Events {
			if b.Events[i].open() {
				s.ghost.Saw(m.Scope, b.Row(i))
			}
		}
	}
	if s.memo == nil || !m.Memo {
		return m.Engine.Margin64(b.Margins, b.Rows)
	}
	for i := 0; i < len(b.Events); {
		var keys [unknownRows]memo.Key
		n := 0 // rows from i on that are not known
		for i+n < len(b.Events) && n < unknownRows && b.Events[i+n].open() && !s.memo.Get(m.Scope, b.Row(i+n), b.margins(i+n, i+n+1), &keys[n]) {
			n++
		}
		if n == 0 {
			i++
			continue
		}
		if err := m.Engine.Margin64(b.margins(i, i+n), b.Rows[i*len(m.Columns):(i+n)*len(m.Columns)]); err != nil {
			return err
		}
		for k := range n {
			s.memo.Put(m.Scope, &keys[k], b.Row(i+k), b.margins(i+k, i+k+1))
		}
		i += n
	}
	return nil
}

// unknownRows is how many rows that are not known are predicted at once.
const unknownRows = 64

// open reports whether the event is to be scored.
func (e *Event) open() bool { return e.Refused == nil && !e.Done }

// margins returns the margins of the events from i up to j.
func (b *Batch) margins(i, j int) []float64 {
	n := b.Model.Outputs
	return b.Margins[i*n : j*n]
}
