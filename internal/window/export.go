package window

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
)

// Stored is an entry of a history. In steps it is all events of one step that have the same mark, and the sums
// of the whole step are with those that have none.
type Stored struct {
	Time   int64   // ms; of a step, its begin
	Mark   int64   // ms, rounded up to a step; 0: none. Which event of one time has the mark does not matter
	Weight int64   // how many events; 0 for the sums of a step whose events are all marked
	Values []int64 // exact: by Spec.Values; nil in steps
	Sums   []Total // in steps: by Spec.Values, zero where no sum is asked; nil where exact
}

// Total is what a number of several events comes to.
type Total struct {
	N, Sum               int64
	SquaresHi, SquaresLo uint64 // the sum of squares, 0 if Std is not asked
}

// Entries returns the entries of a history that have not expired, by ascending time. What a Stored holds is good
// until the next.
func (l *Layout) Entries(state []byte) iter.Seq[Stored] {
	return func(yield func(Stored) bool) {
		v := l.view(state)
		unit := max(l.step, 1)
		var s Stored
		if l.step > 0 {
			s.Sums = make([]Total, len(l.columns))
		} else {
			s.Values = make([]int64, len(l.columns))
		}
		for i := v.after(v.expired()); i < v.end; i++ {
			s.Time, s.Weight = v.time(i)*unit, v.weight(i)
			if l.mark != 0 {
				s.Mark = v.mark(i) * unit
			}
			for k := range l.columns {
				c := &l.columns[k]
				switch {
				case c.n != 0:
					x := v.part(i, c)
					s.Sums[k] = Total{N: x.n, Sum: x.sum, SquaresHi: x.squares.hi, SquaresLo: x.squares.lo}
				case l.step > 0:
				case c.hash:
					s.Values[k] = v.hash(i, c.at)
				default:
					s.Values[k] = v.number(i, c.at)
				}
			}
			if !yield(s) {
				return
			}
		}
	}
}

// AppendCanonical appends a form of the history that is the same for equal ones, whatever their past: the time
// of the newest event, and of each time that has not expired its events and its marks. An empty history, nil or
// not, is no bytes. It is to compare, not to be read again.
func (l *Layout) AppendCanonical(dst, state []byte) []byte {
	var group []Stored
	flush := func() {
		slices.SortStableFunc(group, func(a, b Stored) int { return slices.Compare(a.Values, b.Values) })
		marks := make([]int64, len(group))
		for i, s := range group {
			marks[i] = s.Mark
		}
		if l.step == 0 {
			slices.SortFunc(marks, cmp.Compare[int64])
		}
		for i, s := range group {
			dst = appendStored(dst, s, marks[i])
		}
		group = group[:0]
	}
	empty := true
	start := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(Newest(state)))
	for s := range l.Entries(state) {
		empty = false
		if len(group) > 0 && group[0].Time != s.Time {
			flush()
		}
		s.Values, s.Sums = slices.Clone(s.Values), slices.Clone(s.Sums)
		group = append(group, s)
	}
	flush()
	if empty && Newest(state) == 0 {
		return dst[:start]
	}
	return dst
}

func appendStored(dst []byte, s Stored, mark int64) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Time))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(mark))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Weight))
	for _, x := range s.Values {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(x))
	}
	for _, x := range s.Sums {
		for _, y := range [...]uint64{uint64(x.N), uint64(x.Sum), x.SquaresHi, x.SquaresLo} {
			dst = binary.LittleEndian.AppendUint64(dst, y)
		}
	}
	return dst
}
